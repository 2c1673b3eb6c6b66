"""A version that fails again and again gives way to the one before it, and is tried again every five minutes."""

from __future__ import annotations

from typing import Any

import pytest

from supervisor.loop.service.retry_policy import RETRY_SECONDS
from supervisor.values.handover import Kind
from supervisor.values.names import ServiceName
from supervisor.values.state import Container
from tests.unit.loop.ailments import ISOLATED, MINUTE, ROUTER, TAKEOVER, Ward, is_held_back, ward
from tests.unit.loop.loop_samples import SERVICES
from tests.unit.loop.scenarios import swap

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


def note_pauses(patient: Ward) -> list[float]:
    """Seconds between the end of a daemon and its next start, as they come."""
    engine, clock, ended, pauses = patient.machine.engine, patient.machine.clock, [0.0], list[float]()
    start, exited = engine.start, patient.keeper.exited

    def starting(name: str) -> Container:
        pauses.append(clock.elapsed - ended[0])
        return start(name)

    def noticed() -> None:
        ended[0] = clock.elapsed
        exited()

    engine.start = starting  # type: ignore[method-assign]
    patient.keeper.exited = noticed  # type: ignore[method-assign]
    return pauses


# ---------------------------------------------------------------- a crash loop


def test_a_pause_is_doubled_each_time_and_short_again_after_a_minute_in_health() -> None:
    with ward(ISOLATED) as patient:
        pauses = note_pauses(patient)
        patient.behave("1.0", ends_after=1.0)
        patient.crash()
        patient.until(lambda: len(pauses) == 11, 10 * MINUTE)
        expected = [min(0.25 * 2**number, 30.0) for number in range(11)]
        assert all(wanted * 0.8 <= pause <= wanted * 1.2 for pause, wanted in zip(pauses, expected, strict=True))
        patient.behave("1.0")
        patient.until(lambda: patient.is_well)
        patient.wait(70.0)
        pauses.clear()
        patient.crash()
        patient.until(lambda: len(pauses) == 1)
        assert 0.2 <= pauses[0] <= 0.3


@each
def test_the_fifth_failure_in_ten_minutes_makes_it_fall_back_and_say_so(service: ServiceName) -> None:
    with ward(service, upgraded=True, has_clients=True) as patient:
        before = patient.last
        patient.fall_back()
        assert patient.story(before) == [FALLS_BACK]
        assert patient.machine.store.restarts(service) == 4
        assert is_held_back(patient)
        assert "failed again and again" in patient.status.message
        told = [event.message for _, event in patient.machine.store.events(0) if event.name == "falls back"]
        assert told == ["2.0-1 failed 5 times in 10 minutes"]
        serves = patient.machine.serving(service)
        assert serves
        assert serves.release == "1.0"


def test_without_a_version_before_it_is_started_again_for_ever() -> None:
    with ward(ISOLATED) as patient:
        before = patient.last
        patient.behave("1.0", ends_after=0.5)
        patient.crash()
        patient.wait(10 * MINUTE)
        assert patient.story(before) == []
        assert patient.machine.store.restarts(ISOLATED) > 15
        patient.behave("1.0")
        patient.until(lambda: patient.is_well)
        patient.wait(MINUTE)
        assert patient.status.state == "running"


def test_one_that_is_well_now_is_left_alone_however_often_it_could_not_be_started() -> None:
    with ward(ISOLATED, upgraded=True) as patient:
        patient.behave("1.0", "2.0", can_start=False)
        patient.crash()
        patient.wait(20.0)
        patient.behave("1.0", "2.0")
        before = patient.last
        patient.until(lambda: patient.runs == "2.0" and patient.worker.is_settled)
        assert patient.story(before) == []
        patient.wait(20 * MINUTE)
        assert patient.story(before) == []
        assert (patient.runs, patient.status.state, patient.status.message) == ("2.0", "running", "")


# ---------------------------------------------------------------- tried again


@pytest.mark.parametrize(
    ("service", "does"), [(SERVICES[number % 3], does) for number, does in enumerate(BAD.values())], ids=BAD
)
def test_it_is_tried_again_every_five_minutes_and_fails_as_often(service: ServiceName, does: dict[str, Any]) -> None:
    with ward(service, upgraded=True) as patient:
        patient.fall_back()
        before = patient.last
        patient.behave("2.0", **does)
        patient.wait(21 * MINUTE)
        tried = patient.story(before)
        assert len(tried) == 4
        assert {kind for kind, _ in tried} == {Kind.RETRY}
        assert {outcome for _, outcome in tried} <= {"failed", "reverted"}
        assert is_held_back(patient)
        assert "retry to 2.0-1" in patient.status.message


def test_once_it_is_good_again_it_serves() -> None:
    with ward(ISOLATED, upgraded=True) as patient:
        patient.fall_back()
        before = patient.last
        patient.wait(RETRY_SECONDS + MINUTE)
        patient.behave("2.0")
        patient.wait(RETRY_SECONDS)
        assert patient.story(before) == [("retry", "reverted"), ("retry", "succeeded")]
        assert (patient.runs, patient.desired, patient.previous) == ("2.0", "2.0", "1.0")
        assert (patient.status.state, patient.status.message) == ("running", "")
        assert not patient.worker.retry_policy.is_degraded
        patient.wait(10 * MINUTE)
        assert len(patient.story(before)) == 2


def test_one_that_fails_after_its_soak_falls_back_again() -> None:
    with ward(ISOLATED, upgraded=True) as patient:
        patient.fall_back()
        before = patient.last
        patient.behave("2.0", ends_after=30.0)
        patient.until(lambda: len(patient.story(before)) == 2 and patient.worker.is_settled, 20 * MINUTE)
        assert patient.story(before) == [("retry", "succeeded"), FALLS_BACK]
        assert is_held_back(patient)


# ---------------------------------------------------------------- nothing runs


@each
def test_one_that_cannot_be_started_after_a_boot_gives_way(service: ServiceName) -> None:
    with ward(service, upgraded=True) as patient:
        before = patient.last
        patient.router.die()
        patient.machine.reboot(keeps_containers=False)
        patient.behave("2.0", ends_after=0.02)
        patient.router.boot()
        took = patient.until(lambda: patient.runs == "1.0" and patient.worker.is_settled)
        assert took < MINUTE
        assert patient.story(before) == [("start", "reverted" if service == TAKEOVER else "failed")] * 5 + [
            ("start", "succeeded")
        ]
        assert is_held_back(patient)
        patient.wait(RETRY_SECONDS + 10.0)
        assert patient.story(before)[6:] == [("retry", "reverted" if service == TAKEOVER else "failed")]
        assert is_held_back(patient)
        patient.behave("2.0")
        patient.wait(RETRY_SECONDS)
        assert (patient.runs, patient.previous, patient.status.state) == ("2.0", "1.0", "running")


@pytest.mark.parametrize(("service", "seconds"), [(ISOLATED, 0.06), (ROUTER, 0.3), (TAKEOVER, 0.3)])
def test_when_both_are_bad_the_first_that_is_good_again_serves(service: ServiceName, seconds: float) -> None:
    with ward(service, upgraded=True) as patient:
        patient.behave("1.0", ends_after=seconds)
        patient.behave("2.0", can_start=False)
        patient.crash()
        patient.wait(5 * MINUTE)
        assert patient.status.state == "failed"
        patient.behave("1.0", "2.0")
        patient.until(lambda: patient.is_well)
        patient.wait(11 * MINUTE)
        assert (patient.runs, patient.desired, patient.status.state) == ("2.0", "2.0", "running")


def test_one_that_is_gone_and_cannot_be_made_again_gives_way() -> None:
    with ward(ISOLATED, upgraded=True) as patient:
        patient.behave("2.0", can_start=False)
        patient.machine.engine.remove(patient.keeper.instance.container_name)
        patient.until(lambda: patient.runs == "1.0" and patient.worker.is_settled)
        assert is_held_back(patient)


@each
def test_a_fall_back_that_fails_after_its_cut_over_is_tried_again_too(service: ServiceName) -> None:
    with ward(service, upgraded=True) as patient:
        before = patient.last
        patient.behave("1.0", ends_after=0.06 if service == TAKEOVER else 0.085)
        patient.behave("2.0", can_start=False)
        patient.crash()
        patient.until(lambda: patient.story(before) == [("fall-back", "reverted")])
        patient.behave("1.0")
        patient.wait(6 * MINUTE)
        assert patient.story(before)[1:] == [FALLS_BACK]
        assert is_held_back(patient)


def test_one_that_serves_is_not_left_for_one_that_cannot_be_started() -> None:
    with ward(ISOLATED, has_clients=True) as patient:
        swap(patient.router, ISOLATED)
        patient.until(lambda: patient.worker.soaks)
        former = patient.worker.foreground.former.container_name
        patient.behave("1.0", can_start=False)
        patient.machine.engine.end(former, 1)
        patient.asked(patient.router.life.supervision.rollback, False)
        outage = patient.machine.outage[ISOLATED]
        patient.wait(MINUTE)
        assert patient.machine.outage[ISOLATED] == outage
        patient.behave("1.0")
        patient.until(lambda: patient.worker.is_settled)
        assert (patient.runs, patient.machine.outage[ISOLATED]) == ("1.0", outage)


@each
@pytest.mark.parametrize("has_power", [True, False])
def test_starts_that_fail_do_not_follow_each_other_at_once(service: ServiceName, has_power: bool) -> None:
    with ward(service) as patient:
        before = patient.last
        patient.behave("1.0", refuses_configuration=True)
        if has_power:
            patient.machine.engine.remove(patient.keeper.instance.container_name)
        else:
            patient.router.die()
            patient.machine.reboot(keeps_containers=False)
            patient.router.boot()
        patient.wait(MINUTE)
        assert 10 <= len(patient.story(before)) <= 14
        assert patient.status.state == "failed"
        patient.behave("1.0")
        patient.until(lambda: patient.is_well, 15.0)
