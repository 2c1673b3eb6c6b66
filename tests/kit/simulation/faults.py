"""Faults at the ports: every call is numbered; before a chosen change the supervisor dies, or a chosen call fails."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from supervisor.values.errors import SupervisorError
from supervisor.values.state import Container, ContainerSpec, ExecResult, ProbeResult, ProbeTarget, ResolvedProbe

# Calls of ports that tests put something around.
Ask = Callable[[ResolvedProbe, ProbeTarget], ProbeResult]
Check = Callable[[ContainerSpec, float], ExecResult]
Start = Callable[[str], Container]


class SupervisorKilled(BaseException):
    """The supervisor was killed here. Nothing it does afterwards reaches the world, its `finally` blocks neither."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that fails: its number, its error, and whether it had its effect (an answer that got lost)."""

    call: int
    error: type[SupervisorError] | None = None  # None: the port's own
    is_done: bool = False


class SimulatedFaults:
    """Counts calls of ports, and injects one fault. A change is a call that outlives the supervisor that made it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.changes: list[str] = []
        self.dies_before: int | None = None  # number of the change
        self.failure: Failure | None = None
        self.refused: dict[str, SupervisorError] = {}  # by call, such as `store.record`: it fails until it is taken out
        self.around: dict[str, Callable[..., Any]] = {}  # by call: made in its place, with the port's own call first
        self.is_dead = False

    def arm(self, *, dies_before: int | None = None, failure: Failure | None = None) -> None:
        """Count from zero again, and inject this; without arguments nothing more is injected."""
        self.calls, self.changes, self.is_dead = [], [], False
        self.dies_before, self.failure = dies_before, failure

    def change(self, name: str) -> None:
        """Count a change that is about to be made, and die before it if it is the chosen one."""
        if self.dies_before == len(self.changes):
            self.is_dead = True
        self.check_alive()
        self.changes.append(name)

    def check_alive(self) -> None:
        """Raise SupervisorKilled if the supervisor has died: nothing that it does afterwards has an effect."""
        if self.is_dead:
            raise SupervisorKilled


class CountedPort:
    """A port whose calls are counted, and may be made to fail. `changes` are the methods that change the world."""

    def __init__(
        self, name: str, port: object, changes: Collection[str], error: type[SupervisorError], faults: SimulatedFaults
    ) -> None:
        self._name, self._port, self._changes, self._error, self._faults = name, port, changes, error, faults

    def __getattr__(self, method: str) -> Any:
        attribute = getattr(self._port, method)
        return self._counted(f"{self._name}.{method}", method, attribute) if callable(attribute) else attribute

    def _counted(self, name: str, method: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            faults = self._faults
            faults.check_alive()
            number, failure = len(faults.calls), faults.failure
            faults.calls.append(name)
            if error := faults.refused.get(name):
                raise error
            fails = failure is not None and failure.call == number
            if failure and fails and not failure.is_done:
                raise self._failed(name, failure)
            if method in self._changes:
                faults.change(name)
            around = faults.around.get(name)
            answer = around(real, *arguments, **named) if around else real(*arguments, **named)
            if failure and fails:
                raise self._failed(name, failure)
            return answer

        return call

    def _failed(self, name: str, failure: Failure) -> SupervisorError:
        kind = failure.error or self._error
        return kind(f"cannot do {name}: call {failure.call} was made to fail")
