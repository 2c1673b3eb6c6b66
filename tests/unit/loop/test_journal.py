"""What the journal tells of a hand-over that a supervisor left in the middle."""

from __future__ import annotations

from contextlib import suppress

import pytest

from supervisor.values.names import ServiceName
from tests.fakes.faults import Died
from tests.unit.loop.ailments import MINUTE, Ward, ward
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
