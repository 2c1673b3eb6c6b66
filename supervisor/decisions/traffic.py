"""Decides the content of the nftables table from the frontends of the instances that serve or still answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from itertools import combinations, permutations

from supervisor.values.listing import listed
from supervisor.values.manifest import Protocol
from supervisor.values.names import Digest, ServiceName
from supervisor.values.state import (
    AddressFrontend,
    Endpoint,
    Instance,
    PortFrontend,
    ResolvedFrontend,
    Sides,
    SocketAddress,
)
from supervisor.values.traffic import (
    AddressSwitch,
    Connection,
    GuardedPort,
    HeldPort,
    PortSwitch,
    SyncPath,
    TrafficTable,
)

SidesOf = Mapping[tuple[ServiceName, Digest], Mapping[str, Sides]]
"""The newest sides of frontends, by name, of each service and definition: the definition is what says them."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two frontends that cannot both be served."""

    first: ServiceName
    second: ServiceName
    what: str  # the endpoint that both claim, as text

    def __str__(self) -> str:
        return f"{self.first} and {self.second} both claim {self.what}"


MOST_PINNED = 4096
"""The most connections of one service that the table pins. Each is an element, and all of them are read back often: so
many take some 60 ms to load and 70 ms to verify on a slow router (`test_network_traffic.py` loads as many)."""


def traffic_table(
    active: Iterable[Instance],
    alive: Iterable[Instance],
    held: Iterable[HeldPort] = (),
    pinned: Iterable[Connection] = (),
    shut: Mapping[ServiceName, Set[str]] | None = None,
    sides: SidesOf | None = None,
) -> TrafficTable:
    """Return the table in which new flows go to `active`, and in which everything `alive` may still answer.

    `shut` are names of frontends, by service, that nothing is led to for now; `sides` those that are newer than the
    instances'. Active instances count as alive. Equal switches are listed once and the order is fixed, so that equal
    situations give equal tables.
    """
    newest, closed = sides or {}, shut or {}
    serving = tuple(with_newest(item, newest) for item in active)
    answering = (*serving, *(with_newest(item, newest) for item in alive))
    led_to = tuple(_without(instance, closed.get(instance.service, frozenset())) for instance in serving)
    return TrafficTable(
        active_addresses=_addresses(led_to),
        alive_addresses=tuple(dict.fromkeys(replace(switch, sides=None) for switch in _addresses(answering))),
        active_ports=_ports(led_to),
        alive_ports=_ports(answering),
        outgoing=tuple(sorted({item.link.interface for item in answering if item.link and item.masquerades})),
        guarded_ports=_guarded((*serving, *_unserved(serving, answering)), closed),
        held_ports=tuple(sorted(set(held), key=lambda item: (item.port, item.inside))),
        pinned=tuple(pinned),
        synced=_synced(answering),
    )


def _synced(instances: Iterable[Instance]) -> tuple[SyncPath, ...]:
    """Return the ways by which generations of one service reach each other: both must have a port for it."""
    listening = {instance for instance in instances if instance.sync_port and instance.address}
    paths = {
        SyncPath(source.address, target.address, target.sync_port)
        for source, target in permutations(listening, 2)
        if source.service == target.service and source.address and target.address and target.sync_port
    }
    return tuple(sorted(paths, key=lambda path: (path.target, path.source)))


def pinned_of(connections: Iterable[Connection], inactive: Iterable[Instance]) -> tuple[Connection, ...]:
    """Return those of `connections` that are of `inactive`, at most `MOST_PINNED`: clients take turns for the places.

    A client that connects again from the same port is known by its newest connection.
    """
    ends = {endpoint for instance in inactive for endpoint in endpoints(instance, Protocol.TCP)}
    newest = {
        (connection.client, connection.outside): connection
        for connection in connections
        if is_end_of(connection.inside, ends)
    }
    if len(newest) <= MOST_PINNED:
        return tuple(newest.values())
    turns: Counter[object] = Counter()
    order: list[tuple[int, Connection]] = []
    for connection in newest.values():
        order.append((turns[connection.client[0]], connection))
        turns[connection.client[0]] += 1
    return tuple(connection for _, connection in sorted(order, key=lambda pair: pair[0])[:MOST_PINNED])


def is_end_of(end: SocketAddress, endpoints: Set[Endpoint]) -> bool:
    """True if this end of a TCP connection is at one of `endpoints`; an endpoint without address is at any of them."""
    return any(endpoint in endpoints for endpoint in _endpoints_at(end))


def outside_of(end: SocketAddress, outsides: Mapping[Endpoint, Endpoint]) -> SocketAddress | None:
    """Return our end of a TCP connection as its client sees it; None: it is none of `outsides`."""
    for outside in (outsides[endpoint] for endpoint in _endpoints_at(end) if endpoint in outsides):
        return outside.address or end[0], outside.port
    return None


def _endpoints_at(end: SocketAddress) -> tuple[Endpoint, ...]:
    address, port = end
    anywhere = Endpoint(None, Protocol.TCP, port)
    return (Endpoint(address, Protocol.TCP, port), anywhere) if isinstance(address, IPv4Address) else (anywhere,)


def conflicts(instances: Iterable[Instance]) -> tuple[Conflict, ...]:
    """Return the pairs of frontends that instances cannot have if they are active together; empty: no conflict.

    Two frontends of one instance conflict too when they share an outside endpoint, or an inside endpoint: the reverse
    map could not show which outside address a reply belongs to.
    """
    claims = [(instance, frontend) for instance in instances for frontend in instance.frontends]
    conflicting = []
    for (first, frontend), (second, other) in combinations(claims, 2):
        what = _common_claim(frontend, other, is_same_instance=first is second)
        if what:
            conflicting.append(Conflict(first.service, second.service, what))
    return tuple(conflicting)


def endpoints(instance: Instance, protocol: Protocol | None = None) -> tuple[Endpoint, ...]:
    """Return the endpoints that the replies of an instance come from, as connection tracking sees them.

    An isolated instance answers from its inner address. A router-mode instance answers from the inside port on any
    address of the router. Frontends that are not switched (inside port equal to the port) cannot be attributed to
    a generation and are left out.
    """
    return tuple(outsides(instance, protocol))


def outsides(instance: Instance, protocol: Protocol | None = None) -> dict[Endpoint, Endpoint]:
    """Return the endpoints of an instance, each with the frontend's address and port, as clients see it."""
    by_inside: dict[Endpoint, Endpoint] = {}
    for frontend in instance.frontends:
        match frontend:
            case AddressFrontend(outside=outside, inside_port=port):
                by_inside[Endpoint(instance.address, outside.protocol, port)] = outside
            case PortFrontend(protocol=spoken, port=port, inside_port=inside) if port != inside:
                by_inside[Endpoint(None, spoken, inside)] = Endpoint(None, spoken, port)
    return {inside: outside for inside, outside in by_inside.items() if protocol in (None, inside.protocol)}


def _without(instance: Instance, names: Set[str]) -> Instance:
    return replace(instance, frontends=tuple(frontend for frontend in instance.frontends if frontend.name not in names))


def shut_of(instance: Instance) -> frozenset[str]:
    """Return the names of the instance's frontends that nothing is to be led to for now."""
    return frozenset(frontend.name for frontend in instance.frontends if not frontend.is_open)


def with_shut(instance: Instance, names: Set[str]) -> Instance:
    """Return the instance with these frontends shut and all others open."""
    frontends = tuple(replace(frontend, is_open=frontend.name not in names) for frontend in instance.frontends)
    return replace(instance, frontends=frontends)


def sides_of(instance: Instance) -> dict[str, Sides]:
    """Return the sides of the instance's frontends, by name."""
    return {frontend.name: frontend.sides for frontend in instance.frontends}


def with_sides(instance: Instance, sides: Mapping[str, Sides]) -> Instance:
    """Return the instance with these sides, which are by the names of frontends; others stay."""
    if not sides:
        return instance
    frontends = (replace(frontend, sides=sides.get(frontend.name, frontend.sides)) for frontend in instance.frontends)
    return replace(instance, frontends=tuple(frontends))


def _unserved(active: tuple[Instance, ...], alive: Iterable[Instance]) -> Iterator[Instance]:
    """Yield the instances of services of which none is active."""
    served = {instance.service for instance in active}
    yield from (instance for instance in alive if instance.service not in served)


def newer_sides(known: SidesOf, instance: Instance, alive: Iterable[Instance]) -> SidesOf:
    """Return the newest sides once `instance` has said its own; those of nobody that is `alive` are forgotten."""
    said_by = (instance.service, instance.definition)
    definitions = {one.definition for one in alive}
    names = {frontend.name for one in alive for frontend in one.frontends}
    others = {key: value for key, value in known.items() if key[0] != instance.service or key[1] in definitions}
    still = {name: value for name, value in others.get(said_by, {}).items() if name in names}
    return {**others, said_by: {**still, **sides_of(instance)}}


def is_other_side(before: SidesOf, after: SidesOf, alive: Iterable[Instance]) -> bool:
    """True if an instance of `alive` is to be called at other interfaces than before."""
    return any(sides_of(with_newest(one, before)) != sides_of(with_newest(one, after)) for one in alive)


def with_newest(instance: Instance, newest: SidesOf) -> Instance:
    """Return the instance with the newest sides of its service and definition; those that are not newer stay."""
    return with_sides(instance, newest.get((instance.service, instance.definition), {}))


def _guarded(instances: Iterable[Instance], shut: Mapping[ServiceName, Set[str]]) -> tuple[GuardedPort, ...]:
    """Return the ports that daemons keep through all generations; those of an instance that says no sides are open."""
    guarded: dict[tuple[Protocol, int], set[str]] = {}
    for instance in instances:
        for frontend in _port_frontends((instance,)):
            if frontend.port == frontend.inside_port and frontend.sides is not None:
                interfaces = guarded.setdefault((frontend.protocol, frontend.port), set())
                if frontend.name not in shut.get(instance.service, ()):
                    interfaces.update(frontend.sides)
    return tuple(GuardedPort(*port, tuple(sorted(interfaces))) for port, interfaces in sorted(guarded.items()))


def _addresses(instances: Iterable[Instance]) -> tuple[AddressSwitch, ...]:
    switches = {
        AddressSwitch(
            frontend.outside,
            Endpoint(instance.address, frontend.outside.protocol, frontend.inside_port),
            None if frontend.sides is None else tuple(sorted(set(frontend.sides))),
        )
        for instance in instances
        if instance.address is not None
        for frontend in instance.frontends
        if isinstance(frontend, AddressFrontend)
    }
    return tuple(sorted(switches, key=lambda switch: (str(switch.outside), str(switch.inside))))


def _ports(instances: Iterable[Instance]) -> tuple[PortSwitch, ...]:
    # A daemon that keeps its port through every generation needs no rewrite, and no protection of an inside port.
    switches = {
        PortSwitch(frontend.protocol, frontend.port, frontend.inside_port, tuple(sorted(set(frontend.interfaces))))
        for frontend in _port_frontends(instances)
        if frontend.port != frontend.inside_port and frontend.interfaces
    }
    return tuple(sorted(switches, key=lambda switch: (switch.protocol, switch.port, switch.inside, switch.interfaces)))


def _port_frontends(instances: Iterable[Instance]) -> Iterator[PortFrontend]:
    for instance in instances:
        yield from (frontend for frontend in instance.frontends if isinstance(frontend, PortFrontend))


def _common_claim(first: ResolvedFrontend, second: ResolvedFrontend, *, is_same_instance: bool) -> str | None:
    match first, second:
        case AddressFrontend(), AddressFrontend():
            if first.outside == second.outside:
                return str(first.outside)
            inside = (first.inside_port, first.outside.protocol)
            if is_same_instance and inside == (second.inside_port, second.outside.protocol):
                return f"inside port {first.inside_port}/{first.outside.protocol}"
        case PortFrontend(), PortFrontend():
            if (first.protocol, first.port) != (second.protocol, second.port):
                return None
            if first.port == first.inside_port and second.port == second.inside_port:
                return f"port {first.port}/{first.protocol}"  # two daemons cannot both listen there
            if shared := sorted(set(first.interfaces) & set(second.interfaces)):
                return f"port {first.port}/{first.protocol} on {listed(shared, ', ')}"
    return None
