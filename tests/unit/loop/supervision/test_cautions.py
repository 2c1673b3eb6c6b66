"""A plan shows what the version that it would bring does not get on with."""

from __future__ import annotations

import pytest

from supervisor.values.names import ServiceName
from tests.kit.simulation.samples import SERVICES
from tests.kit.simulation.service import simulated_service

each = pytest.mark.parametrize("service", SERVICES)


@each
@pytest.mark.parametrize("works", [True, False], ids=["works", "does not work"])
def test_a_plan_warns_of_what_a_new_version_would_not_get_on_with(service: ServiceName, works: bool) -> None:
    with simulated_service(service) as subject:
        subject.machine.is_reachable = lambda: works
        (step,) = subject.router.supervisor.supervision.plan("2.0")
        assert step.action == "swap"
        assert ("caution: needs a way: the path that clients take" in step.reason) is not works


@each
def test_a_version_that_runs_already_is_not_asked_about(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        subject.machine.is_reachable = lambda: False
        (step,) = subject.router.supervisor.supervision.plan("1.0")
        assert "caution" not in step.reason
