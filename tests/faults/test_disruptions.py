"""The engine, the disk, the kernel's rules or the clock fail under load: services serve on, and it passes by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from lab.services import SERVICES
from tests.faults.disruptions import DISRUPTIONS
from tests.faults.experiment import Experiment, Result, run_experiment
from tests.faults.router_under_test import RouterUnderTest

pytestmark = [pytest.mark.integration, pytest.mark.lab, pytest.mark.timeout(3600)]

EXPERIMENTS = tuple(Experiment(disruption, name) for disruption in DISRUPTIONS.values() for name in SERVICES)


def test_services_serve_on_and_the_router_recovers_by_itself(
    breakable: RouterUnderTest,
    sample: Callable[[Sequence[Experiment], str], tuple[Experiment, ...]],
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    experiments = sample(EXPERIMENTS, "disruptions")
    if not experiments:
        pytest.skip("not the fault that was asked for")
    is_whole = request.config.getoption("--faults") == "all"
    passed: list[Result] = []
    wrong: list[str] = []
    for experiment in experiments:
        longest = experiment.disruption.lasts_longest if is_whole else None
        try:
            passed.append(run_experiment(breakable, experiment, longest or experiment.disruption.lasts))
            print(passed[-1])
        except AssertionError as error:
            wrong.append(f"{experiment}: {error}")
            print(wrong[-1])
    record_property("disruptions", len(passed))
    record_property("slowest_recovery_seconds", max((result.recovered_seconds for result in passed), default=0.0))
    assert not wrong, "\n".join(wrong)
