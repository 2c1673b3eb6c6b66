"""A candidate that ends in its soak is left at once, whether the engine can be asked or not."""

from __future__ import annotations

import pytest

from supervisor.values.errors import EngineUnavailableError
from supervisor.values.names import ServiceName
from tests.kit.simulation.scenarios import configure, swap, until_live, until_soak
from tests.kit.simulation.service import OVERLAPPING, simulated_service

REFUSED = {"engine.start_service": EngineUnavailableError("cannot start the engine: it does not come")}


@pytest.mark.parametrize("is_hung", [False, True], ids=["gone", "hung"])
@pytest.mark.parametrize("service", OVERLAPPING)
def test_traffic_is_back_before_the_engine_is(service: ServiceName, is_hung: bool) -> None:
    with simulated_service(service, has_clients=True) as subject:
        before, machine = subject.last, subject.machine
        swap(subject.router, service)
        until_soak(subject.router, service)
        candidate = subject.keeper.instance.container_name
        machine.engine.is_hung, machine.engine.is_running = is_hung, is_hung
        machine.faults.refused.update(REFUSED)
        outage = machine.outage[service]
        machine.engine.end(candidate, 1)
        subject.until(lambda: machine.serving(service) is not None, 3.0)
        assert machine.outage[service] - outage < 1.0
        machine.faults.refused.clear()
        subject.until(lambda: subject.worker.is_settled)
        assert subject.story(before) == [("swap", "reverted")]
        assert (subject.runs, subject.desired) == ("1.0", "1.0")


@pytest.mark.parametrize("service", OVERLAPPING)
def test_traffic_is_back_before_the_engine_is_after_a_change_in_the_soak_too(service: ServiceName) -> None:
    with simulated_service(service, has_clients=True) as subject:
        machine = subject.machine
        swap(subject.router, service)
        until_soak(subject.router, service)
        configure("instance")(subject.router, service)
        until_live(subject.router, service)
        subject.until(lambda: not subject.worker.cleanup)
        candidate = subject.keeper.instance.container_name
        machine.engine.is_running = False
        machine.faults.refused.update(REFUSED)
        outage = machine.outage[service]
        machine.engine.end(candidate, 1)
        subject.until(lambda: machine.serving(service) is not None, 5.0)
        assert machine.outage[service] - outage < 2.0
        machine.faults.refused.clear()
        subject.until(lambda: subject.worker.is_settled)
        assert subject.runs == "1.0"
        assert b"name two\n" in subject.daemon.configuration
