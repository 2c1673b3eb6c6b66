"""A worker's snapshot is never older than an answer: whoever was answered sees what the answer speaks of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from supervisor.values.handover import Kind
from supervisor.values.state import Container
from supervisor.values.status import Progress
from tests.kit.simulation.faults import Start
from tests.kit.simulation.samples import version
from tests.kit.simulation.scenarios import swap, until_soak
from tests.kit.simulation.service import OVERLAPPING, SimulatedService, simulated_service


@pytest.fixture(params=OVERLAPPING)
def subject(request: pytest.FixtureRequest) -> Iterator[SimulatedService]:
    with simulated_service(request.param) as made:
        yield made


def test_a_request_that_was_answered_shows(subject: SimulatedService) -> None:
    subject.worker.begin(Kind.SWAP, version(subject.service, "2.0"))
    snapshot = subject.worker.snapshot
    assert (snapshot.handover.kind, snapshot.handover.direction) == ("swap", "forward")
    subject.worker.revert()
    assert subject.worker.snapshot.handover.direction == "undo"


def test_each_step_shows_while_it_is_done(subject: SimulatedService) -> None:
    shown: list[str] = []

    def noted(start: Start, name: str) -> Container:
        shown.append(subject.worker.snapshot.handover.phase)
        return start(name)

    subject.machine.faults.around["engine.start"] = noted
    swap(subject.router, subject.service)
    subject.wait(30.0)
    assert set(shown) == {"start"}


def test_who_hears_the_outcome_sees_it(subject: SimulatedService) -> None:
    seen: list[tuple[bool, str, str]] = []

    class Waiting:
        """Looks at the snapshot as soon as it is answered, as another thread may."""

        def put(self, progress: Progress) -> None:
            if progress.is_final:
                snapshot = subject.worker.snapshot
                drains = [status.version for status in snapshot.draining]
                seen.append((snapshot.is_handing_over, snapshot.active.instance.version, *drains))

    subject.worker.begin(Kind.SWAP, version(subject.service, "2.0"))
    subject.worker.foreground.listeners.append(Waiting())
    subject.wait(30.0)
    assert seen == [(False, "2.0-1", "1.0-1")]


def test_an_ended_soak_shows(subject: SimulatedService) -> None:
    swap(subject.router, subject.service)
    until_soak(subject.router, subject.service)
    subject.worker.run_until(lambda: subject.worker.soaks)
    assert subject.status.handover
    assert subject.status.handover.phase == "soak"
    subject.worker.confirm()
    subject.wait(5.0)
    assert subject.status.handover is None
    assert subject.status.version == "2.0-1"


def test_a_worker_that_has_ended_says_that_nothing_is_looked_after(subject: SimulatedService) -> None:
    subject.worker.parts.agenda.is_stopping = True
    subject.worker.run()
    assert subject.worker.snapshot.active is None
