"""While the version before serves in place of what is desired: who may change that, and that nobody forgets it."""

from __future__ import annotations

import pytest

from supervisor.loop.service.retry_policy import RETRY_SECONDS
from supervisor.values.errors import BusyError
from supervisor.values.handover import Kind
from supervisor.values.names import ServiceName
from tests.kit.simulation.samples import SERVICES
from tests.kit.simulation.scenarios import swap
from tests.kit.simulation.service import ISOLATED, MINUTE, ROUTER, TAKEOVER, is_held_back, simulated_service

each = pytest.mark.parametrize("service", SERVICES)


def test_what_serves_meanwhile_is_healed_as_what_it_is() -> None:
    with simulated_service(ISOLATED, upgraded=True) as subject:
        subject.fall_back()
        before = subject.last
        subject.hang()
        subject.until(lambda: len(subject.story(before)) == 1 and subject.worker.is_settled)
        assert subject.story(before) == [("heal", "succeeded")]
        assert is_held_back(subject)


@each
def test_a_configuration_reaches_what_serves_meanwhile(service: ServiceName) -> None:
    with simulated_service(service, upgraded=True) as subject:
        subject.fall_back()
        before = subject.last
        for number, (name, expected) in enumerate((("instance", b"name two\n"), ("reload", b"domain other\n"))):
            subject.configure(name)
            subject.wait(20.0)
            assert subject.story(before)[number:][-1] == ("configure", "succeeded")
            assert expected in subject.daemon.configuration
            assert is_held_back(subject)
        assert all(kind == "configure" for kind, _ in subject.story(before))
        subject.behave("2.0")
        subject.wait(RETRY_SECONDS)
        assert (subject.runs, subject.status.state) == ("2.0", "running")
        assert b"domain other\n" in subject.daemon.configuration


def test_a_configuration_that_is_refused_meanwhile_changes_nothing() -> None:
    with simulated_service(ISOLATED, upgraded=True) as subject:
        subject.fall_back()
        before = subject.last
        subject.behave("1.0", refuses_configuration=True)
        subject.configure("instance")
        subject.wait(20.0)
        assert subject.story(before) == [("configure", "failed")]
        assert (subject.runs, subject.desired, subject.status.state) == ("1.0", "2.0", "degraded")
        subject.behave("2.0")
        subject.wait(RETRY_SECONDS)
        assert (subject.runs, subject.status.state, subject.status.message) == ("2.0", "running", "")


def test_a_version_that_failed_is_named_for_its_time_whatever_changes_elsewhere() -> None:
    """Guests change the configuration of other services all the time, by fetching a password for one."""
    with simulated_service(ISOLATED) as subject:
        subject.behave("2.0", can_start=False)
        swap(subject.router, subject.service)
        subject.until(lambda: bool(subject.story()) and subject.story()[-1] == ("swap", "failed"))
        subject.configure("tunnels")
        subject.wait(RETRY_SECONDS / 2)
        assert "2.0" in subject.status.message
        subject.wait(RETRY_SECONDS)
        assert (subject.status.state, subject.status.message) == ("running", "")


# ---------------------------------------------------------------- an operator


@pytest.mark.parametrize(("service", "how"), [(ISOLATED, "swap"), (ROUTER, "rollback"), (TAKEOVER, "swap")])
def test_asked_for_what_serves_it_stays_there(service: ServiceName, how: str) -> None:
    with simulated_service(service, upgraded=True) as subject:
        subject.fall_back()
        before, supervision = subject.last, subject.router.supervisor.supervision
        asked = (supervision.swap, "1.0", True) if how == "swap" else (supervision.rollback, True)
        assert subject.asked(*asked).endswith("runs 1.0-1 already, and stays there")
        assert (subject.desired, subject.status.state, subject.status.message) == ("1.0", "running", "")
        subject.wait(11 * MINUTE)
        assert subject.story(before) == []
        assert subject.asked(*asked).endswith("runs 1.0-1 already")


def test_pinned_it_is_not_tried_until_it_is_unpinned() -> None:
    with simulated_service(ISOLATED, upgraded=True) as subject:
        subject.fall_back()
        before, supervision = subject.last, subject.router.supervisor.supervision
        supervision.pin(ISOLATED)
        subject.wait(16 * MINUTE)
        assert subject.story(before) == []
        assert is_held_back(subject)
        supervision.unpin(ISOLATED)
        subject.behave("2.0")
        subject.wait(RETRY_SECONDS + 10.0)
        assert (subject.runs, subject.status.state) == ("2.0", "running")


def test_a_third_version_ends_it() -> None:
    with simulated_service(ISOLATED, upgraded=True) as subject:
        subject.fall_back()
        before = subject.last
        list(subject.router.supervisor.supervision.swap(ISOLATED, "3.0", False))
        subject.wait(11 * MINUTE)
        assert subject.story(before) == [("swap", "succeeded")]
        assert (subject.runs, subject.desired, subject.previous) == ("3.0", "3.0", "1.0")
        assert (subject.status.state, subject.status.message) == ("running", "")


@each
def test_a_third_version_that_is_reverted_ends_it_where_it_was(service: ServiceName) -> None:
    with simulated_service(service, upgraded=True) as subject:
        subject.fall_back()
        before = subject.last
        subject.behave("3.0", ends_after=1.0)
        list(subject.router.supervisor.supervision.swap(service, "3.0", False))
        subject.wait(11 * MINUTE)
        assert subject.story(before) == [("swap", "reverted")]
        assert (subject.runs, subject.desired) == ("1.0", "1.0")
        assert (subject.status.state, subject.status.message) == ("running", "")


def test_a_third_version_that_is_no_good_leaves_it_as_it_was() -> None:
    with simulated_service(ISOLATED, upgraded=True) as subject:
        subject.fall_back()
        before = subject.last
        subject.behave("3.0", is_ready=False)
        list(subject.router.supervisor.supervision.swap(ISOLATED, "3.0", False))
        subject.wait(20.0)
        assert subject.story(before) == [("swap", "failed")]
        assert (subject.runs, subject.desired, subject.status.state) == ("1.0", "2.0", "degraded")
        subject.behave("2.0")
        subject.wait(RETRY_SECONDS)
        assert (subject.runs, subject.status.state, subject.status.message) == ("2.0", "running", "")


def test_an_operator_may_try_it_at_once() -> None:
    with simulated_service(ISOLATED, upgraded=True) as subject:
        subject.fall_back()
        subject.behave("2.0")
        before = subject.last
        swap(subject.router, ISOLATED)
        subject.wait(11 * MINUTE)
        assert subject.story(before) == [("swap", "succeeded")]
        assert (subject.runs, subject.desired, subject.status.state) == ("2.0", "2.0", "running")


def test_a_rollback_during_a_retry_goes_back_and_it_is_tried_later() -> None:
    with simulated_service(ISOLATED, upgraded=True) as subject:
        subject.fall_back()
        subject.behave("2.0")
        before = subject.last
        subject.until(lambda: subject.worker.soaks, 2 * RETRY_SECONDS)
        subject.asked(subject.router.supervisor.supervision.rollback, False)
        subject.wait(20.0)
        assert subject.story(before) == [("retry", "reverted")]
        assert is_held_back(subject)


@pytest.mark.parametrize("kind", [Kind.HEAL, Kind.FALL_BACK])
def test_a_rollback_while_it_heals_is_refused(kind: Kind) -> None:
    with simulated_service(ISOLATED, upgraded=True) as subject:
        if kind is Kind.HEAL:
            subject.hang()
        else:
            subject.behave("2.0", ends_after=0.5)
            subject.crash()
        subject.until(lambda: subject.worker.foreground is not None)
        assert subject.worker.foreground.handover.kind is kind
        with pytest.raises(BusyError, match=kind):
            subject.asked(subject.router.supervisor.supervision.rollback, False)
        subject.until(lambda: subject.worker.is_settled)
        assert subject.story()[-1] == (kind, "succeeded")


def test_a_rollback_while_a_revert_clears_up_says_that_it_is_back() -> None:
    with simulated_service(ISOLATED) as subject:
        subject.behave("2.0", fails=0.5)
        subject.keep_connections(10.0)
        swap(subject.router, ISOLATED)
        subject.until(lambda: bool(subject.worker.cleanup))
        before = subject.last
        assert subject.said(subject.worker.revert()) == "isolated is back on 1.0-1 already"
        subject.wait(MINUTE)
        assert (subject.story(before), subject.runs) == ([], "1.0")


# ---------------------------------------------------------------- a supervisor that ends, a router that boots


@each
def test_the_next_supervisor_knows(service: ServiceName) -> None:
    with simulated_service(service, upgraded=True) as subject:
        subject.fall_back()
        before = subject.last
        subject.restart_supervisor()
        subject.wait(RETRY_SECONDS - 20.0)
        assert subject.story(before) == []
        assert is_held_back(subject)
        subject.behave("2.0")
        subject.wait(MINUTE)
        assert subject.story(before) == [("retry", "succeeded")]
        assert (subject.runs, subject.previous, subject.status.state) == ("2.0", "1.0", "running")


@each
def test_after_a_boot_what_served_comes_up(service: ServiceName) -> None:
    with simulated_service(service, upgraded=True) as subject:
        subject.fall_back()
        before = subject.last
        subject.router.die()
        subject.machine.reboot(keeps_containers=False)
        subject.router.boot()
        subject.wait(20.0)
        assert subject.story(before) == [("start", "succeeded")]
        assert is_held_back(subject)


@pytest.mark.parametrize(("service", "step"), [(ISOLATED, "ready"), (ROUTER, "verify"), (TAKEOVER, "soak")])
def test_a_supervisor_that_ends_in_a_retry_is_followed_by_one_that_knows(service: ServiceName, step: str) -> None:
    with simulated_service(service, upgraded=True) as subject:
        subject.fall_back()
        before = subject.last
        if step == "ready":
            subject.behave("2.0", answers_after=2.0)
        subject.until(lambda: bool(subject.worker.foreground) and subject.worker.foreground.step == step, 400.0)
        subject.router.die()
        if step != "ready":
            subject.crash()
        subject.router.boot()
        subject.wait(20.0)
        assert [kind for kind, _ in subject.story(before)] == ["retry"]
        assert is_held_back(subject)


@each
def test_a_supervisor_that_ends_while_a_fall_back_clears_up_is_followed_by_one_that_knows(service: ServiceName) -> None:
    with simulated_service(service, upgraded=True) as subject:
        subject.behave("2.0", ends_after=0.5)
        subject.crash()
        subject.until(lambda: any(run.handover.kind is Kind.FALL_BACK for run in subject.worker.cleanup))
        before = subject.last
        subject.restart_supervisor()
        subject.wait(20.0)
        assert subject.story(before) == []
        assert is_held_back(subject)
