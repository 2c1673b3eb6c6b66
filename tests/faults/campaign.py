"""Carries faults out one after the other while clients are at work, and looks around after each."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from lab import peer
from lab.clients import Running, launch
from lab.scenarios import Load, Seen
from supervisor.values.handover import Outcome
from tests.faults.deeds import Deed
from tests.faults.everyday import EVERYDAY
from tests.faults.points import Fault
from tests.faults.subject import Subject
from tests.integration.handover.invariants import violations

CONVERGED_SECONDS = 10.0
TUNNEL_SECONDS = 15.0
WARM_UP = 1.0


@dataclass(frozen=True, slots=True)
class Survived:
    """One fault that the router came back from."""

    fault: Fault
    deed: str
    converged_seconds: float  # from the return of the supervisor
    outcome: str


def kill_at_each(subject: Subject, deed: Deed, name: str, faults: Sequence[Fault]) -> tuple[Survived, ...]:
    """Kill the supervisor at every one of the faults, under load; AssertionError tells all that did not hold."""
    survived: list[Survived] = []
    wrong: list[str] = []
    with at_work(subject, name) as clients:
        for fault in faults:
            try:
                survived.append(_kill_at(subject, deed, name, fault))
            except AssertionError as error:
                wrong.append(f"{deed.name} {fault}: {error}")
                _mend(subject)
        wrong += [f"{deed.name}: {one}" for one in losses(clients)]
    assert not wrong, "\n".join(wrong)
    return tuple(survived)


def _kill_at(subject: Subject, deed: Deed, name: str, fault: Fault) -> Survived:
    deed.prepare(subject, name)
    subject.arm(fault)
    deed.begin(subject, name)
    subject.await_death()
    assert not subject.is_armed, "the supervisor died elsewhere"
    began = time.monotonic()
    subject.router.start()
    subject.until(f"{deed.name} is done", lambda: subject.is_at_rest() and deed.is_done(subject, name))
    seconds = time.monotonic() - began
    assert seconds <= CONVERGED_SECONDS, f"came to rest after {seconds:.1f} s only"
    found = violations(subject.router)
    assert not found, found
    if name == "strongswan":
        subject.until("the tunnel is back", lambda: peer.status(subject.router.lab).is_established, TUNNEL_SECONDS)
    return Survived(fault, deed.name, seconds, _truth(subject, name))


def _truth(subject: Subject, name: str) -> str:
    """The newest hand-over's outcome, which must agree with what runs."""
    record, now = subject.history(name, 1)[0], subject.status(name)
    assert record.outcome in (Outcome.SUCCEEDED, Outcome.REVERTED, Outcome.FAILED), record
    assert record.reason or record.outcome == Outcome.SUCCEEDED, record
    expected = record.to_version if record.outcome == Outcome.SUCCEEDED else record.from_version
    assert now.version == expected, f"{now.version} runs, the journal says {record}"
    assert now.version == now.desired_version, now
    return record.outcome


def _mend(subject: Subject) -> None:
    """What one fault left wrong shall not be told again by all that follow."""
    subject.disarm()
    if not subject.daemon.is_alive:
        subject.router.start()
    subject.await_rest(60.0)


@contextmanager
def at_work(subject: Subject, name: str) -> Iterator[dict[Load, Running]]:
    """The service's everyday clients; whoever enters finds them warmed up."""
    lab = subject.router.lab
    with ExitStack() as stack:
        clients = {
            load: stack.enter_context(launch(load.client, lab.namespace(load.role))) for load in EVERYDAY[name]()
        }
        time.sleep(WARM_UP)
        yield clients


def losses(clients: dict[Load, Running]) -> list[str]:
    """End the clients; what they lost beyond their budgets."""
    seen = [Seen(load, running.stop()) for load, running in clients.items()]
    return [fault for one in seen if (fault := one.fault)]
