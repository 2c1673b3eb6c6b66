"""What `--json` prints. These shapes are promises: add keys, never rename or remove one."""

from __future__ import annotations

from datetime import UTC, datetime

from supervisor.values.status import (
    BundleStatus,
    DrainingStatus,
    EventRecord,
    HandoverRecord,
    HandoverStatus,
    PlannedStep,
    Progress,
    ServiceStatus,
    SupervisorStatus,
    UndertakingStatus,
)

Shape = dict[str, object]


def moment(seconds: float | None) -> str | None:
    """Return the time as RFC 3339 has it, in UTC with milliseconds."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def status(value: SupervisorStatus) -> Shape:
    return {
        "supervisor": {
            "version": value.version,
            "pid": value.pid,
            "started": moment(value.started),
            "engine": value.engine,
            "engine_version": value.engine_version,
            "ready": value.is_ready,
            "message": value.message,
        },
        "bundle": bundle(value.bundle) if value.bundle else None,
        "services": [service(item) for item in value.services],
    }


def service(value: ServiceStatus) -> Shape:
    return {
        "name": value.name,
        "state": str(value.state),
        "ready": value.is_ready,
        "version": value.version,
        "generation": value.generation,
        "image": value.image,
        "since": moment(value.since),
        "restarts": value.restarts,
        "handover": handover(value.handover) if value.handover else None,
        "message": value.message,
        "draining": [draining(former) for former in value.draining],
        "pinned": value.is_pinned,
        "desired_version": value.desired_version,
        "memory_bytes": value.memory_bytes,
        "cpu_seconds": value.cpu_seconds,
        "undertakings": [undertaking(one) for one in value.undertakings],
    }


def undertaking(value: UndertakingStatus) -> Shape:
    return {
        "name": value.name,
        "what": value.what,
        "state": str(value.state),
        "since": moment(value.since),
        "calls": value.calls,
        "associations": value.associations,
        "message": value.message,
    }


def handover(value: HandoverStatus) -> Shape:
    return {
        "id": value.id,
        "kind": value.kind,
        "phase": value.phase,
        "direction": value.direction,
        "from_version": value.from_version,
        "to_version": value.to_version,
        "generation": value.generation,
        "started": moment(value.started),
        "message": value.message,
    }


def draining(value: DrainingStatus) -> Shape:
    return {
        "generation": value.generation,
        "version": value.version,
        "connections": value.connections,
        "deadline": moment(value.deadline),
    }


def bundle(value: BundleStatus) -> Shape:
    return {
        "release": value.release,
        "created": value.created,
        "source": value.source,
        "verified": value.is_verified,
        "services": {s.name: {"version": s.version, "image": s.image} for s in value.services},
        "current": value.is_current,
    }


def step(value: PlannedStep) -> Shape:
    return {
        "service": value.service,
        "action": value.action,
        "from_version": value.from_version,
        "to_version": value.to_version,
        "reason": value.reason,
    }


def record(value: HandoverRecord) -> Shape:
    return {
        "id": value.id,
        "service": value.service,
        "kind": value.kind,
        "from_version": value.from_version,
        "to_version": value.to_version,
        "generation": value.generation,
        "started": moment(value.started),
        "finished": moment(value.finished),
        "outcome": value.outcome,
        "reason": value.reason,
        "seconds_to_cutover": value.seconds_to_cutover,
        "phases": [{"name": name, "seconds": seconds} for name, seconds in value.phases],
        "waived": list(value.waived),
    }


def progress(value: Progress) -> Shape:
    return {
        "service": value.service,
        "phase": value.phase,
        "message": value.message,
        "fraction": value.fraction,
        "elapsed": value.elapsed,
        "final": value.is_final,
        "error": value.error,
        "part": value.part or None,
    }


def event(value: EventRecord) -> Shape:
    return {"time": moment(value.time), "service": value.service, "name": value.name, "message": value.message}
