"""The shares of all services as values: everything that the nftables table of shares says, and what it counts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address

from supervisor.values.names import ServiceName
from supervisor.values.state import Share


@dataclass(frozen=True, slots=True)
class ServiceShare:
    """The share that a source has of some frontends of a service."""

    service: ServiceName
    share: Share


@dataclass(frozen=True, slots=True)
class SharedAddress:
    """A TCP endpoint that clients of an isolated service use."""

    address: IPv4Address
    port: int
    of: ServiceShare


@dataclass(frozen=True, slots=True)
class SharedPort:
    """A TCP port on an interface of the router that clients of a router-mode service use."""

    interface: str
    port: int
    of: ServiceShare


@dataclass(frozen=True, slots=True)
class Card:
    """A guest's network card: all addresses that it uses have one share."""

    interface: str  # of the router, behind which it is
    mac: str


@dataclass(frozen=True, slots=True)
class GuestAddress:
    """An address that the configuration knows: it has a share of its own, where its card is not known."""

    interface: str
    address: IPv4Address


@dataclass(frozen=True, slots=True)
class ShareTable:
    """The whole table.

    Behind `sides` are guests: all sources there that are neither of `cards` nor of `guests` have one share together.
    Elsewhere every source has a share.
    """

    shares: tuple[ServiceShare, ...] = ()
    addresses: tuple[SharedAddress, ...] = ()
    ports: tuple[SharedPort, ...] = ()
    cards: tuple[Card, ...] = ()
    guests: tuple[GuestAddress, ...] = ()
    sides: tuple[str, ...] = ()


class SourceKind(StrEnum):
    """The kind of a source of connections, by what it is known by."""

    CARD = "card"  # a known card, by its Ethernet address
    ADDRESS = "address"  # an IPv4 address, or an IPv6 network of 64 bits
    UNKNOWN = "unknown"  # what no configuration knows, by interface and Ethernet address


@dataclass(frozen=True, slots=True)
class Source:
    """A source of connections: `name` is an address, or words that end with one."""

    kind: SourceKind
    name: str


@dataclass(frozen=True, slots=True)
class Refusals:
    """Connections that the kernel has refused since it has a share: of all sources, and by source."""

    totals: tuple[tuple[ServiceShare, int], ...] = ()
    sources: tuple[tuple[ServiceShare, Source, int], ...] = ()  # only those that were refused lately
