"""While the version before serves in place of what is desired: who may change that, and that nobody forgets it."""

from __future__ import annotations

import pytest

from supervisor.loop.service.retry_policy import RETRY_SECONDS
from supervisor.values.errors import BusyError
from supervisor.values.handover import Kind
from supervisor.values.names import ServiceName
from tests.unit.loop.ailments import ISOLATED, MINUTE, ROUTER, TAKEOVER, is_held_back, ward
from tests.unit.loop.loop_samples import SERVICES
from tests.unit.loop.scenarios import swap

each = pytest.mark.parametrize("service", SERVICES)


def test_what_serves_meanwhile_is_healed_as_what_it_is() -> None:
    with ward(ISOLATED, upgraded=True) as patient:
        patient.fall_back()
        before = patient.last
        patient.hang()
        patient.until(lambda: len(patient.story(before)) == 1 and patient.worker.is_settled)
        assert patient.story(before) == [("heal", "succeeded")]
        assert is_held_back(patient)


@each
def test_a_configuration_reaches_what_serves_meanwhile(service: ServiceName) -> None:
    with ward(service, upgraded=True) as patient:
        patient.fall_back()
        before = patient.last
        for number, (name, expected) in enumerate((("instance", b"name two\n"), ("reload", b"domain other\n"))):
            patient.configure(name)
            patient.wait(20.0)
            assert patient.story(before)[number:][-1] == ("configure", "succeeded")
            assert expected in patient.daemon.configuration
            assert is_held_back(patient)
        assert all(kind == "configure" for kind, _ in patient.story(before))
        patient.behave("2.0")
        patient.wait(RETRY_SECONDS)
        assert (patient.runs, patient.status.state) == ("2.0", "running")
        assert b"domain other\n" in patient.daemon.configuration


def test_a_configuration_that_is_refused_meanwhile_changes_nothing() -> None:
    with ward(ISOLATED, upgraded=True) as patient:
        patient.fall_back()
        before = patient.last
        patient.behave("1.0", refuses_configuration=True)
        patient.configure("instance")
        patient.wait(20.0)
        assert patient.story(before) == [("configure", "failed")]
        assert (patient.runs, patient.desired, patient.status.state) == ("1.0", "2.0", "degraded")
        patient.behave("2.0")
        patient.wait(RETRY_SECONDS)
        assert (patient.runs, patient.status.state, patient.status.message) == ("2.0", "running", "")


# ---------------------------------------------------------------- an operator


@pytest.mark.parametrize(("service", "how"), [(ISOLATED, "swap"), (ROUTER, "rollback"), (TAKEOVER, "swap")])
def test_asked_for_what_serves_it_stays_there(service: ServiceName, how: str) -> None:
    with ward(service, upgraded=True) as patient:
        patient.fall_back()
        before, supervision = patient.last, patient.router.life.supervision
        asked = (supervision.swap, "1.0", True) if how == "swap" else (supervision.rollback, True)
        assert patient.asked(*asked).endswith("runs 1.0-1 already, and stays there")
        assert (patient.desired, patient.status.state, patient.status.message) == ("1.0", "running", "")
        patient.wait(11 * MINUTE)
        assert patient.story(before) == []
        assert patient.asked(*asked).endswith("runs 1.0-1 already")


def test_pinned_it_is_not_tried_until_it_is_unpinned() -> None:
    with ward(ISOLATED, upgraded=True) as patient:
        patient.fall_back()
        before, supervision = patient.last, patient.router.life.supervision
        supervision.pin(ISOLATED)
        patient.wait(16 * MINUTE)
        assert patient.story(before) == []
        assert is_held_back(patient)
        supervision.unpin(ISOLATED)
        patient.behave("2.0")
        patient.wait(RETRY_SECONDS + 10.0)
        assert (patient.runs, patient.status.state) == ("2.0", "running")


def test_a_third_version_ends_it() -> None:
    with ward(ISOLATED, upgraded=True) as patient:
        patient.fall_back()
        before = patient.last
        list(patient.router.life.supervision.swap(ISOLATED, "3.0", False))
        patient.wait(11 * MINUTE)
        assert patient.story(before) == [("swap", "succeeded")]
        assert (patient.runs, patient.desired, patient.previous) == ("3.0", "3.0", "1.0")
        assert (patient.status.state, patient.status.message) == ("running", "")


@each
def test_a_third_version_that_is_reverted_ends_it_where_it_was(service: ServiceName) -> None:
    with ward(service, upgraded=True) as patient:
        patient.fall_back()
        before = patient.last
        patient.behave("3.0", ends_after=1.0)
        list(patient.router.life.supervision.swap(service, "3.0", False))
        patient.wait(11 * MINUTE)
        assert patient.story(before) == [("swap", "reverted")]
        assert (patient.runs, patient.desired) == ("1.0", "1.0")
        assert (patient.status.state, patient.status.message) == ("running", "")


def test_a_third_version_that_is_no_good_leaves_it_as_it_was() -> None:
    with ward(ISOLATED, upgraded=True) as patient:
        patient.fall_back()
        before = patient.last
        patient.behave("3.0", is_ready=False)
        list(patient.router.life.supervision.swap(ISOLATED, "3.0", False))
        patient.wait(20.0)
        assert patient.story(before) == [("swap", "failed")]
        assert (patient.runs, patient.desired, patient.status.state) == ("1.0", "2.0", "degraded")
        patient.behave("2.0")
        patient.wait(RETRY_SECONDS)
        assert (patient.runs, patient.status.state, patient.status.message) == ("2.0", "running", "")


def test_an_operator_may_try_it_at_once() -> None:
    with ward(ISOLATED, upgraded=True) as patient:
        patient.fall_back()
        patient.behave("2.0")
        before = patient.last
        swap(patient.router, ISOLATED)
        patient.wait(11 * MINUTE)
        assert patient.story(before) == [("swap", "succeeded")]
        assert (patient.runs, patient.desired, patient.status.state) == ("2.0", "2.0", "running")


def test_a_rollback_during_a_retry_goes_back_and_it_is_tried_later() -> None:
    with ward(ISOLATED, upgraded=True) as patient:
        patient.fall_back()
        patient.behave("2.0")
        before = patient.last
        patient.until(lambda: patient.worker.soaks, 2 * RETRY_SECONDS)
        patient.asked(patient.router.life.supervision.rollback, False)
        patient.wait(20.0)
        assert patient.story(before) == [("retry", "reverted")]
        assert is_held_back(patient)


@pytest.mark.parametrize("kind", [Kind.HEAL, Kind.FALL_BACK])
def test_a_rollback_while_it_heals_is_refused(kind: Kind) -> None:
    with ward(ISOLATED, upgraded=True) as patient:
        if kind is Kind.HEAL:
            patient.hang()
        else:
            patient.behave("2.0", ends_after=0.5)
            patient.crash()
        patient.until(lambda: patient.worker.foreground is not None)
        assert patient.worker.foreground.handover.kind is kind
        with pytest.raises(BusyError, match=kind):
            patient.asked(patient.router.life.supervision.rollback, False)
        patient.until(lambda: patient.worker.is_settled)
        assert patient.story()[-1] == (kind, "succeeded")


def test_a_rollback_while_a_revert_clears_up_says_that_it_is_back() -> None:
    with ward(ISOLATED) as patient:
        patient.behave("2.0", fails=0.5)
        patient.hold_connections(10.0)
        swap(patient.router, ISOLATED)
        patient.until(lambda: bool(patient.worker.cleanup))
        before = patient.last
        assert patient.said(patient.worker.revert()) == "isolated is back on 1.0-1 already"
        patient.wait(MINUTE)
        assert (patient.story(before), patient.runs) == ([], "1.0")


# ---------------------------------------------------------------- a supervisor that ends, a router that boots


@each
def test_the_next_supervisor_knows(service: ServiceName) -> None:
    with ward(service, upgraded=True) as patient:
        patient.fall_back()
        before = patient.last
        patient.restart_supervisor()
        patient.wait(RETRY_SECONDS - 20.0)
        assert patient.story(before) == []
        assert is_held_back(patient)
        patient.behave("2.0")
        patient.wait(MINUTE)
        assert patient.story(before) == [("retry", "succeeded")]
        assert (patient.runs, patient.previous, patient.status.state) == ("2.0", "1.0", "running")


@each
def test_after_a_boot_what_served_comes_up(service: ServiceName) -> None:
    with ward(service, upgraded=True) as patient:
        patient.fall_back()
        before = patient.last
        patient.router.die()
        patient.machine.reboot(keeps_containers=False)
        patient.router.boot()
        patient.wait(20.0)
        assert patient.story(before) == [("start", "succeeded")]
        assert is_held_back(patient)


@pytest.mark.parametrize(("service", "step"), [(ISOLATED, "ready"), (ROUTER, "verify"), (TAKEOVER, "soak")])
def test_a_supervisor_that_ends_in_a_retry_is_followed_by_one_that_knows(service: ServiceName, step: str) -> None:
    with ward(service, upgraded=True) as patient:
        patient.fall_back()
        before = patient.last
        if step == "ready":
            patient.behave("2.0", answers_after=2.0)
        patient.until(lambda: bool(patient.worker.foreground) and patient.worker.foreground.step == step, 400.0)
        patient.router.die()
        if step != "ready":
            patient.crash()
        patient.router.boot()
        patient.wait(20.0)
        assert [kind for kind, _ in patient.story(before)] == ["retry"]
        assert is_held_back(patient)


@each
def test_a_supervisor_that_ends_while_a_fall_back_clears_up_is_followed_by_one_that_knows(service: ServiceName) -> None:
    with ward(service, upgraded=True) as patient:
        patient.behave("2.0", ends_after=0.5)
        patient.crash()
        patient.until(lambda: any(run.handover.kind is Kind.FALL_BACK for run in patient.worker.cleanup))
        before = patient.last
        patient.restart_supervisor()
        patient.wait(20.0)
        assert patient.story(before) == []
        assert is_held_back(patient)
