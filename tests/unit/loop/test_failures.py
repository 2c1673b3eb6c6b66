"""Every single call of the world fails once: refused, or carried out with its answer lost."""

from __future__ import annotations

import pytest

from supervisor.values.errors import EngineUnavailableError
from tests.fakes.faults import Failure
from tests.unit.loop.campaign import fails, walked
from tests.unit.loop.conftest import Sample
from tests.unit.loop.scenarios import ALL, Scenario

COSTS_PACKETS_AT_MOST = ("associations.present", "associations.delete")  # logged; they end with their lifetime


def failures(scenario: Scenario) -> list[Failure]:
    """An engine may refuse, or be away: the loop treats that in another way."""
    found = []
    for number, call in enumerate(walked(scenario).calls):
        if call in COSTS_PACKETS_AT_MOST:
            continue
        errors = (None, EngineUnavailableError) if call.startswith("engine.") else (None,)
        found += [Failure(number, error, is_done) for error in errors for is_done in (False, True)]
    return found


@pytest.mark.parametrize("scenario", ALL, ids=str)
def test_a_call_that_fails_once_leaves_a_router_in_order(scenario: Scenario, sample: Sample) -> None:
    calls = walked(scenario).calls
    wrong = {}
    for failure in sample(failures(scenario), f"failing calls in {scenario}", 6):
        if found := fails(scenario, failure):
            wrong[f"{calls[failure.call]} {failure}"] = found
    assert not wrong
