"""Takes the snapshot of a service that its worker publishes: nothing else of a worker is read by other threads."""

from __future__ import annotations

from collections.abc import Mapping

from supervisor.decisions.configured import Configured
from supervisor.decisions.status import ActiveSnapshot, ServiceSnapshot, UndertakingKey
from supervisor.decisions.undertakings import Course
from supervisor.loop.care.keeper import Keeper
from supervisor.loop.handover.run import HandoverRun
from supervisor.loop.service.parts import ServiceParts
from supervisor.values.status import DrainingStatus, HandoverStatus


def snapshot_of(
    parts: ServiceParts, courses: Mapping[UndertakingKey, Course], configured: Configured
) -> ServiceSnapshot:
    """Return the service as it is now. On the worker's thread."""
    keeper, run = parts.keeper_slot.keeper, parts.under_way.run
    return ServiceSnapshot(
        service=parts.service,
        router=parts.agenda.router,
        active=_active(keeper) if keeper else None,
        is_handing_over=run is not None,
        handover=_handover(run) if run else None,
        draining=tuple(status for status in map(_draining, parts.cleanup.runs) if status),
        message=parts.retry_policy.message,
        is_degraded=parts.retry_policy.is_degraded,
        configured=configured,
        courses=courses,
    )


def _active(keeper: Keeper) -> ActiveSnapshot:
    return ActiveSnapshot(
        instance=keeper.instance,
        definition=keeper.definition,
        router=keeper.router,
        since=keeper.since,
        readiness=keeper.readiness,
        is_ready=keeper.is_ready,
        is_down=keeper.is_down,
        message=keeper.message,
        blind=keeper.blind,
        usage=keeper.usage,
        overload=keeper.overload.findings.message,
    )


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
