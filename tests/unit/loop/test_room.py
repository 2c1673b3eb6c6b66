"""What is gone, what drains, and what is started beside it: no waiting for room that is there."""

from __future__ import annotations

import pytest

from supervisor.values.names import ServiceName
from tests.unit.loop.ailments import ISOLATED, OVERLAPPING, ward
from tests.unit.loop.scenarios import restart, settle, swap


@pytest.mark.parametrize("service", OVERLAPPING)
def test_what_was_removed_and_made_again_is_not_replaced_afterwards(service: ServiceName) -> None:
    with ward(service) as patient:
        before, generation = patient.last, patient.keeper.instance.generation
        patient.behave("2.0", is_ready=False)
        swap(patient.router, service)
        patient.wait(1.0)
        patient.machine.engine.remove(patient.keeper.instance.container_name)
        patient.wait(30.0)
        assert patient.story(before) == [("swap", "failed")]
        assert (patient.status.is_ready, patient.keeper.instance.generation) == (True, generation)


def test_a_start_does_not_wait_for_what_drains() -> None:
    with ward(ISOLATED) as patient:
        patient.hold_connections(15.0)  # less than a drain may take
        for _ in range(2):
            restart(patient.router, ISOLATED)
            patient.until(lambda: patient.worker.foreground is None)
        assert len(patient.worker.cleanup) == 2
        patient.machine.engine.remove(patient.keeper.instance.container_name)
        patient.until(lambda: patient.worker.keeper is None)
        assert patient.until(lambda: patient.worker.keeper is not None) < 3.0
        settle(patient.router, ISOLATED)
        assert patient.status.is_ready
