"""The power fails in the middle of a swap, and comes back with no medium attached: one good generation of each serves.

What is stored is used: images, leases, passwords. What was in memory is gone: containers, namespaces, rules, files.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

import pytest

from lab.clients import run
from lab.services import SERVICES
from supervisor.values.handover import Outcome
from supervisor.values.status import ServiceStatus
from tests.faults.injection import Fault
from tests.faults.operations import OPERATIONS
from tests.faults.router_under_test import RouterUnderTest
from tests.kit.live.invariants import violations
from tests.kit.live.power_cut import cut_power, detach_media

pytestmark = [pytest.mark.integration, pytest.mark.lab, pytest.mark.timeout(1800)]

POINTS = 20  # of the whole campaign
BOOTED_SECONDS = 30.0
BOOT_MARGIN = 5.0  # seconds that a recovery may take longer than when only its service was killed


def test_a_power_cut_in_a_swap_leaves_one_good_generation_of_each(
    breakable: RouterUnderTest,
    sample: Callable[[Sequence[Fault], str], tuple[Fault, ...]],
    request: pytest.FixtureRequest,
    seed: int,
    record_property: Callable[[str, object], None],
) -> None:
    known = [fault for name in SERVICES for fault in OPERATIONS["swap"].faults(name)]
    points = sample(known, "reboot")
    if not points:
        pytest.skip("not the fault that was asked for")
    if request.config.getoption("--faults") == "all":
        points = tuple(random.Random(f"{seed} reboot").sample(points, POINTS))
    for service in SERVICES.values():
        service.refresh(breakable.router)
    seconds: list[float] = []
    wrong: list[str] = []
    for fault in points:
        try:
            seconds.append(_reboot_at(breakable, fault))
            print(f"reboot at {fault}: all ready after {seconds[-1]:.1f} s")
        except AssertionError as error:
            wrong.append(f"{fault}: {error}")
            print(wrong[-1])
    record_property("reboots", len(seconds))
    record_property("slowest_boot_seconds", max(seconds, default=0.0))
    assert not wrong, "\n".join(wrong)


def _reboot_at(sut: RouterUnderTest, fault: Fault) -> float:
    sut.await_rest(60.0)
    router, name = sut.router, fault.service
    remembered, versions = _remembered(sut), {status.name: status.version for status in _statuses(sut)}
    newest = max((record.id for record in sut.history(name)), default=0)
    sut.arm(fault)
    OPERATIONS["swap"].begin(sut, name)
    sut.await_death()
    assert not sut.is_armed, "the supervisor died elsewhere"
    cut_power(router)
    detach_media(router)
    began = time.monotonic()
    router.start()
    sut.until("the supervisor answers", lambda: router.status() is not None, BOOTED_SECONDS, 0.2)
    sut.await_rest(BOOTED_SECONDS)
    seconds = time.monotonic() - began
    broken = violations(router)
    assert not broken, broken
    _judge_versions(sut, name, newest, versions)
    assert _remembered(sut) == remembered, "state is lost or came from nowhere"
    _judge_answers(sut)
    return seconds


def _judge_versions(sut: RouterUnderTest, name: str, newest: int, before: dict[str, str | None]) -> None:
    """Check that services that were not being swapped are what they were, and the other one what the journal says."""
    for status in _statuses(sut):
        assert status.version == status.desired_version, status
        assert status.name == name or status.version == before[status.name], status
    swap = next(record for record in sut.history(name) if record.id > newest and record.kind == "swap")
    expected = swap.to_version if swap.outcome == Outcome.SUCCEEDED else swap.from_version
    assert sut.status(name).version == expected, f"{sut.status(name)} runs, the journal says {swap}"


def _judge_answers(sut: RouterUnderTest) -> None:
    """Check that every service does its work again for those who use it."""
    lab = sut.router.lab
    for service in SERVICES.values():
        outcomes = [run(probe.client, lab.namespace(probe.role)) for probe in service.answers]
        assert [outcome for outcome in outcomes if not outcome.is_clean] == []
        sut.await_recovery(service, BOOT_MARGIN)


def _remembered(sut: RouterUnderTest) -> dict[str, object]:
    """Return what each service must not lose with the power."""
    return {name: service.remembered(sut.router) for name, service in SERVICES.items() if service.remembered}


def _statuses(sut: RouterUnderTest) -> list[ServiceStatus]:
    return [sut.status(name) for name in SERVICES]
