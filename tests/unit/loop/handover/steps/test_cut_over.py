"""Right after a cut-over the path that clients take is asked, but only what it answered before can tell anything."""

from __future__ import annotations

import pytest

from supervisor.values.names import ServiceName
from tests.kit.simulation.samples import SERVICES
from tests.kit.simulation.scenarios import restart, swap
from tests.kit.simulation.service import ISOLATED, OVERLAPPING, SimulatedService, simulated_service

each = pytest.mark.parametrize("service", SERVICES)


def reachable_only_before_a_cut(subject: SimulatedService) -> None:
    generation = subject.keeper.instance.generation
    subject.machine.is_reachable = lambda: subject.worker.parts.opening.active().generation == generation


@pytest.mark.parametrize("service", OVERLAPPING)
def test_a_path_that_breaks_at_the_cut_over_undoes_it(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before = subject.last
        reachable_only_before_a_cut(subject)
        swap(subject.router, service)
        subject.wait(10.0)
        assert subject.story(before) == [("swap", "reverted")]
        assert (subject.runs, subject.desired) == ("1.0", "1.0")
        assert "the path that clients take" in subject.machine.store.history(service, 1)[0].reason


@each
def test_a_path_that_did_not_answer_before_undoes_nothing(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before = subject.last
        subject.machine.is_reachable = lambda: False
        swap(subject.router, service)
        subject.wait(10.0)
        assert subject.story(before) == [("swap", "succeeded")]


@each
def test_a_path_that_comes_back_in_time_is_waited_for(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before = subject.last
        reachable_only_before_a_cut(subject)
        swap(subject.router, service)
        subject.until(lambda: subject.runs == "2.0")
        subject.machine.clock.after(0.5, lambda: setattr(subject.machine, "is_reachable", lambda: True))
        subject.wait(10.0)
        assert subject.story(before) == [("swap", "succeeded")]


def test_a_heal_is_not_undone() -> None:
    with simulated_service(ISOLATED) as subject:
        before = subject.last
        reachable_only_before_a_cut(subject)
        subject.hang()
        subject.wait(10.0)
        assert subject.story(before) == [("heal", "succeeded")]


@each
def test_a_fall_back_is_not_undone(service: ServiceName) -> None:
    with simulated_service(service, upgraded=True) as subject:
        before = subject.last
        reachable_only_before_a_cut(subject)
        subject.fall_back()
        assert subject.story(before) == [("fall-back", "succeeded")]


@each
def test_a_start_is_not_undone(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before = subject.last
        subject.router.die()
        subject.machine.reboot(keeps_containers=False)
        reachable_only_before_a_cut(subject)
        subject.router.boot()
        subject.wait(10.0)
        assert subject.story(before) == [("start", "succeeded")]


def test_the_next_supervisor_asks_only_the_candidate_itself() -> None:
    with simulated_service(ISOLATED) as subject:
        before = subject.last
        reachable_only_before_a_cut(subject)
        restart(subject.router, ISOLATED)
        subject.until(lambda: bool(subject.worker.foreground) and subject.worker.foreground.step == "verify")
        subject.restart_supervisor()
        subject.wait(10.0)
        assert subject.story(before) == [("restart", "succeeded")]
