"""Decides the status of a service, from the snapshot that its worker has published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from supervisor.decisions.configured import Configured
from supervisor.decisions.health import Health
from supervisor.decisions.undertakings import Course
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.names import ServiceName
from supervisor.values.release import Release, Version
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance, Usage
from supervisor.values.status import (
    DrainingStatus,
    HandoverStatus,
    ReleasedServiceStatus,
    ReleaseStatus,
    ServiceState,
    ServiceStatus,
    UndertakingStatus,
)
from supervisor.values.undertaking import UndertakingState

UndertakingKey = tuple[str, str]  # what it is, and its name


@dataclass(frozen=True, slots=True)
class ActiveSnapshot:
    """The instance that serves, as its keeper found it last."""

    instance: Instance
    definition: ServiceDefinition
    router: RouterConfig  # the configuration that its daemon has, as far as that is known
    since: float  # when it was started, in seconds since the epoch
    readiness: Health
    is_ready: bool
    is_down: bool
    message: str  # why it is down, or could not be started
    blind: str  # why its probes cannot be asked; empty: they can
    usage: Usage | None
    overload: str = ""  # what fills it; empty: it is not full

    @property
    def is_unready(self) -> bool:
        """True if its readiness was asked for, and it was not ready."""
        return self.readiness.is_known and not self.readiness.is_good


@dataclass(frozen=True, slots=True)
class ServiceSnapshot:
    """Everything that other threads may read of a service's worker; it is replaced whole after each step."""

    service: ServiceName
    router: RouterConfig | None = None  # the configuration that the worker was given last
    active: ActiveSnapshot | None = None  # None: nothing serves
    is_handing_over: bool = False
    handover: HandoverStatus | None = None  # None: nothing is under way, or it has ended and is not let go yet
    draining: tuple[DrainingStatus, ...] = ()
    message: str = ""  # why it is not as desired; empty: it is
    is_degraded: bool = False  # something serves that is not what is desired
    configured: Configured = field(default_factory=Configured)
    courses: Mapping[UndertakingKey, Course] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """The facts about a service that are in the store."""

    desired: Version | None
    restarts: int
    is_pinned: bool


def service_status(snapshot: ServiceSnapshot, facts: ServiceFacts, epoch: float, troubles: str = "") -> ServiceStatus:
    """Return the status of a service.

    `epoch` is the time since the epoch at which the monotonic clock was zero, by the clocks of now. `troubles` of
    single items are the message if there is no other.
    """
    active = snapshot.active
    instance, usage = (active.instance, active.usage) if active else (None, None)
    return ServiceStatus(
        name=snapshot.service,
        state=_state(snapshot, is_desired=facts.desired is not None),
        is_ready=active is not None and active.is_ready,
        version=instance.version if instance else None,
        generation=instance.generation if instance else None,
        image=instance.image if instance else None,
        since=active.since if active else None,
        restarts=facts.restarts,
        handover=snapshot.handover,
        draining=snapshot.draining,
        desired_version=facts.desired.version if facts.desired else None,
        is_pinned=facts.is_pinned,
        message=_message(snapshot) or troubles,
        memory_bytes=usage.memory_bytes if usage else None,
        cpu_seconds=usage.cpu_seconds if usage else None,
        undertakings=_undertakings(snapshot, epoch),
    )


def _message(snapshot: ServiceSnapshot) -> str:
    active = snapshot.active
    if active is None:
        return snapshot.message
    unready = active.readiness.message if active.is_unready else ""
    full = "" if active.is_down else active.overload
    return snapshot.message or active.message or full or active.blind or unready


def _state(snapshot: ServiceSnapshot, *, is_desired: bool) -> ServiceState:
    active = snapshot.active
    if active is None:
        if snapshot.is_handing_over or (is_desired and not snapshot.message):
            return ServiceState.STARTING
        return ServiceState.FAILED if is_desired else ServiceState.ABSENT
    holds = (  # the first of them counts
        (active.is_down, ServiceState.FAILED),
        (bool(active.overload), ServiceState.OVERLOADED),
        (active.is_unready, ServiceState.FAILED),
        (bool(active.blind), ServiceState.DEGRADED),
        (not active.readiness.is_known, ServiceState.STARTING),
        (snapshot.is_degraded, ServiceState.DEGRADED),
        (True, ServiceState.RUNNING),
    )
    return next(state for is_so, state in holds if is_so)


def _undertakings(snapshot: ServiceSnapshot, epoch: float) -> tuple[UndertakingStatus, ...]:
    """Return the status of each undertaking; it is unknown while the daemon does not answer."""
    is_answering = snapshot.active is not None and snapshot.active.is_ready
    return tuple(
        undertaking_status(key, course, epoch, is_answering=is_answering) for key, course in snapshot.courses.items()
    )


def undertaking_status(key: UndertakingKey, course: Course, epoch: float, *, is_answering: bool) -> UndertakingStatus:
    """Return the status of an undertaking, which is unknown while its daemon does not answer.

    `epoch` is the time since the epoch at which the monotonic clock was zero.
    """
    state = course.state if is_answering else UndertakingState.UNKNOWN
    since = None if state is UndertakingState.UNKNOWN else course.since + epoch
    return UndertakingStatus(key[1], key[0], state, since, course.calls, course.associations, course.message)


def release_status(release: Release, current: str | None, doubt: str = "") -> ReleaseStatus:
    """Return the status of an imported release; `current` is the name of the one that services follow.

    `doubt`: why nothing of it is started anew.
    """
    return ReleaseStatus(
        release=release.name,
        created=release.created,
        source=release.source,
        is_verified=True,  # nothing else is ever stored
        is_current=release.name == current,
        services=tuple(
            ReleasedServiceStatus(name, version.version, version.image) for name, version in release.services
        ),
        signed_by=tuple(key.name for key in release.signing.keys) if release.signing else (),
        doubt=doubt,
    )
