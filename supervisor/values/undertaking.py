"""Undertakings: things that a service is to bring about with others (a tunnel, say), and sightings of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from supervisor.values.state import ResolvedProbe


class UndertakingState(StrEnum):
    """The state of an undertaking, from its sightings and their times."""

    UNKNOWN = "unknown"  # no sighting yet
    CONNECTING = "connecting"  # not up, and not for long
    UP = "up"
    DOWN = "down"  # not up for longer than its patience
    PAUSED = "paused"  # not up, and not called: it has too many associations already


@dataclass(frozen=True, slots=True)
class ResolvedUndertaking:
    """An undertaking of a manifest for an item of the configuration, its templates filled in. Times are in seconds."""

    name: str
    what: str
    probe: ResolvedProbe
    call: ResolvedProbe | None
    interval: float
    patience: float
    pause: float
    longest: float
    most: int
    item: object = field(default=None, repr=False)  # what the configuration says of it; compared, never shown


@dataclass(frozen=True, slots=True)
class Sighting:
    """A look at an undertaking, and its outcome.

    `missing` are those of its `parts` that are not up, by the names that a call needs; `attempts` are negotiations
    that carry nothing yet and may be given up, by the daemon's own numbers. A plain probe sees a single part and no
    attempts.
    """

    is_up: bool
    message: str = ""
    missing: tuple[str, ...] = ()
    attempts: tuple[str, ...] = ()
    is_busy: bool = False  # what carries something already negotiates more
    associations: int = 0
    newest: str = ""  # of them, by the daemon's own number
    parts: int = 1
    age: float | None = None  # seconds that it has been up, where the daemon counts them
