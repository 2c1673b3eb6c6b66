"""Fault points: every call of a port is numbered; at a chosen number the supervisor dies, or the call fails once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from supervisor.values.errors import SupervisorError


class Died(BaseException):
    """The supervisor was killed here. Nothing it does afterwards reaches the world, its `finally` blocks neither."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that fails: its number, its error, and whether it had its effect (an answer that got lost)."""

    call: int
    error: type[SupervisorError] | None = None  # None: the port's own
    is_done: bool = False


class Fate:
    """Counts calls and changes of the world. A change is what cannot be taken back by forgetting it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.changes: list[str] = []
        self.dies_before: int | None = None  # number of the change
        self.failure: Failure | None = None
        self.is_dead = False

    def begin(self, *, dies_before: int | None = None, failure: Failure | None = None) -> None:
        """Begin a new life, with everything counted from zero."""
        self.calls, self.changes, self.is_dead = [], [], False
        self.dies_before, self.failure = dies_before, failure

    def change(self, name: str) -> None:
        """Count a change that is about to be made, and die before it if it is the chosen one."""
        if self.dies_before == len(self.changes):
            self.is_dead = True
        self.breathe()
        self.changes.append(name)

    def breathe(self) -> None:
        if self.is_dead:
            raise Died


class Watched:
    """A port with everything it is asked counted. `changes` are the methods that change the world."""

    def __init__(
        self, name: str, port: object, changes: Collection[str], error: type[SupervisorError], fate: Fate
    ) -> None:
        self._name, self._port, self._changes, self._error, self._fate = name, port, changes, error, fate

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._port, method)
        return self._counted(f"{self._name}.{method}", method, found) if callable(found) else found

    def _counted(self, name: str, method: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            fate = self._fate
            fate.breathe()
            number, failure = len(fate.calls), fate.failure
            fate.calls.append(name)
            fails = failure is not None and failure.call == number
            if failure and fails and not failure.is_done:
                raise self._failed(name, failure)
            if method in self._changes:
                fate.change(name)
            answer = real(*arguments, **named)
            if failure and fails:
                raise self._failed(name, failure)
            return answer

        return call

    def _failed(self, name: str, failure: Failure) -> SupervisorError:
        kind = failure.error or self._error
        return kind(f"cannot do {name}: call {failure.call} was made to fail")
