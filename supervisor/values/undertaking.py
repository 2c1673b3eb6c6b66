"""Things that a service has undertaken to bring about (a tunnel, say), and how each of them was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from supervisor.values.state import ResolvedProbe


class UndertakingState(StrEnum):
    UNKNOWN = "unknown"  # not looked at yet
    CONNECTING = "connecting"  # not up, and not for long
    UP = "up"
    DOWN = "down"  # not up for longer than its patience
    PAUSED = "paused"  # not up, and not called: it has too many associations already


@dataclass(frozen=True, slots=True)
class ResolvedUndertaking:
    """An undertaking of a manifest for one item of the configuration, ready to be looked at and called."""

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
    """A sighting: how an undertaking was found.

    `missing` are those of its `parts` that are not up, by the names that a call needs; `attempts` are negotiations
    that carry nothing yet and may be given up, by the daemon's own numbers. What is looked at with a plain probe has
    one part and no attempts.
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
