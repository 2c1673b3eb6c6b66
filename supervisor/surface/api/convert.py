"""Between the values of the supervisor and the messages of the API, both ways; the only module that knows both."""

from __future__ import annotations

import math

from google.protobuf.timestamp_pb2 import Timestamp

from supervisor.surface.api import supervisor_pb2 as pb
from supervisor.values.status import (
    BundledServiceStatus,
    BundleStatus,
    DrainingStatus,
    EventRecord,
    HandoverRecord,
    HandoverStatus,
    PlannedStep,
    Progress,
    ServiceState,
    ServiceStatus,
    SupervisorStatus,
    UndertakingStatus,
)
from supervisor.values.undertaking import UndertakingState

_STATE_NAMES = {state: f"SERVICE_STATE_{state.name}" for state in ServiceState}
_STATES = {pb.ServiceState.Value(name): state for state, name in _STATE_NAMES.items()}


def timestamp(seconds: float) -> Timestamp:
    whole = math.floor(seconds)
    micros = round((seconds - whole) * 1e6)  # a float of today holds no more
    return Timestamp(seconds=whole + micros // 10**6, nanos=micros % 10**6 * 1000)


def seconds(moment: Timestamp) -> float:
    return moment.seconds + moment.nanos / 1e9


def _maybe(moment: float | None) -> Timestamp | None:
    return None if moment is None else timestamp(moment)


# ---------------------------------------------------------------- values to messages


def status_message(status: SupervisorStatus) -> pb.SupervisorStatus:
    return pb.SupervisorStatus(
        version=status.version,
        pid=status.pid,
        started=timestamp(status.started),
        engine=status.engine,
        engine_version=status.engine_version,
        ready=status.is_ready,
        message=status.message,
        bundle=bundle_message(status.bundle) if status.bundle else None,
        services=[_service_message(service) for service in status.services],
    )


def _service_message(service: ServiceStatus) -> pb.ServiceStatus:
    return pb.ServiceStatus(
        name=service.name,
        state=_STATE_NAMES[service.state],
        ready=service.is_ready,
        version=service.version,
        generation=service.generation,
        image=service.image,
        since=_maybe(service.since),
        restarts=service.restarts,
        handover=_handover_message(service.handover) if service.handover else None,
        draining=[
            pb.DrainingStatus(
                generation=former.generation,
                version=former.version,
                connections=former.connections,
                deadline=timestamp(former.deadline),
            )
            for former in service.draining
        ],
        desired_version=service.desired_version,
        pinned=service.is_pinned,
        message=service.message,
        memory_bytes=service.memory_bytes,
        cpu_seconds=service.cpu_seconds,
        undertakings=[_undertaking_message(one) for one in service.undertakings],
    )


def _undertaking_message(one: UndertakingStatus) -> pb.UndertakingStatus:
    return pb.UndertakingStatus(
        name=one.name,
        what=one.what,
        state=str(one.state),
        since=_maybe(one.since),
        calls=one.calls,
        associations=one.associations,
        message=one.message,
    )


def _handover_message(handover: HandoverStatus) -> pb.HandoverStatus:
    return pb.HandoverStatus(
        id=handover.id,
        kind=handover.kind,
        phase=handover.phase,
        direction=handover.direction,
        from_version=handover.from_version,
        to_version=handover.to_version,
        generation=handover.generation,
        started=timestamp(handover.started),
        message=handover.message,
    )


def bundle_message(bundle: BundleStatus) -> pb.Bundle:
    return pb.Bundle(
        release=bundle.release,
        created=bundle.created,
        source=bundle.source,
        verified=bundle.is_verified,
        current=bundle.is_current,
        services=[pb.BundledService(name=s.name, version=s.version, image=s.image) for s in bundle.services],
    )


def progress_message(progress: Progress) -> pb.Progress:
    return pb.Progress(
        service=progress.service,
        phase=progress.phase,
        message=progress.message,
        fraction=progress.fraction,
        elapsed_seconds=progress.elapsed,
        final=progress.is_final,
        error=progress.error,
        part=progress.part,
    )


def step_message(step: PlannedStep) -> pb.PlannedStep:
    return pb.PlannedStep(
        service=step.service,
        action=step.action,
        from_version=step.from_version,
        to_version=step.to_version,
        reason=step.reason,
    )


def record_message(record: HandoverRecord) -> pb.HandoverRecord:
    return pb.HandoverRecord(
        id=record.id,
        service=record.service,
        kind=record.kind,
        from_version=record.from_version,
        to_version=record.to_version,
        generation=record.generation,
        started=timestamp(record.started),
        finished=_maybe(record.finished),
        outcome=record.outcome,
        reason=record.reason,
        seconds_to_cutover=record.seconds_to_cutover,
        phases=[pb.Phase(name=name, seconds=spent) for name, spent in record.phases],
        waived=record.waived,
    )


def event_message(event: EventRecord) -> pb.Event:
    return pb.Event(time=timestamp(event.time), service=event.service, name=event.name, message=event.message)


# ---------------------------------------------------------------- messages to values


def status_value(message: pb.SupervisorStatus) -> SupervisorStatus:
    return SupervisorStatus(
        version=message.version,
        pid=message.pid,
        started=seconds(message.started),
        engine=message.engine,
        engine_version=message.engine_version,
        is_ready=message.ready,
        message=message.message,
        bundle=bundle_value(message.bundle) if message.HasField("bundle") else None,
        services=tuple(_service_value(service) for service in message.services),
    )


def _service_value(message: pb.ServiceStatus) -> ServiceStatus:
    return ServiceStatus(
        name=message.name,
        state=_STATES.get(message.state, ServiceState.ABSENT),
        is_ready=message.ready,
        version=message.version if message.HasField("version") else None,
        generation=message.generation if message.HasField("generation") else None,
        image=message.image if message.HasField("image") else None,
        since=seconds(message.since) if message.HasField("since") else None,
        restarts=message.restarts,
        handover=_handover_value(message.handover) if message.HasField("handover") else None,
        draining=tuple(
            DrainingStatus(former.generation, former.version, former.connections, seconds(former.deadline))
            for former in message.draining
        ),
        desired_version=message.desired_version if message.HasField("desired_version") else None,
        is_pinned=message.pinned,
        message=message.message,
        memory_bytes=message.memory_bytes if message.HasField("memory_bytes") else None,
        cpu_seconds=message.cpu_seconds if message.HasField("cpu_seconds") else None,
        undertakings=tuple(_undertaking_value(one) for one in message.undertakings),
    )


def _undertaking_value(message: pb.UndertakingStatus) -> UndertakingStatus:
    is_known = message.state in set(UndertakingState)
    return UndertakingStatus(
        name=message.name,
        what=message.what,
        state=UndertakingState(message.state) if is_known else UndertakingState.UNKNOWN,
        since=seconds(message.since) if message.HasField("since") else None,
        calls=message.calls,
        associations=message.associations,
        message=message.message,
    )


def _handover_value(message: pb.HandoverStatus) -> HandoverStatus:
    return HandoverStatus(
        id=message.id,
        kind=message.kind,
        phase=message.phase,
        direction=message.direction,
        from_version=message.from_version if message.HasField("from_version") else None,
        to_version=message.to_version,
        generation=message.generation,
        started=seconds(message.started),
        message=message.message,
    )


def bundle_value(message: pb.Bundle) -> BundleStatus:
    return BundleStatus(
        release=message.release,
        created=message.created,
        source=message.source,
        is_verified=message.verified,
        is_current=message.current,
        services=tuple(BundledServiceStatus(s.name, s.version, s.image) for s in message.services),
    )


def progress_value(message: pb.Progress) -> Progress:
    return Progress(
        service=message.service,
        phase=message.phase,
        message=message.message,
        fraction=message.fraction if message.HasField("fraction") else None,
        elapsed=message.elapsed_seconds,
        is_final=message.final,
        error=message.error if message.HasField("error") else None,
        part=message.part,
    )


def step_value(message: pb.PlannedStep) -> PlannedStep:
    return PlannedStep(
        service=message.service,
        action=message.action,
        from_version=message.from_version if message.HasField("from_version") else None,
        to_version=message.to_version if message.HasField("to_version") else None,
        reason=message.reason,
    )


def record_value(message: pb.HandoverRecord) -> HandoverRecord:
    return HandoverRecord(
        id=message.id,
        service=message.service,
        kind=message.kind,
        from_version=message.from_version if message.HasField("from_version") else None,
        to_version=message.to_version,
        generation=message.generation,
        started=seconds(message.started),
        finished=seconds(message.finished) if message.HasField("finished") else None,
        outcome=message.outcome,
        reason=message.reason,
        seconds_to_cutover=message.seconds_to_cutover if message.HasField("seconds_to_cutover") else None,
        phases=tuple((phase.name, phase.seconds) for phase in message.phases),
        waived=tuple(message.waived),
    )


def event_value(message: pb.Event) -> EventRecord:
    return EventRecord(seconds(message.time), message.service, message.name, message.message)
