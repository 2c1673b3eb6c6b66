"""Decides whether a version that fails again and again gives way to the one before it.

It does for what a version does by itself: its process ends, or cannot be started. One that hangs is healed and stays:
clients can bring that about, and the version before may be the one with the hole.
"""

from __future__ import annotations

from dataclasses import dataclass

from supervisor.values.bundle import age
from supervisor.values.release import Version

TOO_OFTEN = 5  # ends and failed starts within `backoff.REMEMBERED` seconds


@dataclass(frozen=True, slots=True)
class Choices:
    """What operators and media have said that a fall-back must respect."""

    confirmed: Version | None = None  # that an operator found good (`vrctl confirm`)
    is_pinned: bool = False  # an operator chose what runs, and it is to stay
    floor: str | None = None  # the name of a release; none before it may run


def objection(failing: Version, before: Version, choices: Choices) -> str:
    """Return what speaks against `before` in the place of `failing`, whatever that did; empty: nothing does.

    Releases are ordered by the numbers in their names, as at an import.
    """
    if choices.is_pinned:
        return "the service is pinned"
    if choices.confirmed is not None and choices.confirmed.is_same_as(failing):
        return f"{failing.version} was confirmed"
    if choices.floor is not None and age(before.release, "") < age(choices.floor, ""):
        return f"{before.version} is of release {before.release}, and nothing before {choices.floor} may run"
    return ""
