"""A version that fails again and again gives way to the one before it, and is tried again every five minutes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from supervisor.decisions.falling_back import TOO_OFTEN
from supervisor.loop.service.retry_policy import RETRY_SECONDS
from supervisor.values.handover import Kind
from supervisor.values.names import ServiceName
from supervisor.values.state import Container
from supervisor.values.trust import Root
from tests.kit.fakes.trust import FakeTrust
from tests.kit.simulation.faults import Start
from tests.kit.simulation.samples import SERVICES
from tests.kit.simulation.scenarios import swap
from tests.kit.simulation.service import (
    ISOLATED,
    MINUTE,
    ROUTER,
    TAKEOVER,
    SimulatedService,
    is_held_back,
    simulated_service,
)

FALLS_BACK = ("fall-back", "succeeded")
each = pytest.mark.parametrize("service", SERVICES)

BAD = {
    "refuses its configuration": {"refuses_configuration": True},
    "is never ready": {"is_ready": False},
    "cannot be executed": {"can_start": False},
    "dies in soak": {"ends_after": 1.0},
    "hangs in soak": {"hangs_after": 0.5},
    "fails its work": {"fails": 0.5},
}


def note_pauses(subject: SimulatedService) -> list[float]:
    """Seconds between the end of a daemon and its next start, as they come."""
    machine, pauses = subject.machine, list[float]()

    def starting(start: Start, name: str) -> Container:
        pauses.append(machine.clock.elapsed - machine.engine.last_end)
        return start(name)

    machine.faults.around["engine.start"] = starting
    return pauses


# ---------------------------------------------------------------- a crash loop


def test_a_pause_is_doubled_each_time_and_short_again_after_a_minute_in_health() -> None:
    with simulated_service(ISOLATED) as subject:
        pauses = note_pauses(subject)
        subject.behave("1.0", ends_after=1.0)
        subject.crash()
        subject.until(lambda: len(pauses) == 11, 10 * MINUTE)
        expected = [min(0.25 * 2**number, 30.0) for number in range(11)]
        assert all(wanted * 0.8 <= pause <= wanted * 1.2 for pause, wanted in zip(pauses, expected, strict=True))
        subject.behave("1.0")
        subject.until(lambda: subject.is_well)
        subject.wait(70.0)
        pauses.clear()
        subject.crash()
        subject.until(lambda: len(pauses) == 1)
        assert 0.2 <= pauses[0] <= 0.3


@each
def test_the_fifth_failure_in_ten_minutes_makes_it_fall_back_and_say_so(service: ServiceName) -> None:
    with simulated_service(service, upgraded=True, has_clients=True) as subject:
        before = subject.last
        subject.fall_back()
        assert subject.story(before) == [FALLS_BACK]
        assert subject.machine.store.restarts(service) == 4
        assert is_held_back(subject)
        assert "failed again and again" in subject.status.message
        told = [event.message for _, event in subject.machine.store.events(0) if event.name == "falls back"]
        assert told == ["2.0-1 failed 5 times in 10 minutes"]
        serves = subject.machine.serving(service)
        assert serves
        assert serves.release == "1.0"


def pin(subject: SimulatedService) -> str:
    subject.router.supervisor.supervision.pin(subject.service)
    return "the service is pinned"


def confirm(subject: SimulatedService) -> str:
    subject.behave("2.0")
    subject.asked(subject.router.supervisor.supervision.rollback, False)
    subject.until(lambda: subject.worker.is_settled)
    swap(subject.router, subject.service)
    subject.until(lambda: subject.worker.soaks)
    subject.router.supervisor.supervision.confirm(subject.service)
    subject.until(lambda: subject.worker.is_settled)
    return "2.0-1 was confirmed"


def raise_floor(subject: SimulatedService) -> str:
    trust = subject.machine.trust
    assert isinstance(trust, FakeTrust)
    trust.known = replace(trust.known, root=Root(minimum_release="2.0"))
    return "root 0 allows for nothing before 2.0"


@each
@pytest.mark.parametrize("chose", [pin, confirm, raise_floor])
def test_a_version_that_was_chosen_stays_and_the_reason_is_said(
    service: ServiceName, chose: Callable[[SimulatedService], str]
) -> None:
    with simulated_service(service, upgraded=True) as subject:
        reason = chose(subject)
        before = subject.last
        subject.behave("2.0", ends_after=0.5)
        subject.crash()
        subject.wait(4 * MINUTE)
        assert (subject.story(before), subject.runs) == ([], "2.0")
        said = [event.message for _, event in subject.machine.store.events(0) if event.name == "no fall-back"]
        assert said == [f"2.0-1 failed 5 times in 10 minutes and stays: {reason}"]


def test_a_confirmed_version_that_cannot_be_started_after_a_boot_stays() -> None:
    with simulated_service(ISOLATED, upgraded=True) as subject:
        confirm(subject)
        before = subject.last
        subject.router.die()
        subject.machine.reboot(keeps_containers=False)
        subject.behave("2.0", ends_after=0.02)
        subject.router.boot()
        subject.wait(2 * MINUTE)
        assert set(subject.story(before)) == {("start", "failed")}
        subject.behave("2.0")
        subject.until(lambda: subject.is_well)
        assert subject.runs == "2.0"


def test_a_version_that_hung_often_and_ends_once_stays() -> None:
    with simulated_service(TAKEOVER, upgraded=True) as subject:
        before = subject.last
        subject.behave("2.0", hangs_after=5.0)
        subject.hang()
        subject.until(lambda: subject.machine.store.restarts(TAKEOVER) > 2 * TOO_OFTEN, 10 * MINUTE)
        subject.behave("2.0")
        subject.crash()
        subject.wait(MINUTE)
        assert (subject.story(before), subject.runs) == ([], "2.0")


def test_without_a_version_before_it_is_started_again_for_ever() -> None:
    with simulated_service(ISOLATED) as subject:
        before = subject.last
        subject.behave("1.0", ends_after=0.5)
        subject.crash()
        subject.wait(10 * MINUTE)
        assert subject.story(before) == []
        assert subject.machine.store.restarts(ISOLATED) > 15
        subject.behave("1.0")
        subject.until(lambda: subject.is_well)
        subject.wait(MINUTE)
        assert subject.status.state == "running"


def test_one_that_is_well_now_is_left_alone_however_often_it_could_not_be_started() -> None:
    with simulated_service(ISOLATED, upgraded=True) as subject:
        subject.behave("1.0", "2.0", can_start=False)
        subject.crash()
        subject.wait(20.0)
        subject.behave("1.0", "2.0")
        before = subject.last
        subject.until(lambda: subject.runs == "2.0" and subject.worker.is_settled)
        assert subject.story(before) == []
        subject.wait(20 * MINUTE)
        assert subject.story(before) == []
        assert (subject.runs, subject.status.state, subject.status.message) == ("2.0", "running", "")


# ---------------------------------------------------------------- tried again


@pytest.mark.parametrize(
    ("service", "does"), [(SERVICES[number % 3], does) for number, does in enumerate(BAD.values())], ids=BAD
)
def test_it_is_tried_again_every_five_minutes_and_fails_as_often(service: ServiceName, does: dict[str, Any]) -> None:
    with simulated_service(service, upgraded=True) as subject:
        subject.fall_back()
        before = subject.last
        subject.behave("2.0", **does)
        subject.wait(21 * MINUTE)
        tried = subject.story(before)
        assert len(tried) == 4
        assert {kind for kind, _ in tried} == {Kind.RETRY}
        assert {outcome for _, outcome in tried} <= {"failed", "reverted"}
        assert is_held_back(subject)
        assert "retry to 2.0-1" in subject.status.message


def test_once_it_is_good_again_it_serves() -> None:
    with simulated_service(ISOLATED, upgraded=True) as subject:
        subject.fall_back()
        before = subject.last
        subject.wait(RETRY_SECONDS + MINUTE)
        subject.behave("2.0")
        subject.wait(RETRY_SECONDS)
        assert subject.story(before) == [("retry", "reverted"), ("retry", "succeeded")]
        assert (subject.runs, subject.desired, subject.previous) == ("2.0", "2.0", "1.0")
        assert (subject.status.state, subject.status.message) == ("running", "")
        assert not subject.worker.retry_policy.is_degraded
        subject.wait(10 * MINUTE)
        assert len(subject.story(before)) == 2


def test_one_that_fails_after_its_soak_falls_back_again() -> None:
    with simulated_service(ISOLATED, upgraded=True) as subject:
        subject.fall_back()
        before = subject.last
        subject.behave("2.0", ends_after=30.0)
        subject.until(lambda: len(subject.story(before)) == 2 and subject.worker.is_settled, 20 * MINUTE)
        assert subject.story(before) == [("retry", "succeeded"), FALLS_BACK]
        assert is_held_back(subject)


# ---------------------------------------------------------------- nothing runs


@each
def test_one_that_cannot_be_started_after_a_boot_gives_way(service: ServiceName) -> None:
    with simulated_service(service, upgraded=True) as subject:
        before = subject.last
        subject.router.die()
        subject.machine.reboot(keeps_containers=False)
        subject.behave("2.0", ends_after=0.02)
        subject.router.boot()
        took = subject.until(lambda: subject.runs == "1.0" and subject.worker.is_settled)
        assert took < MINUTE
        assert subject.story(before) == [("start", "reverted" if service == TAKEOVER else "failed")] * 5 + [
            ("start", "succeeded")
        ]
        assert is_held_back(subject)
        subject.wait(RETRY_SECONDS + 10.0)
        assert subject.story(before)[6:] == [("retry", "reverted" if service == TAKEOVER else "failed")]
        assert is_held_back(subject)
        subject.behave("2.0")
        subject.wait(RETRY_SECONDS)
        assert (subject.runs, subject.previous, subject.status.state) == ("2.0", "1.0", "running")


@pytest.mark.parametrize(("service", "seconds"), [(ISOLATED, 0.06), (ROUTER, 0.3), (TAKEOVER, 0.3)])
def test_when_both_are_bad_the_first_that_is_good_again_serves(service: ServiceName, seconds: float) -> None:
    with simulated_service(service, upgraded=True) as subject:
        subject.behave("1.0", ends_after=seconds)
        subject.behave("2.0", can_start=False)
        subject.crash()
        subject.wait(5 * MINUTE)
        assert subject.status.state == "failed"
        subject.behave("1.0", "2.0")
        subject.until(lambda: subject.is_well)
        subject.wait(11 * MINUTE)
        assert (subject.runs, subject.desired, subject.status.state) == ("2.0", "2.0", "running")


def test_one_that_is_gone_and_cannot_be_made_again_gives_way() -> None:
    with simulated_service(ISOLATED, upgraded=True) as subject:
        subject.behave("2.0", can_start=False)
        subject.machine.engine.remove(subject.keeper.instance.container_name)
        subject.until(lambda: subject.runs == "1.0" and subject.worker.is_settled)
        assert is_held_back(subject)


@each
def test_a_fall_back_that_fails_after_its_cut_over_is_tried_again_too(service: ServiceName) -> None:
    with simulated_service(service, upgraded=True) as subject:
        before = subject.last
        subject.behave("1.0", ends_after=0.06 if service == TAKEOVER else 0.085)
        subject.behave("2.0", can_start=False)
        subject.crash()
        subject.until(lambda: subject.story(before) == [("fall-back", "reverted")])
        subject.behave("1.0")
        subject.wait(6 * MINUTE)
        assert subject.story(before)[1:] == [FALLS_BACK]
        assert is_held_back(subject)


def test_one_that_serves_is_not_left_for_one_that_cannot_be_started() -> None:
    with simulated_service(ISOLATED, has_clients=True) as subject:
        swap(subject.router, ISOLATED)
        subject.until(lambda: subject.worker.soaks)
        former = subject.worker.foreground.former.container_name
        subject.behave("1.0", can_start=False)
        subject.machine.engine.end(former, 1)
        subject.asked(subject.router.supervisor.supervision.rollback, False)
        outage = subject.machine.outage[ISOLATED]
        subject.wait(MINUTE)
        assert subject.machine.outage[ISOLATED] == outage
        subject.behave("1.0")
        subject.until(lambda: subject.worker.is_settled)
        assert (subject.runs, subject.machine.outage[ISOLATED]) == ("1.0", outage)


@each
@pytest.mark.parametrize("has_power", [True, False])
def test_starts_that_fail_do_not_follow_each_other_at_once(service: ServiceName, has_power: bool) -> None:
    with simulated_service(service) as subject:
        before = subject.last
        subject.behave("1.0", refuses_configuration=True)
        if has_power:
            subject.machine.engine.remove(subject.keeper.instance.container_name)
        else:
            subject.router.die()
            subject.machine.reboot(keeps_containers=False)
            subject.router.boot()
        subject.wait(MINUTE)
        assert 10 <= len(subject.story(before)) <= 14
        assert subject.status.state == "failed"
        subject.behave("1.0")
        subject.until(lambda: subject.is_well, 15.0)
