"""Kills the supervisor at one fault point after the other under load, and checks the router after each."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from lab.clients import Running, launch
from lab.scenarios import Load, Seen
from lab.services import SERVICES
from supervisor.values.handover import Outcome
from tests.faults.injection import Fault
from tests.faults.operations import Operation
from tests.faults.router_under_test import RouterUnderTest
from tests.kit.live.invariants import violations

CONVERGED_SECONDS = 10.0
WARM_UP = 1.0
LONGEST = 900.0  # seconds of a client's work; every client is stopped before that


@dataclass(frozen=True, slots=True)
class KillResult:
    """One kill that the router came back from."""

    fault: Fault
    operation: str
    converged_seconds: float  # from the return of the supervisor
    outcome: str


def kill_at_each(
    sut: RouterUnderTest, operation: Operation, name: str, faults: Sequence[Fault]
) -> tuple[KillResult, ...]:
    """Kill the supervisor at every one of the faults, under load.

    Raises AssertionError: when a promise is broken; the text names every one.
    """
    survived: list[KillResult] = []
    wrong: list[str] = []
    with at_work(sut, name) as clients:
        for fault in faults:
            try:
                survived.append(_kill_at(sut, operation, name, fault))
            except AssertionError as error:
                wrong.append(f"{operation.name} {fault}: {error}")
                _mend(sut)
        wrong += [f"{operation.name}: {loss}" for loss in losses(clients)]
    assert not wrong, "\n".join(wrong)
    return tuple(survived)


def _kill_at(sut: RouterUnderTest, operation: Operation, name: str, fault: Fault) -> KillResult:
    operation.prepare(sut, name)
    sut.arm(fault)
    operation.begin(sut, name)
    sut.await_death()
    assert not sut.is_armed, "the supervisor died elsewhere"
    began = time.monotonic()
    sut.router.start()
    sut.until(f"{operation.name} is done", lambda: sut.is_at_rest() and operation.is_done(sut, name))
    seconds = time.monotonic() - began
    assert seconds <= CONVERGED_SECONDS, f"came to rest after {seconds:.1f} s only"
    broken = violations(sut.router)
    assert not broken, broken
    sut.await_recovery(SERVICES[name])
    return KillResult(fault, operation.name, seconds, _outcome(sut, name))


def _outcome(sut: RouterUnderTest, name: str) -> str:
    """Return the newest hand-over's outcome, which must agree with what runs."""
    record, now = sut.history(name, 1)[0], sut.status(name)
    assert record.outcome in (Outcome.SUCCEEDED, Outcome.REVERTED, Outcome.FAILED), record
    assert record.reason or record.outcome == Outcome.SUCCEEDED, record
    expected = record.to_version if record.outcome == Outcome.SUCCEEDED else record.from_version
    assert now.version == expected, f"{now.version} runs, the journal says {record}"
    assert now.version == now.desired_version, now
    return record.outcome


def _mend(sut: RouterUnderTest) -> None:
    """Bring the router back to rest, so that one broken promise does not break those that follow."""
    sut.disarm()
    if not sut.daemon.is_alive:
        sut.router.start()
    sut.await_rest(60.0)


@contextmanager
def at_work(sut: RouterUnderTest, name: str) -> Iterator[dict[Load, Running]]:
    """Run the service's steady clients; they are warmed up when the context is entered."""
    lab, loads = sut.router.lab, SERVICES[name].steady_loads(LONGEST)
    with ExitStack() as stack:
        clients = {load: stack.enter_context(launch(load.client, lab.namespace(load.role))) for load in loads}
        time.sleep(WARM_UP)
        yield clients


def losses(clients: dict[Load, Running]) -> list[str]:
    """End the clients; return what they lost beyond their budgets."""
    results = [Seen(load, running.stop()) for load, running in clients.items()]
    return [loss for result in results if (loss := result.fault)]
