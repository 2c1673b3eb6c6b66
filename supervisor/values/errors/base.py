"""The base class of the supervisor's errors, and a fault in a document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from supervisor.values.listing import bounded


class SupervisorError(Exception):
    """An error that is meant for an operator. It is raised as one of its subclasses only."""

    word: ClassVar[str] = "supervisor"
    """The word that programs get as `vr-reason` when the error ends a call: a promise, like the name of a field."""

    def __init__(self, message: str = "") -> None:
        """Keep as much of the message as its way to a client allows; lists in it are cut with a count before that."""
        super().__init__(bounded(message))

    def __init_subclass__(cls, *, word: str) -> None:
        """Record the word of the subclass. Raises TypeError: when it has none, for a name in Python is no promise."""
        super().__init_subclass__()
        cls.word = word


@dataclass(frozen=True, slots=True)
class Fault:
    """A mistake in a document: where (`readiness.interval`) and what."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self.path else self.problem
