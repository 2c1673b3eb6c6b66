"""One disaster under load: the cause comes in the middle of a hand-over, lasts, goes, and everything is looked at."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from lab import peer
from lab.clients import Running, launch
from lab.router import PROGRAM
from lab.scenarios import Load, Loss, Seen
from lab.session import SERVICES
from supervisor.values.errors import SupervisorError
from supervisor.values.handover import Outcome
from supervisor.values.status import HandoverRecord
from tests.faults.campaign import TUNNEL_SECONDS, WARM_UP
from tests.faults.disasters import Disaster
from tests.faults.everyday import EVERYDAY
from tests.faults.subject import Subject
from tests.integration.handover.invariants import violations

RECOVERED_SECONDS = 40.0  # a call of the engine that hangs is given up after 30 s
POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Case:
    disaster: Disaster
    service: str  # that is swapped when it happens

    def __str__(self) -> str:
        return f"{self.disaster.name}/{self.service}"


@dataclass(frozen=True, slots=True)
class Passed:
    """What came of one disaster that the router got over."""

    case: Case
    told: tuple[str, ...]  # what said so
    outcome: str  # of the hand-over that was meant for the time of the disaster
    recovered_seconds: float  # from the end of the cause
    silence: Mapping[str, float]  # of each client, the longest
    lost: int  # by clients whose losses are not judged

    def __str__(self) -> str:
        longest = max(self.silence, key=lambda label: self.silence[label])
        told = f"told: {self.told[0][:200]!r}" if self.told else "nothing told"
        return (
            f"{self.case}: swap {self.outcome}, at rest {self.recovered_seconds:.1f} s after the cause, "
            f"longest silence {self.silence[longest]:.2f} s ({longest}), {self.lost} lost that may be; {told}"
        )


def undergo(subject: Subject, case: Case, seconds: float) -> Passed:
    """AssertionError says which promise was broken."""
    disaster, name = case.disaster, case.service
    subject.await_rest(60.0)
    newest = max((record.id for record in subject.history(name)), default=0)
    log_began = _log_size(subject)
    told: set[str] = set()
    with everyone_at_work(subject, disaster.loss) as clients:
        with disaster.strikes(subject):
            told |= _refusal_of_swap(subject, name)
            _listen(subject, told, until=time.monotonic() + seconds)
        recovered = subject.await_rest(RECOVERED_SECONDS)
        record = subject.history(name, 1)[0]
        outcome = _judge(record, newest, subject.status(name).version)
        _swap_works(subject, name)
        seen = [Seen(load, running.stop()) for load, running in clients.items()]
    told |= {record.reason, *_log_since(subject, log_began).splitlines()}
    matching = sorted((line for line in told if re.search(disaster.message, line)), key=len) if disaster.message else []
    is_told = bool(matching) or not disaster.message or (name in disaster.passes and outcome == Outcome.SUCCEEDED)
    assert is_told, f"nothing says {disaster.message!r}: {sorted(told)}"
    lost = [fault for one in seen if one.load.label not in disaster.suffers and (fault := one.fault)]
    assert not lost, lost
    subject.until("the tunnel is back", lambda: peer.status(subject.router.lab).is_established, TUNNEL_SECONDS)
    found = violations(subject.router)
    assert not found, found
    silence = {one.load.label: one.longest_gap or 0.0 for one in seen}
    spared = sum(one.lost for one in seen if one.load.label in disaster.suffers or one.load.loss.requests is None)
    return Passed(case, tuple(matching), outcome, recovered, silence, spared)


@contextmanager
def everyone_at_work(subject: Subject, loss: Loss | None = None) -> Iterator[dict[Load, Running]]:
    """The everyday clients of all services; whoever enters finds them warmed up."""
    lab = subject.router.lab
    with ExitStack() as stack:
        clients: dict[Load, Running] = {}
        for name in SERVICES:
            for load in EVERYDAY[name]():
                bounded = load if loss is None or load.loss.requests is None else replace(load, loss=loss)
                clients[bounded] = stack.enter_context(launch(load.client, lab.namespace(load.role)))
        time.sleep(WARM_UP)
        yield clients


def _refusal_of_swap(subject: Subject, name: str) -> set[str]:
    """Ask for a swap, and do not wait for it; what is said if it cannot even begin."""
    try:
        subject.demand(lambda control: control.swap(name, subject.other_version(name), wait=False))
    except SupervisorError as error:
        return {str(error)}
    return set()


def _listen(subject: Subject, told: set[str], until: float) -> None:
    """Status must be answered all the time."""
    while time.monotonic() < until:
        told |= {subject.status(name).message for name in SERVICES}
        time.sleep(POLL_SECONDS)


def _judge(record: HandoverRecord, newest: int, version: str | None) -> str:
    if record.id <= newest:
        return "refused"
    assert record.outcome in (Outcome.SUCCEEDED, Outcome.REVERTED, Outcome.FAILED), record
    assert record.reason or record.outcome == Outcome.SUCCEEDED, record
    expected = record.to_version if record.outcome == Outcome.SUCCEEDED else record.from_version
    assert version == expected, f"{version} runs, the journal says {record}"
    return record.outcome


def _swap_works(subject: Subject, name: str) -> None:
    wanted = subject.other_version(name)
    subject.ask(lambda control: control.swap(name, wanted, wait=True))
    subject.await_rest()
    record = subject.history(name, 1)[0]
    assert (record.outcome, record.to_version) == (Outcome.SUCCEEDED, wanted), f"afterwards: {record}"


def _log_size(subject: Subject) -> int:
    return subject.router.processes.log(PROGRAM).stat().st_size


def _log_since(subject: Subject, size: int) -> str:
    with subject.router.processes.log(PROGRAM).open("rb") as file:
        file.seek(size)
        return file.read().decode(errors="replace")
