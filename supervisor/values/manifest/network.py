"""The network of a service, as its manifest declares it: ports inside, frontends for clients."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class NetworkMode(StrEnum):
    """The network namespace that a service runs in."""

    ISOLATED = "isolated"  # a network namespace for each generation; traffic arrives by address translation
    ROUTER = "router"  # the router's own namespace; traffic arrives by a rewrite of the port


class Protocol(StrEnum):
    """The transport protocol of a frontend."""

    TCP = "tcp"
    UDP = "udp"


@dataclass(frozen=True, slots=True)
class InsidePort:
    """A port that the daemon listens on. In router mode it is allocated for each generation, and `number` is None."""

    name: str
    number: int | None = None


LEAST_OPEN, MOST_OPEN = 16, 65536
"""Bounds of a share. The kernel clears ended connections off its count once a tick (4 ms), so an honest client that is
quick seems to have some open at once."""


@dataclass(frozen=True, slots=True)
class Fair:
    """The share of a frontend that one source may have at most."""

    open: int  # TCP connections at once
    rate: int  # new ones each second; as many may come at once
    guests_only: bool = False  # who is no guest gets nothing


@dataclass(frozen=True, slots=True)
class FairRule:
    """A share as a manifest declares it: `open` is a number or an expression."""

    open: int | str
    rate: int
    guests_only: bool = False


@dataclass(frozen=True, slots=True)
class Frontend:
    """A port at which clients reach the service.

    isolated: `address` (expression) and `port` (expression) outside; `inside` (expression) is the port in the
    namespace. router: `port` outside, `inside` the name of an inside port. Clients call at the interfaces that
    `interfaces` (expression giving a sequence of names) lists; isolated without it, or where it gives none: at any.
    With `each`, one frontend for every item.
    """

    name: str  # template
    protocol: Protocol
    port: str
    inside: str
    address: str | None = None
    interfaces: str | None = None
    each: str | None = None
    open: str | None = None  # expression; while it is false, nothing is led there
    fair: FairRule | None = None  # None: a source may have all of it


@dataclass(frozen=True, slots=True)
class GapPort:
    """A UDP port of the router that the supervisor holds while no daemon listens there: the kernel works on."""

    port: int
    when: str | None = None  # expression; while it is false, the port is not held


@dataclass(frozen=True, slots=True)
class Takeover:
    """The help that the kernel needs while a daemon takes the place of another."""

    gap_port: GapPort | None = None
    clears_leftovers: bool = False  # state that a killed daemon left is deleted once the next has replaced it


NO_TAKEOVER = Takeover()
