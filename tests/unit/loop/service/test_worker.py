"""A worker's snapshot is never older than an answer: whoever was answered sees what the answer speaks of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from supervisor.values.handover import Kind
from supervisor.values.status import Progress
from tests.unit.loop.ailments import OVERLAPPING, Ward, ward
from tests.unit.loop.loop_samples import version
from tests.unit.loop.scenarios import swap, until_soak


@pytest.fixture(params=OVERLAPPING)
def patient(request: pytest.FixtureRequest) -> Iterator[Ward]:
    with ward(request.param) as made:
        yield made


def test_a_request_that_was_answered_shows(patient: Ward) -> None:
    patient.worker.begin(Kind.SWAP, version(patient.service, "2.0"))
    snapshot = patient.worker.snapshot
    assert (snapshot.handover.kind, snapshot.handover.direction) == ("swap", "forward")
    patient.worker.revert()
    assert patient.worker.snapshot.handover.direction == "undo"


def test_each_step_shows_while_it_is_done(patient: Ward) -> None:
    shown: list[str] = []
    start = patient.machine.engine.start

    def noted(*arguments: object) -> object:
        shown.append(patient.worker.snapshot.handover.phase)
        return start(*arguments)  # type: ignore[arg-type]

    patient.machine.engine.start = noted  # type: ignore[method-assign, assignment]
    swap(patient.router, patient.service)
    patient.wait(30.0)
    assert set(shown) == {"start"}


def test_who_hears_the_outcome_sees_it(patient: Ward) -> None:
    seen: list[tuple[bool, str, str]] = []

    class Waiting:
        """Looks at the snapshot as soon as it is answered, as another thread may."""

        def put(self, progress: Progress) -> None:
            if progress.is_final:
                snapshot = patient.worker.snapshot
                drains = [status.version for status in snapshot.draining]
                seen.append((snapshot.is_handing_over, snapshot.active.instance.version, *drains))

    patient.worker.begin(Kind.SWAP, version(patient.service, "2.0"))
    patient.worker.foreground.listeners.append(Waiting())
    patient.wait(30.0)
    assert seen == [(False, "2.0-1", "1.0-1")]


def test_an_ended_soak_shows(patient: Ward) -> None:
    swap(patient.router, patient.service)
    until_soak(patient.router, patient.service)
    patient.worker.run_until(lambda: patient.worker.soaks)
    assert patient.status.handover
    assert patient.status.handover.phase == "soak"
    patient.worker.confirm()
    patient.wait(5.0)
    assert patient.status.handover is None
    assert patient.status.version == "2.0-1"


def test_a_worker_that_has_ended_says_that_nothing_is_looked_after(patient: Ward) -> None:
    patient.worker.parts.agenda.is_stopping = True
    patient.worker.run()
    assert patient.worker.snapshot.active is None
