"""What the journal tells of a hand-over that a supervisor left in the middle."""

from __future__ import annotations

from contextlib import suppress

import pytest

from supervisor.values.handover import Step
from supervisor.values.names import ServiceName
from tests.fakes.faults import Died
from tests.fakes.machine import Behaviour
from tests.unit.loop.ailments import MINUTE, OVERLAPPING, Ward, ward
from tests.unit.loop.loop_samples import SERVICES
from tests.unit.loop.scenarios import swap

each = pytest.mark.parametrize("service", SERVICES)


def fail_in_soak(patient: Ward) -> None:
    patient.behave("2.0", fails=0.5)
    swap(patient.router, patient.service)
    patient.worker.run_until_settled()


def changes_of(service: ServiceName) -> list[str]:
    with ward(service) as patient:
        patient.machine.fate.begin()
        fail_in_soak(patient)
        return patient.machine.fate.changes


@each
def test_killed_before_the_end_of_an_undo_is_recorded_it_is_told_as_it_was(service: ServiceName) -> None:
    changes = changes_of(service)
    last = len(changes) - 1 - changes[::-1].index("store.record")
    assert changes[last - 1] == "store.set_state"
    with ward(service) as patient:
        patient.machine.fate.begin(dies_before=last)
        with suppress(Died):
            fail_in_soak(patient)
        patient.restart_supervisor()
        patient.wait(MINUTE)
        (record,) = patient.machine.store.history(service, 1)
        assert record.outcome == "reverted"
        assert "fails" in record.reason


@pytest.mark.parametrize("service", OVERLAPPING)
def test_what_was_led_back_is_not_led_to_the_candidate_again_at_the_next_start(service: ServiceName) -> None:
    changes = changes_of(service)
    moved = len(changes) - 1 - changes[::-1].index("store.move_active")
    for point in range(moved - 2, moved + 4):
        with ward(service) as patient:
            patient.machine.fate.begin(dies_before=point)
            with suppress(Died):
                fail_in_soak(patient)
            (former, candidate) = (one for one, _ in patient.machine.store.instances(service))
            was_back = patient.machine._gets_traffic(former)
            patient.restart_supervisor()
            assert patient.machine._gets_traffic(former) or not was_back, f"{candidate} before {changes[point]}"


# ---------------------------------------------------------------- a change of configuration in place


def reload_badly(patient: Ward) -> None:
    """The daemon takes the files and does not answer any more."""
    patient.machine.fate.begin(dies_before=patient.machine.fate.dies_before)
    patient.configure("reload")
    patient.until(lambda: bool(patient.worker.foreground) and patient.worker.foreground.step is Step.VERIFY)
    patient.ail(is_ready=False)
    patient.worker.run_until(lambda: patient.worker.foreground is None)


def point_of_reload(service: ServiceName, change: str, number: int) -> int:
    """Before which change of the world that one is made."""
    with ward(service) as patient:
        reload_badly(patient)
        found = [index for index, one in enumerate(patient.machine.fate.changes) if one == change]
        return found[number]


@each
def test_a_reload_that_is_undone_is_undone_by_the_next_supervisor(service: ServiceName) -> None:
    point = point_of_reload(service, "folders.write", -1)
    with ward(service) as patient:
        before = patient.last
        patient.machine.fate.dies_before = point
        with suppress(Died):
            reload_badly(patient)
        (instance, _) = patient.machine.store.instances(service)[0]
        patient.machine.engine.daemons[instance.container_name].behaviour = Behaviour()
        patient.behave("1.0", refuses=b"domain other")
        patient.restart_supervisor()
        patient.wait(20.0)
        assert patient.story(before) == [("configure", "reverted")]
        assert "does not answer" in patient.machine.store.history(service, 1)[0].reason
        assert b"domain lan" in patient.daemon.configuration
        assert patient.machine.folders.backups == {}


@each
def test_a_reload_that_was_left_while_it_was_checked_is_none_that_succeeded(service: ServiceName) -> None:
    point = point_of_reload(service, "engine.run", 0)
    with ward(service) as patient:
        before = patient.last
        patient.machine.fate.dies_before = point
        with suppress(Died):
            reload_badly(patient)
        patient.restart_supervisor()
        patient.wait(20.0)
        assert patient.story(before) == [("configure", "failed"), ("configure", "succeeded")]
        assert b"domain other" in patient.daemon.configuration
