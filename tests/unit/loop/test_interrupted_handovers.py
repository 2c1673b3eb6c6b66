"""What the journal tells of a hand-over that a supervisor left in the middle."""

from __future__ import annotations

from contextlib import suppress

import pytest

from supervisor.values.handover import Step
from supervisor.values.names import ServiceName
from tests.kit.simulation.faults import SupervisorKilled
from tests.kit.simulation.machine import Behaviour
from tests.kit.simulation.samples import SERVICES
from tests.kit.simulation.scenarios import swap
from tests.kit.simulation.service import MINUTE, OVERLAPPING, SimulatedService, simulated_service

each = pytest.mark.parametrize("service", SERVICES)


def fail_in_soak(subject: SimulatedService) -> None:
    subject.behave("2.0", fails=0.5)
    swap(subject.router, subject.service)
    subject.worker.run_until_settled()


def changes_of(service: ServiceName) -> list[str]:
    with simulated_service(service) as subject:
        subject.machine.faults.arm()
        fail_in_soak(subject)
        return subject.machine.faults.changes


@each
def test_killed_before_the_end_of_an_undo_is_recorded_it_is_told_as_it_was(service: ServiceName) -> None:
    changes = changes_of(service)
    last = len(changes) - 1 - changes[::-1].index("store.record")
    assert changes[last - 1] == "store.set_state"
    with simulated_service(service) as subject:
        subject.machine.faults.arm(dies_before=last)
        with suppress(SupervisorKilled):
            fail_in_soak(subject)
        subject.restart_supervisor()
        subject.wait(MINUTE)
        (record,) = subject.machine.store.history(service, 1)
        assert record.outcome == "reverted"
        assert "fails" in record.reason


@pytest.mark.parametrize("service", OVERLAPPING)
def test_what_was_led_back_is_not_led_to_the_candidate_again_at_the_next_start(service: ServiceName) -> None:
    changes = changes_of(service)
    moved = len(changes) - 1 - changes[::-1].index("store.move_active")
    for point in range(moved - 2, moved + 4):
        with simulated_service(service) as subject:
            subject.machine.faults.arm(dies_before=point)
            with suppress(SupervisorKilled):
                fail_in_soak(subject)
            (former, candidate) = (instance for instance, _ in subject.machine.store.instances(service))
            was_back = subject.machine._gets_traffic(former)
            subject.restart_supervisor()
            assert subject.machine._gets_traffic(former) or not was_back, f"{candidate} before {changes[point]}"


# ---------------------------------------------------------------- a change of configuration in place


def reload_badly(subject: SimulatedService) -> None:
    """The daemon takes the files and does not answer any more."""
    subject.machine.faults.arm(dies_before=subject.machine.faults.dies_before)
    subject.configure("reload")
    subject.until(lambda: bool(subject.worker.foreground) and subject.worker.foreground.step is Step.VERIFY)
    subject.misbehave(is_ready=False)
    subject.worker.run_until(lambda: subject.worker.foreground is None)


def point_of_reload(service: ServiceName, change: str, number: int) -> int:
    """Before which change of the world that one is made."""
    with simulated_service(service) as subject:
        reload_badly(subject)
        found = [index for index, one in enumerate(subject.machine.faults.changes) if one == change]
        return found[number]


@each
def test_a_reload_that_is_undone_is_undone_by_the_next_supervisor(service: ServiceName) -> None:
    point = point_of_reload(service, "folders.write", -1)
    with simulated_service(service) as subject:
        before = subject.last
        subject.machine.faults.dies_before = point
        with suppress(SupervisorKilled):
            reload_badly(subject)
        (instance, _) = subject.machine.store.instances(service)[0]
        subject.machine.engine.daemons[instance.container_name].behaviour = Behaviour()
        subject.behave("1.0", refuses=b"domain other")
        subject.restart_supervisor()
        subject.wait(20.0)
        assert subject.story(before) == [("configure", "reverted")]
        assert "does not answer" in subject.machine.store.history(service, 1)[0].reason
        assert b"domain lan" in subject.daemon.configuration
        assert subject.machine.folders.backups == {}


@each
def test_a_reload_that_was_left_while_it_was_checked_is_none_that_succeeded(service: ServiceName) -> None:
    point = point_of_reload(service, "engine.run", 0)
    with simulated_service(service) as subject:
        before = subject.last
        subject.machine.faults.dies_before = point
        with suppress(SupervisorKilled):
            reload_badly(subject)
        subject.restart_supervisor()
        subject.wait(20.0)
        assert subject.story(before) == [("configure", "failed"), ("configure", "succeeded")]
        assert b"domain other" in subject.daemon.configuration
