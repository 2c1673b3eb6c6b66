"""How much of the work of daemons has failed, as they count it themselves or the kernel counts it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tally:
    """The share of a daemon's work that has failed since it began, as it counts itself or the kernel counts it."""

    name: str  # of a part that is counted apart, or of a server that was asked; empty: all of it
    failed: int
    total: int
    source: str = ""  # the client that the work was for; empty: clients are not told apart
    answered: int | None = None  # None: not counted, so what did not fail was answered
    declined: int = 0  # servers: they answered that they will not or cannot tell; that depends on what was asked
    kinds: tuple[tuple[str, int], ...] = ()  # the failures by what they are called


@dataclass(frozen=True, slots=True)
class Reading:
    """The tallies of one counter at one moment."""

    parts: tuple[Tally, ...]
    servers: tuple[Tally, ...] = ()  # that the daemon asks itself
