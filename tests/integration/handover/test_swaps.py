"""Every service handed over to another real version, and back, while its clients are at work: nothing may be lost."""

from __future__ import annotations

import pytest

from lab.facts import newest_handover, service
from lab.router import Router
from lab.scenarios import Report, await_quiet, follow, hand_over_under_load, loads_of, under_load
from lab.services import SERVICES, busiest

pytestmark = [pytest.mark.integration, pytest.mark.lab, pytest.mark.timeout(120)]

NAMES, WEB = busiest(isolated=False), busiest(isolated=True)
TO_TRAFFIC = 5.0  # far above the target: other work on the machine must not fail a test of correctness


def demand(report: Report) -> None:
    assert report.is_good, "\n".join(report.faults)
    assert report.seconds_to_traffic is not None
    assert report.seconds_to_traffic < TO_TRAFFIC


@pytest.mark.slow
def test_dns_loses_no_query_in_swaps_one_after_the_other(
    router: Router, newer: dict[str, str], older: dict[str, str]
) -> None:
    for versions in (newer, older):
        demand(hand_over_under_load(router, NAMES, versions[NAMES], part="dns"))


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_is_lost_in_a_swap(router: Router, newer: dict[str, str], name: str) -> None:
    demand(hand_over_under_load(router, name, newer[name]))


@pytest.mark.slow
@pytest.mark.parametrize("name", [NAMES])
def test_nothing_is_lost_in_a_rollback_after_the_swap(
    router: Router, newer: dict[str, str], older: dict[str, str], name: str
) -> None:
    router.vrctl("swap", name, "--to", newer[name])
    await_quiet(router, name)

    report = hand_over_under_load(router, name, action="rollback")

    demand(report)
    assert report.to_version == older[name]


@pytest.mark.parametrize(("name", "part"), [(NAMES, "dns"), (WEB, "web")])
def test_nothing_is_lost_in_a_rollback_during_the_soak(
    router: Router, newer: dict[str, str], older: dict[str, str], name: str, part: str | None
) -> None:
    was = service(router, name)

    def swap_and_return(begin: object) -> None:
        del begin

        def at(step: str) -> None:
            if step == "soak":
                router.vrctl("rollback", name)

        follow(router, ["swap", name, "--to", newer[name]], at, expect_success=False)

    seen, held = under_load(router, loads_of(name, 10.0, part), swap_and_return)

    await_quiet(router, name)
    assert [one.fault for one in seen if one.fault] == []
    assert all(check.is_good for check in held), held
    now, record = service(router, name), newest_handover(router, name)
    assert (now["version"], now["generation"]) == (older[name], was["generation"])
    assert (record["outcome"], record["to_version"]) == ("reverted", newer[name])
    assert "operator" in record["reason"]
