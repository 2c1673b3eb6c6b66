"""A caller who applies a configuration learns whether it serves, and who refused it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from supervisor.loop.supervision.application import ApplicationWatch
from supervisor.values.errors import NoSpaceError, StateError
from supervisor.values.names import ServiceName
from supervisor.values.status import Progress
from tests.kit.simulation.samples import SERVICES
from tests.kit.simulation.service import OVERLAPPING, SimulatedService, simulated_service

every = pytest.mark.parametrize("service", SERVICES)
overlapping = pytest.mark.parametrize("service", OVERLAPPING)


def apply(subject: SimulatedService, name: str, seconds: float = 10.0) -> list[Progress]:
    """Take it in, let the worker do what it does in that time, and ask what a caller is told then."""
    supervision = subject.router.supervisor.supervision
    application = supervision._parts.configuration.take(((name, b""),))
    subject.wait(seconds)
    parts = supervision._parts
    watching = ApplicationWatch(
        parts.world,
        parts.configuration._intake,
        parts.audit_log,
        lambda: {snapshot.service: snapshot for snapshot in parts.workers.snapshots()},
        application,
    )
    return list(watching.follow(0.1, lambda: False))


def last(told: Sequence[Progress]) -> tuple[str, str | None]:
    assert [one.is_final for one in told] == [False] * (len(told) - 1) + [True]
    return told[-1].phase, told[-1].error


def parts(told: Sequence[Progress]) -> dict[str, str]:
    return {one.part: one.phase for one in told if one.part}


def events(subject: SimulatedService, name: str) -> list[str]:
    return [event.message for _, event in subject.machine.store.events(0) if event.name == name]


@every
@pytest.mark.parametrize("name", ["instance", "reload"])
def test_what_serves_is_live(service: ServiceName, name: str) -> None:
    with simulated_service(service) as subject:
        told = apply(subject, name)
        assert last(told) == ("live", None)
        assert parts(told) == {name: "live"}
        assert events(subject, "configuration live")


@every
def test_what_serves_already_is_live_at_once(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        assert last(apply(subject, "plain", 0.05)) == ("live", None)


@every
@pytest.mark.parametrize("name", ["instance", "reload"])
def test_what_the_daemon_refuses_is_refused_with_its_words(service: ServiceName, name: str) -> None:
    with simulated_service(service) as subject:
        subject.behave("1.0", refuses={"instance": b"name two\n", "reload": b"domain other\n"}[name])
        told = apply(subject, name)
        phase, error = last(told)
        assert (phase, parts(told)) == ("refused", {name: "refused"})
        assert "bad line 7" in str(error)
        assert any("bad line 7" in event for event in events(subject, "configuration refused"))


@overlapping
def test_what_was_refused_before_is_not_this_calls(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        subject.behave("1.0", refuses=b"name two\n")
        assert last(apply(subject, "instance"))[0] == "refused"
        told = apply(subject, "elsewhere")  # changes nothing for this service, which refuses as before
        assert last(told) == ("live", None)
        assert parts(told) == {"elsewhere": "live"}


@overlapping
def test_what_serves_later_is_not_live_yet_and_goes_on(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        told = apply(subject, "instance", 0.01)
        phase, error = last(told)
        assert (phase, parts(told)) == ("not-live", {"instance": "not-live"})
        assert f"{service}: " in str(error)
        subject.wait(10.0)
        assert b"name two\n" in subject.daemon.configuration


@overlapping
def test_a_service_that_is_down_is_not_said_to_serve(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        subject.behave("1.0", can_start=False)
        subject.crash()
        subject.wait(1.0)
        phase, error = last(apply(subject, "instance", 2.0))
        assert phase in ("refused", "not-live")
        assert error


@overlapping
def test_while_a_version_soaks_it_is_live_too(service: ServiceName) -> None:
    from tests.kit.simulation.scenarios import swap, until_soak  # noqa: PLC0415

    with simulated_service(service) as subject:
        swap(subject.router, service)
        until_soak(subject.router, service)
        assert last(apply(subject, "instance", 0.8)) == ("live", None)
        assert subject.worker.soaks


@overlapping
@pytest.mark.parametrize("name", ["instance", "reload"])
def test_what_is_refused_for_want_of_space_is_applied_when_there_is_some(service: ServiceName, name: str) -> None:
    with simulated_service(service) as subject:
        refused = subject.machine.faults.refused
        refused["folders.write"] = NoSpaceError("cannot write the files of it: No space left on device")
        told = apply(subject, name, 1.0)
        assert last(told)[0] == "refused"
        assert "No space left on device" in str(last(told)[1])
        subject.wait(20.0)
        refused.clear()
        subject.wait(10.0)
        assert {"instance": b"name two\n", "reload": b"domain other\n"}[name] in subject.daemon.configuration
        assert "what was refused serves now" in events(subject, "configuration live")


@overlapping
def test_what_cannot_be_recorded_is_refused_and_taken_in_later(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        supervision, refused = subject.router.supervisor.supervision, subject.machine.faults.refused
        refused["store.save_configuration"] = StateError("cannot write state.db: database or disk is full")
        told = list(supervision.apply_config((("instance", b""),)))
        assert last(told)[0] == "refused"
        assert "disk is full; they are taken in as soon as they can be" in str(last(told)[1])
        assert "disk is full" in supervision.status().message
        refused.clear()
        supervision._parts.configuration.take_postponed()
        subject.wait(10.0)
        assert b"name two\n" in subject.daemon.configuration
        assert events(subject, "configuration kept")


@overlapping
def test_a_supervisor_that_is_killed_after_taking_it_in_loses_nothing(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        subject.configure("instance")
        subject.restart_supervisor()
        subject.wait(10.0)
        assert b"name two\n" in subject.daemon.configuration
