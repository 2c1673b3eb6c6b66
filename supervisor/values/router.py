"""The router's configuration, whatever source it came from: the only thing templates may see.

All addresses are values of `ipaddress`, times are seconds, texts are as a guest will read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address

from supervisor.values.secret import Secret

IPAddress = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class GuestNetwork:
    """A network of guests behind one interface of the router."""

    interface: str
    address: IPv4Interface  # the router's own address in it, with the prefix length
    gateway: IPv4Address  # what guests use as gateway: the router, or the virtual address of a redundant pair
    domain: str
    dns: tuple[IPAddress, ...]  # resolvers handed to guests, in order
    mtu: int | None = None
    search: tuple[str, ...] = ()
    is_gateway: bool = True  # False: the gateway is another router, and only `address` is ours

    @property
    def network(self) -> IPv4Network:
        return self.address.network

    @property
    def service_addresses(self) -> tuple[IPv4Address, ...]:
        """Our addresses in it that guests call services at, the preferred one first."""
        if self.is_gateway and self.gateway != self.address.ip:
            return (self.gateway, self.address.ip)
        return (self.address.ip,)


@dataclass(frozen=True, slots=True)
class Host:
    """A guest's reservation: one network card of one machine."""

    mac: str  # lower case, colons
    address: IPv4Address
    name: str
    lease_seconds: int | None  # None: for ever
    is_default: bool  # its default card: gets gateway, resolvers and domain
    interface: str  # of the guest network that holds the address
    gateway: IPv4Address | None = None


@dataclass(frozen=True, slots=True)
class DnsRecord:
    name: str
    address: IPAddress


@dataclass(frozen=True, slots=True)
class Dns:
    """What the router's resolver knows besides the hosts."""

    upstreams: tuple[IPAddress, ...] = ()
    records: tuple[DnsRecord, ...] = ()
    is_served: bool = True  # False: guests use outside resolvers only


class Balance(StrEnum):
    ROUND_ROBIN = "roundrobin"
    LEAST_CONNECTIONS = "leastconn"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Backend:
    name: str
    address: IPv4Address
    port: int
    cookie: str | None = None
    proxy_protocol: bool = False


class CookieMode(StrEnum):
    INSERT = "insert"
    REWRITE = "rewrite"
    PREFIX = "prefix"


@dataclass(frozen=True, slots=True)
class CookieStickiness:
    name: str
    mode: CookieMode
    options: tuple[str, ...] = ()  # nocache, indirect, postonly, "domain example.org"


@dataclass(frozen=True, slots=True)
class SourceStickiness:
    table_size: str = "200k"
    expire: str = "30m"


@dataclass(frozen=True, slots=True)
class LearnedCookieStickiness:
    """Follows a cookie that the application itself sets."""

    name: str
    length: int = 52
    holdtime: str = "3h"


Stickiness = CookieStickiness | SourceStickiness | LearnedCookieStickiness


@dataclass(frozen=True, slots=True)
class Certificate:
    name: str
    pem: Secret  # certificate, chain and key in one text


@dataclass(frozen=True, slots=True)
class Listener:
    """One load-balancing rule: an outside address and port, and where its connections go."""

    name: str
    address: IPv4Address
    port: int
    is_http: bool
    balance: Balance
    backends: tuple[Backend, ...]
    keep_alive: bool = True
    stickiness: Stickiness | None = None
    allowed_sources: tuple[IPv4Network, ...] = ()  # empty: everybody
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True)
class Statistics:
    """A page of counters, with a password."""

    name: str
    address: IPv4Address
    port: int
    uri: str
    realm: str
    user: str
    password: Secret


@dataclass(frozen=True, slots=True)
class LoadBalancing:
    max_connections: int = 4096
    connect_timeout_ms: int = 5000
    client_timeout_ms: int | None = 50000  # None: no limit
    server_timeout_ms: int | None = 50000
    listeners: tuple[Listener, ...] = ()
    statistics: tuple[Statistics, ...] = ()


@dataclass(frozen=True, slots=True)
class Metadata:
    """What one guest may read about itself. `items` keeps the order of the source."""

    address: IPv4Address
    user_data: bytes | None
    items: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Password:
    """A password offered to one guest. A new `offer` is a new password even when the text is the same."""

    address: IPv4Address
    secret: Secret
    offer: str


class IkeVersion(StrEnum):
    ANY = "ike"
    V1 = "ikev1"
    V2 = "ikev2"


@dataclass(frozen=True, slots=True)
class SiteToSite:
    """A tunnel to another gateway. Proposals are in the IKE daemon's notation (`aes256-sha256-modp2048`)."""

    name: str
    local_address: IPv4Address
    local_networks: tuple[IPv4Network, ...]
    peer_address: IPv4Address
    peer_networks: tuple[IPv4Network, ...]
    ike_proposals: tuple[str, ...]
    esp_proposals: tuple[str, ...]
    ike_version: IkeVersion
    ike_lifetime: int
    esp_lifetime: int
    psk: Secret
    has_dead_peer_detection: bool = True
    force_encapsulation: bool = False
    has_split_connections: bool = False


@dataclass(frozen=True, slots=True)
class Vpn:
    site_to_site: tuple[SiteToSite, ...] = ()
    userspace_data_plane: bool = False  # True: this kernel has no ESP, the IKE daemon carries packets itself


@dataclass(frozen=True, slots=True)
class RouterConfig:
    """Everything the services need to know of the router. An empty one is valid: nothing to serve."""

    name: str = "router"
    domain: str = ""
    networks: tuple[GuestNetwork, ...] = ()
    public_addresses: tuple[IPv4Interface, ...] = ()
    hosts: tuple[Host, ...] = ()
    dns: Dns = Dns()
    load_balancing: LoadBalancing = LoadBalancing()
    metadata: tuple[Metadata, ...] = ()
    passwords: tuple[Password, ...] = ()
    vpn: Vpn = Vpn()
    is_backup: bool = False  # of a redundant pair, and the other router is the one that answers

    @property
    def service_addresses(self) -> tuple[IPv4Address, ...]:
        """Every address that guests of any network call services at, each once."""
        return tuple(dict.fromkeys(address for network in self.networks for address in network.service_addresses))
