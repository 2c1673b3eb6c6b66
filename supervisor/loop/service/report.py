"""What a worker knows, as the status value that others read."""

from __future__ import annotations

from supervisor.loop.handover.run import HandoverRun
from supervisor.loop.service.worker import Worker
from supervisor.ports.store import Store
from supervisor.values.release import Release
from supervisor.values.status import (
    BundledServiceStatus,
    BundleStatus,
    DrainingStatus,
    HandoverStatus,
    ServiceState,
    ServiceStatus,
)


def service_status(worker: Worker, store: Store, troubles: str = "") -> ServiceStatus:
    """Build a status without asking an engine; `troubles` of items show if there is no other message."""
    keeper, run = worker.keeper, worker.foreground
    desired = store.desired(worker.name)
    instance = keeper.instance if keeper else None
    usage = keeper.usage if keeper else None
    message = worker.retry_policy.message or (keeper.message or keeper.blind if keeper else "")
    if not message and keeper and keeper.readiness.is_known and not keeper.readiness.is_good:
        message = keeper.readiness.message
    return ServiceStatus(
        name=worker.name,
        state=_state(worker, desired is not None),
        is_ready=bool(keeper and keeper.is_ready),
        version=instance.version if instance else None,
        generation=instance.generation if instance else None,
        image=instance.image if instance else None,
        since=keeper.since if keeper else None,
        restarts=store.restarts(worker.name),
        handover=_handover(run) if run else None,
        draining=tuple(status for status in map(_draining, worker.cleanup) if status),
        desired_version=desired.version if desired else None,
        is_pinned=store.pinned(worker.name),
        message=message or troubles,
        memory_bytes=usage.memory_bytes if usage else None,
        cpu_seconds=usage.cpu_seconds if usage else None,
        undertakings=worker.undertaking_watch.statuses(keeper),
    )


def _state(worker: Worker, is_desired: bool) -> ServiceState:
    keeper = worker.keeper
    if keeper is None:
        if worker.foreground or (is_desired and not worker.retry_policy.message):
            return ServiceState.STARTING
        return ServiceState.FAILED if is_desired else ServiceState.ABSENT
    if keeper.is_down or (keeper.readiness.is_known and not keeper.readiness.is_good):
        return ServiceState.FAILED
    if keeper.blind:
        return ServiceState.DEGRADED
    if not keeper.readiness.is_known:
        return ServiceState.STARTING
    return ServiceState.DEGRADED if worker.retry_policy.is_degraded else ServiceState.RUNNING


def _handover(run: HandoverRun) -> HandoverStatus | None:
    handover, step = run.handover, run.step
    if step is None:
        return None
    return HandoverStatus(
        id=handover.id,
        kind=handover.kind,
        phase=step,
        direction=handover.direction,
        from_version=run.former.version if run.former else None,
        to_version=run.candidate.version,
        generation=run.candidate.generation,
        started=run.context.began_at,
        message=handover.reason,
    )


def _draining(run: HandoverRun) -> DrainingStatus | None:
    leaving = run.leaving
    if leaving is None or run.is_over:
        return None
    return DrainingStatus(leaving.generation, leaving.version, run.draining.connections, run.draining.deadline)


def bundle_status(release: Release, current: str | None) -> BundleStatus:
    return BundleStatus(
        release=release.name,
        created=release.created,
        source=release.source,
        is_verified=True,  # nothing else is ever stored
        is_current=release.name == current,
        services=tuple(
            BundledServiceStatus(name, version.version, version.image) for name, version in release.services
        ),
    )
