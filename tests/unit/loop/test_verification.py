"""Right after a cut-over the path that clients take is asked, but only what it answered before can tell anything."""

from __future__ import annotations

import pytest

from supervisor.values.names import ServiceName
from tests.unit.loop.ailments import ISOLATED, OVERLAPPING, Ward, ward
from tests.unit.loop.loop_samples import SERVICES
from tests.unit.loop.scenarios import restart, swap

each = pytest.mark.parametrize("service", SERVICES)


def reachable_only_before_a_cut(patient: Ward) -> None:
    generation = patient.keeper.instance.generation
    patient.machine.is_reachable = lambda: patient.worker.parts.opening.active().generation == generation


@pytest.mark.parametrize("service", OVERLAPPING)
def test_a_path_that_breaks_at_the_cut_over_undoes_it(service: ServiceName) -> None:
    with ward(service) as patient:
        before = patient.last
        reachable_only_before_a_cut(patient)
        swap(patient.router, service)
        patient.wait(10.0)
        assert patient.story(before) == [("swap", "reverted")]
        assert (patient.runs, patient.desired) == ("1.0", "1.0")
        assert "the path that clients take" in patient.machine.store.history(service, 1)[0].reason


@each
def test_a_path_that_did_not_answer_before_undoes_nothing(service: ServiceName) -> None:
    with ward(service) as patient:
        before = patient.last
        patient.machine.is_reachable = lambda: False
        swap(patient.router, service)
        patient.wait(10.0)
        assert patient.story(before) == [("swap", "succeeded")]


@each
def test_a_path_that_comes_back_in_time_is_waited_for(service: ServiceName) -> None:
    with ward(service) as patient:
        before = patient.last
        reachable_only_before_a_cut(patient)
        swap(patient.router, service)
        patient.until(lambda: patient.runs == "2.0")
        patient.machine.clock.after(0.5, lambda: setattr(patient.machine, "is_reachable", lambda: True))
        patient.wait(10.0)
        assert patient.story(before) == [("swap", "succeeded")]


def test_a_heal_is_not_undone() -> None:
    with ward(ISOLATED) as patient:
        before = patient.last
        reachable_only_before_a_cut(patient)
        patient.hang()
        patient.wait(10.0)
        assert patient.story(before) == [("heal", "succeeded")]


@each
def test_a_fall_back_is_not_undone(service: ServiceName) -> None:
    with ward(service, upgraded=True) as patient:
        before = patient.last
        reachable_only_before_a_cut(patient)
        patient.fall_back()
        assert patient.story(before) == [("fall-back", "succeeded")]


@each
def test_a_start_is_not_undone(service: ServiceName) -> None:
    with ward(service) as patient:
        before = patient.last
        patient.router.die()
        patient.machine.reboot(keeps_containers=False)
        reachable_only_before_a_cut(patient)
        patient.router.boot()
        patient.wait(10.0)
        assert patient.story(before) == [("start", "succeeded")]


def test_the_next_supervisor_asks_only_the_candidate_itself() -> None:
    with ward(ISOLATED) as patient:
        before = patient.last
        reachable_only_before_a_cut(patient)
        restart(patient.router, ISOLATED)
        patient.until(lambda: bool(patient.worker.foreground) and patient.worker.foreground.step == "verify")
        patient.restart_supervisor()
        patient.wait(10.0)
        assert patient.story(before) == [("restart", "succeeded")]
