"""Chooses the addresses and names of a new isolated generation (a /30), or the port numbers of a router-mode one.

Nothing is remembered here: those in use come as arguments, from the journal and from the kernel.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, ip_network

from supervisor.values.errors import NetworkError
from supervisor.values.manifest import InsidePort
from supervisor.values.names import ServiceName
from supervisor.values.state import Link

DEFAULT_POOL = IPv4Network("198.18.0.0/15")
DEFAULT_PORTS = range(1053, 2000)
INTERFACE_PREFIX = "vrs"
NAMESPACE_PREFIX = "vrs-"
LINK_PREFIX = 30

CONTROL_NETWORK = IPv4Network("169.254.0.0/16")
"""Link-local addresses carry the management server's control traffic on some hypervisors: never used."""

# Registered ports in the default range that something else on a router is likely to listen on or to ask for:
# proxies, VPNs, databases, RADIUS, L2TP, PPTP, MQTT, SSDP, HSRP.
WELL_KNOWN_PORTS = frozenset(
    {1080, 1099, 1194, 1433, 1434, 1512, 1521, 1645, 1646, 1701, 1718, 1719, 1720, 1723, 1755, 1812, 1813, 1883, 1900}
    | {1935, 1985, 1998}
)


def own_mac(random: bytes) -> str:
    """Return an Ethernet address for a guest of the supervisor's own: six random bytes, marked as locally given."""
    return bytes((random[0] & 0xFC | 0x02, *random[1:6])).hex(":")


def allocate_link(
    service: ServiceName,
    generation: int,
    used: Iterable[Link] = (),
    taken: Iterable[str] = (),
    pool: IPv4Network = DEFAULT_POOL,
    namespaces: str = NAMESPACE_PREFIX,
) -> Link:
    """Return the place of a new isolated generation in the network: the lowest free /30 of `pool`.

    `used` are the links of generations that exist; `taken` the networks (CIDR) that the router itself uses. Of either
    family: IPv6 networks never overlap and are accepted so that the caller need not sort them out.
    """
    numbers = {link_number(link) for link in used}
    blocked = [network for network in (*map(_network, taken), CONTROL_NETWORK) if network and network.overlaps(pool)]
    for number in range(pool.num_addresses // 4):
        base = pool.network_address + 4 * number
        if number in numbers or any(_within(base, network) for network in blocked):
            continue
        return Link(
            namespace=f"{namespaces}{service}-{generation}",
            interface=f"{INTERFACE_PREFIX}{number}",
            outer=base + 1,
            inner=base + 2,
            prefix=LINK_PREFIX,
        )
    raise NetworkError(
        f"cannot allocate addresses for {service} generation {generation}: every /30 of {pool} is in use"
        " or overlaps a network of the router"
    )


def link_number(link: Link) -> int:
    """Return the number that the link's interface is named by: its place in the pool."""
    return int(link.interface.removeprefix(INTERFACE_PREFIX))


def allocate_ports(
    ports: Sequence[InsidePort], used: Collection[int] = (), pool: range = DEFAULT_PORTS
) -> tuple[tuple[str, int], ...]:
    """Return a number for every named port: its own where the manifest gives one, else the lowest free of `pool`.

    `used` are the inside ports of every generation that is alive, of whichever service: they share the router's
    namespace.
    """
    busy = {*used, *WELL_KNOWN_PORTS, *(port.number for port in ports if port.number is not None)}
    free = (number for number in pool if number not in busy)
    allocated = []
    for port in ports:
        number = port.number if port.number is not None else next(free, None)
        if number is None:
            raise NetworkError(
                f"cannot allocate a number for port {port.name}: all from {pool.start} to {pool.stop - 1} are used"
            )
        allocated.append((port.name, number))
    return tuple(allocated)


def _network(text: str) -> IPv4Network | None:
    network = ip_network(text, strict=False)
    return network if isinstance(network, IPv4Network) else None


def _within(base: IPv4Address, network: IPv4Network) -> bool:
    return IPv4Network((base, LINK_PREFIX)).overlaps(network)
