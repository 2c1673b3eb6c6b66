"""One disruption under load: it comes in the middle of a hand-over, lasts, goes, and every promise is checked."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from lab.clients import Running, launch
from lab.router import PROGRAM
from lab.scenarios import Load, Loss, Seen
from lab.services import SERVICES
from supervisor.values.errors import SupervisorError
from supervisor.values.handover import Outcome
from supervisor.values.status import HandoverRecord
from tests.faults.campaign import LONGEST, WARM_UP
from tests.faults.disruptions import Disruption
from tests.faults.router_under_test import RouterUnderTest
from tests.kit.live.invariants import violations

RECOVERED_SECONDS = 40.0  # a call of the engine that hangs is given up after 30 s
POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Experiment:
    """A disruption and the service that is swapped when it comes."""

    disruption: Disruption
    service: str

    def __str__(self) -> str:
        return f"{self.disruption.name}/{self.service}"


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one disruption that the router got over."""

    experiment: Experiment
    messages: tuple[str, ...]  # of status, log or a refusal, which name the cause
    outcome: str  # of the hand-over that was meant for the time of the disruption
    recovered_seconds: float  # from the end of the cause
    silence: Mapping[str, float]  # of each client, the longest
    lost: int  # by clients whose losses are not judged

    def __str__(self) -> str:
        longest = max(self.silence, key=lambda label: self.silence[label])
        message = f"message: {self.messages[0][:200]!r}" if self.messages else "no message"
        return (
            f"{self.experiment}: swap {self.outcome}, at rest {self.recovered_seconds:.1f} s after the cause, "
            f"longest silence {self.silence[longest]:.2f} s ({longest}), {self.lost} lost that may be; {message}"
        )


def run_experiment(sut: RouterUnderTest, experiment: Experiment, seconds: float) -> Result:
    """Let the cause last so many seconds in the middle of a swap, under the load of all services.

    Raises AssertionError: when a promise is broken.
    """
    disruption, name = experiment.disruption, experiment.service
    sut.await_rest(60.0)
    newest = max((record.id for record in sut.history(name)), default=0)
    log_began = _log_size(sut)
    messages: set[str] = set()
    with everyone_at_work(sut, disruption.loss) as clients:
        with disruption.inject(sut):
            messages |= _refusal_of_swap(sut, name)
            _collect_messages(sut, messages, until=time.monotonic() + seconds)
        recovered = sut.await_rest(RECOVERED_SECONDS)
        record = sut.history(name, 1)[0]
        outcome = _judge(record, newest, sut.status(name).version)
        _swap_works(sut, name)
        results = [Seen(load, running.stop()) for load, running in clients.items()]
    messages |= {record.reason, *_log_since(sut, log_began).splitlines()}
    matching = _matching(messages, disruption.message)
    is_spared = name in disruption.spares and outcome == Outcome.SUCCEEDED
    assert matching or not disruption.message or is_spared, f"nothing says {disruption.message!r}: {sorted(messages)}"
    judged = [result for result in results if not (disruption.stops_writing and result.load.needs_disk)]
    lost = [fault for result in judged if (fault := result.fault)]
    assert not lost, lost
    for service in SERVICES.values():
        sut.await_recovery(service)
    broken = violations(sut.router)
    assert not broken, broken
    silence = {result.load.label: result.longest_gap or 0.0 for result in results}
    spared = sum(result.lost for result in results if result not in judged or result.load.loss.requests is None)
    return Result(experiment, matching, outcome, recovered, silence, spared)


def _matching(messages: set[str], pattern: str) -> tuple[str, ...]:
    """Return the messages that match, the shortest first; none for an empty pattern."""
    return tuple(sorted((text for text in messages if re.search(pattern, text)), key=len)) if pattern else ()


@contextmanager
def everyone_at_work(sut: RouterUnderTest, loss: Loss | None = None) -> Iterator[dict[Load, Running]]:
    """Run the steady clients of all services; they are warmed up when the context is entered."""
    lab = sut.router.lab
    with ExitStack() as stack:
        clients: dict[Load, Running] = {}
        for service in SERVICES.values():
            for load in service.steady_loads(LONGEST):
                bounded = load if loss is None or load.loss.requests is None else replace(load, loss=loss)
                clients[bounded] = stack.enter_context(launch(load.client, lab.namespace(load.role)))
        time.sleep(WARM_UP)
        yield clients


def _refusal_of_swap(sut: RouterUnderTest, name: str) -> set[str]:
    """Request a swap without waiting for it; return the error if it cannot even begin."""
    try:
        sut.demand(lambda control: control.swap(name, sut.other_version(name), wait=False))
    except SupervisorError as error:
        return {str(error)}
    return set()


def _collect_messages(sut: RouterUnderTest, messages: set[str], until: float) -> None:
    """Collect what status says of each service: it must be answered all the time."""
    while time.monotonic() < until:
        messages |= {sut.status(name).message for name in SERVICES}
        time.sleep(POLL_SECONDS)


def _judge(record: HandoverRecord, newest: int, version: str | None) -> str:
    if record.id <= newest:
        return "refused"
    assert record.outcome in (Outcome.SUCCEEDED, Outcome.REVERTED, Outcome.FAILED), record
    assert record.reason or record.outcome == Outcome.SUCCEEDED, record
    expected = record.to_version if record.outcome == Outcome.SUCCEEDED else record.from_version
    assert version == expected, f"{version} runs, the journal says {record}"
    return record.outcome


def _swap_works(sut: RouterUnderTest, name: str) -> None:
    wanted = sut.other_version(name)
    sut.ask(lambda control: control.swap(name, wanted, wait=True))
    sut.await_rest()
    record = sut.history(name, 1)[0]
    assert (record.outcome, record.to_version) == (Outcome.SUCCEEDED, wanted), f"afterwards: {record}"


def _log_size(sut: RouterUnderTest) -> int:
    return sut.router.processes.log(PROGRAM).stat().st_size


def _log_since(sut: RouterUnderTest, size: int) -> str:
    with sut.router.processes.log(PROGRAM).open("rb") as file:
        file.seek(size)
        return file.read().decode(errors="replace")
