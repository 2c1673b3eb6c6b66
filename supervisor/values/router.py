"""The router's configuration, in neutral types, whatever source it came from: the only thing templates may see.

All addresses are values of `ipaddress`, times are seconds, texts are as a guest will read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address

from supervisor.values.balancing import LoadBalancing
from supervisor.values.secret import Secret

IPAddress = IPv4Address | IPv6Address
NO_BALANCING = LoadBalancing()


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
        """The network that `address` is in."""
        return self.address.network

    @property
    def service_addresses(self) -> tuple[IPv4Address, ...]:
        """Our addresses in it that guests call services at, the preferred one first."""
        if self.is_gateway and self.gateway != self.address.ip:
            return (self.gateway, self.address.ip)
        return (self.address.ip,)


class AddressUse(StrEnum):
    """The side that an address of the router is for."""

    GUEST = "guest"
    PUBLIC = "public"
    OTHER = "other"  # the management server's, for one


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """An address of the router, and the interface that has it."""

    address: IPv4Interface
    interface: str
    use: AddressUse


@dataclass(frozen=True, slots=True)
class Host:
    """A guest's reservation: one network card of one machine."""

    mac: str  # lower case, colons
    address: IPv4Address
    name: str
    lease_seconds: int | None  # None: for ever
    is_default: bool  # its default card: gets gateway, resolvers and domain
    interface: str  # of the guest network that holds the address
    gateway: IPv4Address | None = None  # offered instead of the network's; 0.0.0.0: none is offered


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """A name that the router's resolver answers for by itself."""

    name: str
    address: IPAddress


@dataclass(frozen=True, slots=True)
class Dns:
    """The router's resolver: servers that it asks, in order, and names besides those of the hosts."""

    upstreams: tuple[IPAddress, ...] = ()
    records: tuple[DnsRecord, ...] = ()
    is_served: bool = True  # False: guests use outside resolvers only


@dataclass(frozen=True, slots=True)
class Metadata:
    """Facts that one guest may read about itself. `items` has the order of the source."""

    address: IPv4Address
    user_data: bytes | None
    items: tuple[tuple[str, str | None], ...]

    @property
    def aliases(self) -> tuple[tuple[str, str | None], ...]:
        """Items with capitals in their keys once more, in lower case, where no other item has that key."""
        taken = {key for key, _ in self.items}
        folded: dict[str, str | None] = {}
        for key, value in self.items:
            if key.lower() not in taken:
                folded.setdefault(key.lower(), value)
        return tuple(folded.items())


@dataclass(frozen=True, slots=True)
class Password:
    """A password offered to one guest. A new `offer` is a new password even when the text is the same."""

    address: IPv4Address
    secret: Secret
    offer: str


Proposal = tuple[str, ...]
"""Names of algorithms that are offered together: `aes256`, `sha256` and `modp2048`."""


class IkeVersion(StrEnum):
    """The version of IKE that a tunnel is negotiated in; ANY: that of the other end."""

    ANY = "ike"
    V1 = "ikev1"
    V2 = "ikev2"


@dataclass(frozen=True, slots=True)
class SiteToSite:
    """A tunnel to another gateway. Proposals come in order; lifetimes are seconds."""

    name: str
    local_address: IPv4Address
    local_networks: tuple[IPv4Network, ...]
    peer_address: IPv4Address | str  # or a name, which is looked up at each call
    peer_networks: tuple[IPv4Network, ...]
    ike_proposals: tuple[Proposal, ...]
    esp_proposals: tuple[Proposal, ...]
    ike_version: IkeVersion
    ike_lifetime: int
    esp_lifetime: int
    psk: Secret
    has_dead_peer_detection: bool = True
    force_encapsulation: bool = False
    has_split_connections: bool = False
    is_passive: bool = False  # the other end calls


@dataclass(frozen=True, slots=True)
class Vpn:
    """Tunnels, and who carries their packets."""

    site_to_site: tuple[SiteToSite, ...] = ()
    userspace_data_plane: bool = False  # True: this kernel has no ESP: packets are carried by a program


@dataclass(frozen=True, slots=True)
class RouterConfig:
    """Everything that services need of the router's configuration. An empty one is valid: nothing to serve."""

    name: str = "router"
    domain: str = ""
    networks: tuple[GuestNetwork, ...] = ()
    public_addresses: tuple[IPv4Interface, ...] = ()
    addresses: tuple[OwnAddress, ...] = ()  # all that are known, with their interfaces
    hosts: tuple[Host, ...] = ()
    dns: Dns = Dns()
    load_balancing: LoadBalancing = NO_BALANCING
    metadata: tuple[Metadata, ...] = ()
    passwords: tuple[Password, ...] = ()
    vpn: Vpn = Vpn()
    is_backup: bool = False  # of a redundant pair, and the other router is the one that answers

    @property
    def service_addresses(self) -> tuple[IPv4Address, ...]:
        """Every address that guests of any network call services at, each once."""
        return tuple(dict.fromkeys(address for network in self.networks for address in network.service_addresses))

    @property
    def own_addresses(self) -> frozenset[IPv4Address]:
        """Each of `addresses`, and those that guests call services at: a pair's address is on one router at a time."""
        return frozenset((*self.service_addresses, *(own.address.ip for own in self.addresses)))

    @property
    def guest_sides(self) -> tuple[str, ...]:
        """The interfaces that guests are behind."""
        described = (network.interface for network in self.networks)
        return tuple(dict.fromkeys((*described, *self._interfaces(AddressUse.GUEST))))

    @property
    def tunnel_sides(self) -> tuple[str, ...] | None:
        """The interfaces at which other gateways call: the public ones, and those of the tunnels' own addresses.

        None: it is not known which interface has such an address. Empty: there is neither, so nobody calls.
        """
        local = [self._interface_of(tunnel.local_address) for tunnel in self.vpn.site_to_site]
        sides = dict.fromkeys((*self._interfaces(AddressUse.PUBLIC), *(name for name in local if name)))
        return None if None in local else tuple(sides)

    def sides(self, address: IPv4Address) -> tuple[str, ...] | None:
        """Return the interfaces at which `address` is to be called; None: it is not known which interface has it.

        An address is called by what is behind its own interface, a public one by all guests too: what they send to it
        never leaves the router. One tier's address is not for another tier.
        """
        own = self._interface_of(address)
        if own is None:
            return None
        is_public = any(item.address.ip == address and item.use is AddressUse.PUBLIC for item in self.addresses)
        return tuple(dict.fromkeys((own, *self.guest_sides))) if is_public else (own,)

    def _interface_of(self, address: IPv4Address) -> str | None:
        called = ((network.interface, at) for network in self.networks for at in network.service_addresses)
        known = (*called, *((item.interface, item.address.ip) for item in self.addresses))
        return next((interface for interface, at in known if at == address), None)

    def _interfaces(self, use: AddressUse) -> tuple[str, ...]:
        return tuple(dict.fromkeys(item.interface for item in self.addresses if item.use is use))
