"""Decides whether a version that fails again and again gives way to the one before it.

It does for what a version does by itself: its process ends, or cannot be started. One that hangs is healed and stays:
clients can bring that about, and the version before may be the one with the hole.
"""

from __future__ import annotations

from dataclasses import dataclass

from supervisor.values.release import Version

TOO_OFTEN = 5  # ends and failed starts within `backoff.REMEMBERED` seconds


@dataclass(frozen=True, slots=True)
class Choices:
    """What operators have said that a fall-back must respect."""

    confirmed: Version | None = None  # that an operator found good (`vrctl confirm`)
    is_pinned: bool = False  # an operator chose what runs, and it is to stay


def objection(failing: Version, choices: Choices) -> str:
    """Return what speaks against another version in the place of `failing`; empty: nothing does.

    Whether that other one may be started at all is another matter (`doubt`).
    """
    if choices.is_pinned:
        return "the service is pinned"
    if choices.confirmed is not None and choices.confirmed.is_same_as(failing):
        return f"{failing.version} was confirmed"
    return ""
