"""The engine, the disk, the kernel's rules or the clock fail under load: services serve on, and it passes by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from lab.session import SERVICES
from tests.faults.disasters import DISASTERS
from tests.faults.ordeal import Case, Passed, undergo
from tests.faults.subject import Subject

pytestmark = [pytest.mark.integration, pytest.mark.lab, pytest.mark.timeout(3600)]

CASES = tuple(Case(disaster, name) for disaster in DISASTERS.values() for name in SERVICES)


def test_services_serve_on_and_the_router_recovers_by_itself(
    frail_router: Subject,
    sample: Callable[[Sequence[Case], str], tuple[Case, ...]],
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    cases = sample(CASES, "disasters")
    if not cases:
        pytest.skip("not the fault that was asked for")
    is_whole = request.config.getoption("--faults") == "all"
    passed: list[Passed] = []
    wrong: list[str] = []
    for case in cases:
        longest = case.disaster.lasts_longest if is_whole else None
        try:
            passed.append(undergo(frail_router, case, longest or case.disaster.lasts))
            print(passed[-1])
        except AssertionError as error:
            wrong.append(f"{case}: {error}")
            print(wrong[-1])
    record_property("disasters", len(passed))
    record_property("slowest_recovery_seconds", max((one.recovered_seconds for one in passed), default=0.0))
    assert not wrong, "\n".join(wrong)
