"""Every single call of the world fails once: refused, or carried out with its answer lost."""

from __future__ import annotations

import pytest

from supervisor.values.errors import EngineUnavailableError
from tests.kit.simulation.faults import Failure
from tests.kit.simulation.kill_points import recorded, wrong_after_failed_call
from tests.kit.simulation.scenarios import ALL, Scenario
from tests.unit.loop.conftest import Sample

COSTS_PACKETS_AT_MOST = ("associations.present", "associations.delete")  # logged; they end with their lifetime


def failures(scenario: Scenario) -> list[Failure]:
    """An engine may refuse, or be away: the loop treats that in another way."""
    found = []
    for number, call in enumerate(recorded(scenario).calls):
        if call in COSTS_PACKETS_AT_MOST:
            continue
        errors = (None, EngineUnavailableError) if call.startswith("engine.") else (None,)
        found += [Failure(number, error, is_done) for error in errors for is_done in (False, True)]
    return found


@pytest.mark.parametrize("scenario", ALL, ids=str)
def test_a_call_that_fails_once_leaves_a_router_in_order(scenario: Scenario, sample: Sample) -> None:
    calls = recorded(scenario).calls
    wrong = {}
    for failure in sample(failures(scenario), f"failing calls in {scenario}", 6):
        if found := wrong_after_failed_call(scenario, failure):
            wrong[f"{calls[failure.call]} {failure}"] = found
    assert not wrong
