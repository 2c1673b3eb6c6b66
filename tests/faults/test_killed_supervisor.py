"""The supervisor is killed before and after every recorded action of every kind of hand-over, under load."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from lab.services import SERVICES
from tests.faults.campaign import kill_at_each
from tests.faults.injection import Fault
from tests.faults.operations import OPERATIONS
from tests.faults.router_under_test import RouterUnderTest

pytestmark = [pytest.mark.integration, pytest.mark.lab, pytest.mark.timeout(900)]


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_hand_over_survives_the_death_of_the_supervisor_anywhere(
    sut: RouterUnderTest,
    sample: Callable[[Sequence[Fault], str], tuple[Fault, ...]],
    operation: str,
    name: str,
    record_property: Callable[[str, object], None],
) -> None:
    faults = sample(OPERATIONS[operation].faults(name), f"{operation} {name}")
    if not faults:
        pytest.skip("not the fault that was asked for")
    survived = kill_at_each(sut, OPERATIONS[operation], name, faults)
    record_property("faults", len(survived))
    record_property("slowest_seconds", max(kill.converged_seconds for kill in survived))
