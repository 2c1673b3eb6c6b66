"""Statuses: from the snapshot of a worker, and what the store says, to what others see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from supervisor.decisions import health
from supervisor.decisions.status import (
    ActiveSnapshot,
    ServiceFacts,
    ServiceSnapshot,
    release_status,
    service_status,
)
from supervisor.decisions.undertakings import Course
from supervisor.values.manifest import (
    Drain,
    Limits,
    NetworkMode,
    ServiceDefinition,
    ServiceManifest,
    Strategy,
    User,
    Watch,
)
from supervisor.values.names import Digest, ServiceName
from supervisor.values.release import Release, Version
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance, Usage
from supervisor.values.status import DrainingStatus, HandoverStatus, ServiceState
from supervisor.values.undertaking import UndertakingState

NAME = ServiceName("x")
V1 = Version("1.0", "1.0-1", Digest("sha256:a"), Digest("sha256:d"))
V2 = Version("2.0", "2.0-1", Digest("sha256:b"), Digest("sha256:d"))
WATCH = Watch((), 1.0, 1)
MANIFEST = ServiceManifest(
    NAME,
    "",
    NetworkMode.ROUTER,
    Strategy.OVERLAP,
    ("/x",),
    User(0, 0),
    Limits(1, 1, 1),
    readiness=WATCH,
    liveness=WATCH,
    drain=Drain(1.0),
)
READY, UNASKED = health.presumed(0.0), health.adopted(0.0)
UNREADY = replace(health.unproven(0.0), message="no answer")
SERVES = ActiveSnapshot(
    instance=Instance(NAME, 7, V1.version, V1.release, V1.image, V1.definition, None, ()),
    definition=ServiceDefinition(MANIFEST, ()),
    router=RouterConfig(),
    since=1_700_000_000.0,
    readiness=READY,
    is_ready=True,
    is_down=False,
    message="",
    blind="",
    usage=Usage(1 << 20, None, 0.5, 1),
)
DOWN = replace(SERVES, is_ready=False, is_down=True, message="vrs-x-7 is down", usage=None)
FAILING = replace(SERVES, readiness=UNREADY, is_ready=False)
UNKNOWN = replace(SERVES, readiness=UNASKED, is_ready=False)
BLIND = replace(SERVES, blind="cannot watch vrs-x-7")
HANDOVER = HandoverStatus(3, "swap", "soak", "forward", "1.0-1", "2.0-1", 8, 1_700_000_100.0)
WISHED, UNWISHED = ServiceFacts(V1, 0, is_pinned=False), ServiceFacts(None, 0, is_pinned=False)


@pytest.mark.parametrize(
    ("snapshot", "facts", "state", "message"),
    [
        pytest.param(ServiceSnapshot(NAME), UNWISHED, "absent", "", id="nobody wants it"),
        pytest.param(ServiceSnapshot(NAME), WISHED, "starting", "", id="it is wanted, and not tried yet"),
        pytest.param(ServiceSnapshot(NAME, message="refused"), WISHED, "failed", "refused", id="its start failed"),
        pytest.param(
            ServiceSnapshot(NAME, message="refused", is_handing_over=True),
            WISHED,
            "starting",
            "refused",
            id="once more",
        ),
        pytest.param(ServiceSnapshot(NAME, is_handing_over=True), UNWISHED, "starting", "", id="asked for by hand"),
        pytest.param(ServiceSnapshot(NAME, active=SERVES), WISHED, "running", "", id="it serves"),
        pytest.param(ServiceSnapshot(NAME, active=UNKNOWN), WISHED, "starting", "", id="it was not asked yet"),
        pytest.param(ServiceSnapshot(NAME, active=FAILING), WISHED, "failed", "no answer", id="it is not ready"),
        pytest.param(ServiceSnapshot(NAME, active=DOWN), WISHED, "failed", "vrs-x-7 is down", id="it is down"),
        pytest.param(
            ServiceSnapshot(NAME, active=BLIND), WISHED, "degraded", "cannot watch vrs-x-7", id="nobody can ask it"
        ),
        pytest.param(
            ServiceSnapshot(NAME, active=replace(BLIND, is_down=True)),
            WISHED,
            "failed",
            "cannot watch vrs-x-7",
            id="down is worse than blind",
        ),
        pytest.param(
            ServiceSnapshot(NAME, active=SERVES, message="1.0 serves in place of 2.0", is_degraded=True),
            WISHED,
            "degraded",
            "1.0 serves in place of 2.0",
            id="another version serves",
        ),
        pytest.param(
            ServiceSnapshot(NAME, active=SERVES, message="swap to 2.0 reverted"),
            WISHED,
            "running",
            "swap to 2.0 reverted",
            id="a wish failed, and it is as desired",
        ),
        pytest.param(
            ServiceSnapshot(NAME, active=FAILING, message="configure failed", is_degraded=True),
            WISHED,
            "failed",
            "configure failed",
            id="what was tried says more than what a probe says",
        ),
    ],
)
def test_state_and_message(snapshot: ServiceSnapshot, facts: ServiceFacts, state: str, message: str) -> None:
    status = service_status(snapshot, facts, 0.0)
    assert (status.state, status.message) == (ServiceState(state), message)
    assert status.is_ready == (snapshot.active is not None and snapshot.active.is_ready)


def test_troubles_of_items_show_if_nothing_else_is_wrong() -> None:
    def message(snapshot: ServiceSnapshot) -> str:
        return service_status(snapshot, WISHED, 0.0, "1 item in trouble").message

    assert message(ServiceSnapshot(NAME, active=SERVES)) == "1 item in trouble"
    assert message(ServiceSnapshot(NAME, active=FAILING)) == "no answer"


def test_what_serves_and_what_is_under_way_are_shown() -> None:
    draining = (DrainingStatus(6, "0.9-1", 4, 1_700_000_200.0),)
    snapshot = ServiceSnapshot(NAME, active=SERVES, is_handing_over=True, handover=HANDOVER, draining=draining)
    status = service_status(snapshot, ServiceFacts(V2, 5, is_pinned=True), 0.0)
    assert (status.name, status.version, status.generation, status.image) == (NAME, V1.version, 7, V1.image)
    assert (status.desired_version, status.restarts, status.is_pinned) == (V2.version, 5, True)
    assert (status.since, status.memory_bytes, status.cpu_seconds) == (SERVES.since, 1 << 20, 0.5)
    assert (status.handover, status.draining) == (HANDOVER, draining)


def test_nothing_is_shown_of_what_does_not_serve() -> None:
    status = service_status(ServiceSnapshot(NAME), UNWISHED, 0.0)
    assert (status.version, status.generation, status.image, status.since) == (None, None, None, None)
    assert (status.memory_bytes, status.cpu_seconds, status.handover, status.desired_version) == (None,) * 4


@pytest.mark.parametrize(
    ("active", "course", "state", "since"),
    [
        pytest.param(SERVES, Course(5.0, 0.0, UndertakingState.UP), UndertakingState.UP, 1005.0, id="up"),
        pytest.param(SERVES, Course(5.0, 0.0, UndertakingState.DOWN), UndertakingState.DOWN, 1005.0, id="down"),
        pytest.param(SERVES, Course(5.0, 0.0), UndertakingState.UNKNOWN, None, id="not looked at yet"),
        pytest.param(FAILING, Course(5.0, 0.0, UndertakingState.UP), UndertakingState.UNKNOWN, None, id="not ready"),
        pytest.param(None, Course(5.0, 0.0, UndertakingState.UP), UndertakingState.UNKNOWN, None, id="nothing serves"),
    ],
)
def test_undertakings(
    active: ActiveSnapshot | None, course: Course, state: UndertakingState, since: float | None
) -> None:
    courses = {("tunnel", "office"): replace(course, calls=2, associations=3, message="said")}
    (status,) = service_status(ServiceSnapshot(NAME, active=active, courses=courses), WISHED, 1000.0).undertakings
    assert (status.what, status.name, status.state, status.since) == ("tunnel", "office", state, since)
    assert (status.calls, status.associations, status.message) == (2, 3, "said")


def test_times_follow_the_clock_of_now() -> None:
    courses = {("tunnel", "office"): Course(5.0, 0.0, UndertakingState.UP)}
    snapshot = ServiceSnapshot(NAME, active=SERVES, courses=courses)
    since = [service_status(snapshot, WISHED, epoch).undertakings[0].since for epoch in (1000.0, 2000.0)]
    assert since == [1005.0, 2005.0]


def test_a_release_is_current_if_services_follow_it() -> None:
    release = Release("1.0", "2024-01-01", "/media/a.iso", 0.0, ((NAME, V1),))
    status = release_status(release, "1.0")
    assert (status.release, status.is_current, status.is_verified) == ("1.0", True, True)
    assert [(service.name, service.version) for service in status.services] == [(NAME, V1.version)]
    assert not release_status(release, "2.0").is_current
