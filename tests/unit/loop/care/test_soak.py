"""A candidate that ends in its soak is left at once, whether the engine can be asked or not."""

from __future__ import annotations

import pytest

from supervisor.values.errors import EngineUnavailableError
from supervisor.values.names import ServiceName
from tests.unit.loop.ailments import OVERLAPPING, ward
from tests.unit.loop.scenarios import configure, swap, until_live, until_soak


def refuse() -> None:
    raise EngineUnavailableError("cannot start the engine: it does not come")


@pytest.mark.parametrize("is_hung", [False, True], ids=["gone", "hung"])
@pytest.mark.parametrize("service", OVERLAPPING)
def test_traffic_is_back_before_the_engine_is(service: ServiceName, is_hung: bool) -> None:
    with ward(service, has_clients=True) as patient:
        before, machine = patient.last, patient.machine
        swap(patient.router, service)
        until_soak(patient.router, service)
        candidate = patient.keeper.instance.container_name
        machine.engine.is_hung, machine.engine.is_running = is_hung, is_hung
        machine.engine.start_service = refuse  # type: ignore[method-assign]
        outage = machine.outage[service]
        machine.engine.end(candidate, 1)
        patient.until(lambda: machine.serving(service) is not None, 3.0)
        assert machine.outage[service] - outage < 1.0
        del machine.engine.start_service
        patient.until(lambda: patient.worker.is_settled)
        assert patient.story(before) == [("swap", "reverted")]
        assert (patient.runs, patient.desired) == ("1.0", "1.0")


@pytest.mark.parametrize("service", OVERLAPPING)
def test_traffic_is_back_before_the_engine_is_after_a_change_in_the_soak_too(service: ServiceName) -> None:
    with ward(service, has_clients=True) as patient:
        machine = patient.machine
        swap(patient.router, service)
        until_soak(patient.router, service)
        configure("instance")(patient.router, service)
        until_live(patient.router, service)
        patient.until(lambda: not patient.worker.cleanup)
        candidate = patient.keeper.instance.container_name
        machine.engine.is_running = False
        machine.engine.start_service = refuse  # type: ignore[method-assign]
        outage = machine.outage[service]
        machine.engine.end(candidate, 1)
        patient.until(lambda: machine.serving(service) is not None, 5.0)
        assert machine.outage[service] - outage < 2.0
        del machine.engine.start_service
        patient.until(lambda: patient.worker.is_settled)
        assert patient.runs == "1.0"
        assert b"name two\n" in patient.daemon.configuration
