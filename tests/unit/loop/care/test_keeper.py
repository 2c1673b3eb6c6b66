"""What the keeper shows of an instance: what it uses is in its status, and nothing depends on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from supervisor.loop.care.keeper import Keeper
from supervisor.values.errors import EngineError
from supervisor.values.status import ServiceStatus
from tests.kit.simulation.router import SimulatedRouter
from tests.kit.simulation.samples import SERVICES
from tests.kit.simulation.scenarios import ALL, prepared

SERVICE = SERVICES[0]
SCENARIO = next(scenario for scenario in ALL if scenario.service == SERVICE and scenario.name == "restart")


@pytest.fixture
def router() -> Iterator[SimulatedRouter]:
    with prepared(SCENARIO) as made:
        yield made


def status(router: SimulatedRouter) -> ServiceStatus:
    return next(service for service in router.supervisor.supervision.status().services if service.name == SERVICE)


def keeper_of(router: SimulatedRouter) -> Keeper:
    keeper = router.supervisor.workers[SERVICE].keeper
    assert keeper
    return keeper


def measure(router: SimulatedRouter) -> None:
    router.supervisor.workers[SERVICE].run_until(lambda: keeper_of(router).usage is not None)


def test_what_was_found_last_is_shown(router: SimulatedRouter) -> None:
    measure(router)
    assert (status(router).memory_bytes, status(router).cpu_seconds) == (1 << 20, 0.01)


def test_one_that_cannot_be_measured_serves_on_and_is_measured_later(router: SimulatedRouter) -> None:
    router.machine.engine.fail("usage", EngineError("cannot see what it uses: it does not run"))
    before = keeper_of(router)
    measure(router)
    assert keeper_of(router) is before
    assert status(router).is_ready
    assert router.machine.engine.calls.count(("usage", before.instance.container_name)) == 2


def test_what_is_down_uses_nothing(router: SimulatedRouter) -> None:
    measure(router)
    router.machine.engine.kill(keeper_of(router).instance.container_name, "SIGKILL")
    router.supervisor.workers[SERVICE].run_until(lambda: keeper_of(router).is_down)
    assert status(router).memory_bytes is None
