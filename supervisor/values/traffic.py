"""The traffic of all services as values: everything that the nftables table of the supervisor says."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from supervisor.values.manifest import Protocol
from supervisor.values.state import Endpoint, Sides, SocketAddress


@dataclass(frozen=True, slots=True)
class AddressSwitch:
    """From an endpoint that clients use to the one inside, for isolated services."""

    outside: Endpoint
    inside: Endpoint
    sides: Sides = None


@dataclass(frozen=True, slots=True)
class PortSwitch:
    """From a port that clients use to the one inside, on some interfaces of the router, for router-mode services."""

    protocol: Protocol
    port: int
    inside: int
    interfaces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GuardedPort:
    """A port of the router at which a daemon listens by itself, and the only interfaces at which clients may call."""

    protocol: Protocol
    port: int
    interfaces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeldPort:
    """A UDP port of the router whose datagrams go to a stand-in socket of the supervisor at `inside`."""

    port: int
    inside: int


@dataclass(frozen=True, slots=True)
class Connection:
    """A TCP connection of an instance: the client's end, our end as the client sees it, and the instance's own."""

    client: SocketAddress
    outside: SocketAddress
    inside: SocketAddress


@dataclass(frozen=True, slots=True)
class Crowd:
    """The clients that are connected to an instance: those that its daemon has accepted, and those that wait for it."""

    taken: frozenset[Connection] = frozenset()
    waiting: int = 0

    @property
    def size(self) -> int:
        """The number of all of them."""
        return len(self.taken) + self.waiting


@dataclass(frozen=True, slots=True)
class SyncPath:
    """A way by which one generation of a service may connect to another one of it."""

    source: IPv4Address
    target: IPv4Address
    port: int


@dataclass(frozen=True, slots=True)
class TrafficTable:
    """The whole table.

    `active` are the maps that new flows follow; `alive` are the reverse maps: the switches of every generation that
    may still answer, the active ones included. `outgoing` are the router's ends of the links of services that may
    connect to others. `guarded_ports` are those that no map leads to. `held_ports` are there in the gap of a takeover
    only. `pinned` are connections of instances that
    lost their traffic: they stay there even if connection tracking forgets them. `synced` are the ways between
    generations of one service.
    """

    active_addresses: tuple[AddressSwitch, ...] = ()
    alive_addresses: tuple[AddressSwitch, ...] = ()
    active_ports: tuple[PortSwitch, ...] = ()
    alive_ports: tuple[PortSwitch, ...] = ()
    outgoing: tuple[str, ...] = ()
    guarded_ports: tuple[GuardedPort, ...] = ()
    held_ports: tuple[HeldPort, ...] = ()
    pinned: tuple[Connection, ...] = ()
    synced: tuple[SyncPath, ...] = ()
