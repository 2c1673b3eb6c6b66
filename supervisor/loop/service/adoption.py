"""Adopts what an earlier supervisor left: checks the journal against the engine, and touches nothing that works."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from supervisor.decisions.container import SERVICE_LABEL
from supervisor.decisions.handover import current, interrupted, is_committed, resume, step_index
from supervisor.loop.generations.instances import (
    active_of,
    discard,
    is_active,
    is_running,
    trial_of,
    without_instance,
)
from supervisor.loop.generations.recall import recall_service
from supervisor.loop.handover.announcement import repeat_records
from supervisor.loop.handover.run import HandoverRun, ReloadFiles, RunContext, Side
from supervisor.loop.service.parts import ServiceParts
from supervisor.loop.switchboard import Serving
from supervisor.loop.world import World
from supervisor.values.errors import ManifestError
from supervisor.values.handover import Direction, Handover, Mode, Step
from supervisor.values.manifest import ServiceDefinition, ServiceManifest
from supervisor.values.names import Digest, ServiceName
from supervisor.values.release import InstanceState
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance

log = logging.getLogger(__name__)

FindDefinition = Callable[[Digest], ServiceDefinition]


@dataclass(frozen=True, slots=True)
class Adopted:
    """The instance that serves, and the hand-overs to carry on."""

    active: Instance | None
    runs: tuple[HandoverRun, ...]


def adopt_and_carry_on(parts: ServiceParts) -> None:
    """Adopt what there is of the service, and carry on from there. May be repeated when it raised."""
    adopted = adopt(parts.world, parts.service, parts.agenda.router or RouterConfig(), parts.definition_of)
    if active := adopted.active:
        try:
            definition = parts.definition_of(active.definition)
            parts.keeper_slot.keep(active, definition, parts.agenda.router or RouterConfig())
        except ManifestError as error:  # of an older supervisor, say: it serves on until another version does
            parts.retry_policy.degrade(str(error))
            parts.agenda.is_dirty = True
    for run in adopted.runs:
        is_last = run.candidate.generation == run.handover.candidate  # a later one has its own records
        if run.is_background and is_last:
            repeat_records(run, parts.opening.remember_former)
    recorded, desired = parts.opening.active(), parts.world.store.desired(parts.service)
    for run in adopted.runs:  # nothing is written any more: what was adopted is adopted once
        if run.is_background:
            parts.cleanup.add(run)
        else:
            parts.under_way.begin(run)
    if recorded and parts.under_way.run is None:
        parts.retry_policy.adopted(recorded, desired)
    parts.agenda.is_adopted = True


def adopt(world: World, service: ServiceName, router: RouterConfig, definition_of: FindDefinition) -> Adopted:
    """Resume open hand-overs, remove what belongs to none, and return what serves.

    An active whose container is gone (a reboot) is not returned: the worker starts a new generation from its state.
    """
    containers = world.engine.containers()
    recall_service(world, service, containers)
    known = {instance.generation: instance for instance, _ in world.store.instances(service)}
    runs = tuple(
        run
        for handover in world.store.open_handovers()
        if handover.service == service and (run := _resume(world, handover, known, router, definition_of))
    )
    in_handover = {instance.generation for run in runs for instance in (run.candidate, run.former) if instance}
    names = {container.name for container in containers if container.label(SERVICE_LABEL) == service}
    active = None
    for instance, state in world.store.instances(service):
        if state is InstanceState.ACTIVE:
            active = instance if instance.container_name in names else None
        elif instance.generation not in in_handover:
            world.engine.remove(instance.container_name)
            serving = world.switchboard.serving(service)
            world.switchboard.serve(service, Serving(serving.active, without_instance(serving.alive, instance)))
            discard(world, instance, definition_of(instance.definition))
    for stray in names - {instance.container_name for instance in known.values()}:
        log.warning("stray container removed", extra={"service": service, "container": stray})
        world.engine.remove(stray)
    return Adopted(active, runs)


def _resume(
    world: World,
    handover: Handover,
    known: Mapping[int, Instance],
    router: RouterConfig,
    definition_of: FindDefinition,
) -> HandoverRun | None:
    now, candidate = world.clock.now(), known.get(handover.candidate)
    former = known.get(handover.former) if handover.former is not None else None
    runs = candidate is not None and is_running(world.engine, candidate)
    is_reload = handover.mode is Mode.RELOAD
    if candidate is not None and is_reload and (not runs or current(handover) is Step.CHECK):
        _give_up_reload(world, candidate, definition_of(candidate.definition).manifest)
        candidate = None
    candidate = candidate or _stand_in(world, handover, former)
    if candidate is None:
        world.store.record(interrupted(handover), None, now)
        return None
    if is_reload and handover.direction is Direction.FORWARD:
        handover = replace(handover, index=step_index(Mode.RELOAD, Step.APPLY))  # the daemon may not have read them
    if former is not None and handover.is_reconfigured:
        world.folders.remove(trial_of(former), definition_of(former.definition).manifest)
    resumed = resume(handover, is_cut=is_active(world.store, candidate), is_running=runs)
    if resumed != handover:
        world.store.record(resumed, current(resumed), now)
    definition, reload = definition_of(candidate.definition), None
    former_side = Side(former, definition_of(former.definition), router) if former else None
    if is_reload:
        backup, written = world.folders.backup(candidate), world.folders.read(candidate, definition.manifest)
        reload = ReloadFiles(written, written if backup is None else backup)
    context = RunContext(world, world.clock.monotonic(), now, reload)
    run = HandoverRun(resumed, context, Side(candidate, definition, router), former_side)
    log.info("hand-over resumed", extra={"service": handover.service, "step": run.step, "way": resumed.direction})
    return None if run.is_over else run


def _stand_in(world: World, handover: Handover, former: Instance | None) -> Instance | None:
    """Return what serves, in place of a candidate that is gone already while the former active drains on.

    A later hand-over has replaced it, or gone back past it. None: nothing is left to carry on.
    """
    drains = former is not None and not is_active(world.store, former)
    return active_of(world.store, handover.service) if drains and is_committed(handover) else None


def _give_up_reload(world: World, instance: Instance, manifest: ServiceManifest) -> None:
    """Put back the files before a reload, if they are known: the daemon has not read the new ones, or does not run."""
    world.folders.remove(trial_of(instance), manifest)
    backup = world.folders.backup(instance)
    if backup is not None:
        world.folders.write(instance, manifest, backup)
        world.folders.remove_backup(instance)
