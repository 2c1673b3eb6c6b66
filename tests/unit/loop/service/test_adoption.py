"""Adoption that the store interrupts is repeated, and each hand-over is adopted once all the same."""

from __future__ import annotations

from supervisor.values.errors import StateError
from tests.kit.simulation.scenarios import restart, swap
from tests.kit.simulation.service import ISOLATED, MINUTE, simulated_service


def test_a_hand_over_that_drains_is_adopted_once_however_often_the_store_refused() -> None:
    with simulated_service(ISOLATED) as subject:
        subject.keep_connections(15.0)
        swap(subject.router, ISOLATED)
        subject.until(lambda: bool(subject.worker.cleanup))
        draining, refused = subject.last, subject.machine.faults.refused
        refused["store.set_previous"] = StateError("cannot write the state: disk full")
        subject.restart_supervisor()
        subject.wait(5.0)
        assert not subject.worker.parts.agenda.is_adopted
        refused.clear()
        subject.wait(2.0)
        assert subject.worker.parts.agenda.is_adopted
        assert [run.handover.id for run in subject.worker.cleanup] == [draining]
        subject.wait(MINUTE)
        assert subject.worker.cleanup == ()
        assert len(subject.machine.engine.containers()) == 1

        restart(subject.router, ISOLATED)
        subject.wait(MINUTE)
        assert subject.story(draining) == [("restart", "succeeded")]
