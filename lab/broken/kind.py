"""What is wrong with a broken candidate, how it is done to a service's definition, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from lab.broken.draft import Draft

GIVEN_UP = 1.5  # seconds after which a candidate that is not ready is given up; real ones are ready in 0.2
NOT_READY = rf"not ready after {GIVEN_UP:g} s"

Break = Callable[[Draft], None]


class Fails(StrEnum):
    """The point at which a broken candidate is noticed."""

    UNTOUCHED = "before anything moves"  # nobody but the candidate was started or stopped
    GATE = "at the gate"  # it ran and was not given traffic. A takeover has no other place to run than the former's
    SERVING = "while it serves"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of broken candidate."""

    name: str
    breaks: Break
    fails: Fails
    reason: str  # what the hand-over must say, as a regular expression
    is_told: bool = False  # it begins to fail at a signal of the test

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Breakage:
    """How candidates of one service are broken, where that differs from service to service."""

    configuration: str | None = None  # its main configuration file; its template has this name and .j2
    is_up: str = "listening"  # by what the wrapper sees that the daemon is up: see `wrapper.is_up`
    elsewhere: Break | None = None  # it listens at another place; None: at other ports of its frontends
    dies_when_called: Break | None = None  # at the first request; None: at the first connection
    kinds: tuple[Kind, ...] = ()  # those that this service alone can show


def wrapped(*way: str) -> Break:
    """Run the daemon under the wrapper, and give it up soon if it is not ready."""

    def breaks(draft: Draft) -> None:
        draft.wrap(*way)
        draft.ready_within(GIVEN_UP)

    return breaks


def replaced(template: str, old: str, new: str) -> Break:
    """Change a template, and give the candidate up soon if it is not ready."""

    def breaks(draft: Draft) -> None:
        draft.ready_within(GIVEN_UP)
        draft.replace(template, old, new)

    return breaks


def wrong_answers(template: str, old: str, new: str) -> Kind:
    """Return the kind whose answers differ from those that the probes expect."""
    return Kind("wrong-answers", replaced(template, old, new), Fails.GATE, NOT_READY)
