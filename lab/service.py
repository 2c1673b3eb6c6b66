"""What the lab, the benchmarks and the fault campaign know of one service, as one value.

`lab.services` finds the values: `lab/services/<name>.py` writes one for each service. All fields have defaults, so a
service that nobody has written anything about is started, swapped and killed like the others, without clients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from lab.broken.kind import Breakage
from lab.clients import Client, Speech
from lab.router import ROOT, Router
from lab.topology import Guest


@dataclass(frozen=True, slots=True)
class Loss:
    """What a client may lose: requests without a good answer, and seconds of silence. None: counted, not judged."""

    requests: int | None = 0
    gap: float | None = None


NOTHING = Loss()
_AS_ALL = Breakage()


@dataclass(frozen=True, slots=True)
class Load:
    """One client at work during a hand-over. `begins_at` is a step of the hand-over; None: before it."""

    label: str
    role: str  # the lab's namespace it sits in, or the name of an extra guest
    client: Client
    loss: Loss = NOTHING
    begins_at: str | None = None
    guest: Guest | None = None  # an extra guest that exists for this load only
    needs_disk: bool = False  # its answers are written down first: while nothing can be written they are refused


Loads = Callable[[float], tuple[Load, ...]]
"""Makes the clients of a service, each at work for so many seconds unless it is stopped before."""


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must be true afterwards and that no client counts."""

    name: str
    is_good: bool
    observed: str = ""
    needs_success: bool = False  # it holds only if another generation took over: not if the hand-over was undone


Afterwards = Callable[[], tuple[Check, ...]]
"""Called when the hand-over is over; compares what is with what was."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a service brings about with others after it is ready, and how long that may take."""

    what: str
    holds: Callable[[Router], bool]
    seconds: float


@dataclass(frozen=True, slots=True)
class ClientProbe:
    """A client whose longest gap is the service's silence."""

    client: Client
    role: str


@dataclass(frozen=True, slots=True)
class WayIn:
    """A frontend that clients reach and that can be flooded: where it is, and a client of it for so many seconds."""

    name: str
    address: str
    port: int
    client: Callable[[float], Client]
    role: str  # the namespace that the client sits in
    attempts: tuple[int, float]  # that a flood makes: connections at once, and in a second; more than a source may
    speech: Speech = "http"
    is_public: bool = False  # the public side reaches it too


@dataclass(frozen=True, slots=True)
class StateProbe:
    """Whether the daemon works, for a service that answers nobody: `connect` gives what reads it."""

    connect: Callable[[Router], Callable[[], bool]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A measurement of one service only: a table whose rows are a label and the seconds that it took each time."""

    title: str
    headings: tuple[str, str]
    rows: Callable[[Router], Iterable[tuple[str, Sequence[float]]]]


def no_loads(seconds: float) -> tuple[Load, ...]:
    """Make no clients."""
    del seconds
    return ()


def _no_checks(router: Router, loads: tuple[Load, ...]) -> Afterwards:
    del router, loads
    return tuple


def _nothing(router: Router) -> None:
    del router


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUnderTest:
    """One service of the router, as its users and its testers see it."""

    name: str
    loads: Loads = no_loads  # all its clients, for one hand-over
    parts: Mapping[str, Loads] = field(default_factory=lambda: MappingProxyType({}))  # some of them, by a word
    steady_loads: Loads = no_loads  # light clients that hundreds of hand-overs must not disturb
    long_loads: Loads = no_loads  # clients whose connection stays open: a former generation drains until they end
    prepare: Callable[[Router, tuple[Load, ...]], Afterwards] = _no_checks  # before a hand-over under these loads
    refresh: Callable[[Router], None] = _nothing  # give back what clients used up
    silence: ClientProbe | StateProbe | None = None  # how long it is silent when its daemon dies or hangs
    answers: tuple[ClientProbe, ...] = ()  # short clients: the service does its work for those who use it
    ways_in: tuple[WayIn, ...] = ()  # what can be flooded
    remembered: Callable[[Router], object] | None = None  # what a loss of power must not change
    recovery: Recovery | None = None
    change: Callable[[int], tuple[str, Mapping[str, Any]]] | None = None
    """Another configuration for each number, as a command's base name and its content; it asks for a hand-over of this
    service alone. None: no command does while the networks stay as they are."""
    change_reloads: bool = False  # that change is a reload of the running daemon, not a new generation
    version_command: tuple[tuple[str, ...], str] | None = None
    """What shows that the image's daemon starts, and what it prints, with {version} and {upstream} of the image."""
    figures: tuple[Figure, ...] = ()
    breakage: Breakage = _AS_ALL

    @property
    def folder(self) -> Path:
        """The folder of its definition."""
        return ROOT / "services" / self.name

    @property
    def manifest(self) -> Mapping[str, Any]:
        """Its manifest as it is written."""
        content: dict[str, Any] = yaml.safe_load((self.folder / "manifest.yaml").read_text(encoding="utf-8"))
        return content

    @property
    def is_isolated(self) -> bool:
        """True if each generation has a network namespace of its own."""
        return bool(self.manifest["network"] == "isolated")

    @property
    def is_takeover(self) -> bool:
        """True if two generations cannot run at once."""
        return bool(self.manifest["strategy"] == "takeover")
