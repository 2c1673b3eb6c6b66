"""The supervisor is killed before and after every recorded action of every kind of hand-over, under load."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from lab.session import SERVICES
from tests.faults.campaign import kill_at_each
from tests.faults.deeds import DEEDS
from tests.faults.points import Fault
from tests.faults.subject import Subject

pytestmark = [pytest.mark.integration, pytest.mark.lab, pytest.mark.timeout(900)]


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("deed", DEEDS)
def test_a_hand_over_survives_the_death_of_the_supervisor_anywhere(
    subject: Subject,
    sample: Callable[[Sequence[Fault], str], tuple[Fault, ...]],
    deed: str,
    name: str,
    record_property: Callable[[str, object], None],
) -> None:
    faults = sample(DEEDS[deed].faults(name), f"{deed} {name}")
    if not faults:
        pytest.skip("not the fault that was asked for")
    survived = kill_at_each(subject, DEEDS[deed], name, faults)
    record_property("faults", len(survived))
    record_property("slowest_seconds", max(one.converged_seconds for one in survived))
