"""Invariants of a simulated router at rest, whatever happened to it before."""

from __future__ import annotations

from collections.abc import Iterator

from supervisor.decisions.traffic import sides_of, traffic_table
from supervisor.values.names import ServiceName
from supervisor.values.release import InstanceState
from supervisor.values.state import ContainerState, Instance
from supervisor.values.status import HandoverRecord, ServiceState
from tests.kit.fakes.folders import volume_path
from tests.kit.simulation.router import RENDERER, SimulatedRouter
from tests.kit.simulation.samples import read_definition


def violations(router: SimulatedRouter, service: ServiceName) -> list[str]:
    """List every invariant that is broken; what a scenario may cost its clients is `kill_points.losses`."""
    known = router.machine.store.instances(service)
    active = [instance for instance, state in known if state is InstanceState.ACTIVE]
    if len(active) != 1:
        return [f"{len(active)} active instances: {known}"]
    return [
        *router.unexpected_errors.messages,
        *_instances(router, service, active[0]),
        *_machine(router, active[0]),
        *_content(router, active[0]),
        *_story(router, service, active[0]),
    ]


def _instances(router: SimulatedRouter, service: ServiceName, active: Instance) -> Iterator[str]:
    machine = router.machine
    known = [(instance.generation, str(state)) for instance, state in machine.store.instances(service)]
    if len(known) != 1:
        yield f"instances in the store: {known}"
    containers = {container.name: container.state for container in machine.engine.containers()}
    if containers != {active.container_name: ContainerState.RUNNING}:
        yield f"containers: {containers}, active is {active.container_name}"
    if machine.traffic.table != traffic_table([active], [active]):
        yield f"the table says {machine.traffic.table}, active is {active}"
    if machine.serving(service) != active:
        yield f"clients are served by {machine.serving(service)}"


def _machine(router: SimulatedRouter, active: Instance) -> Iterator[str]:
    machine, link = router.machine, active.link
    if machine.links.namespaces != ({link.namespace} if link else set()):
        yield f"namespaces: {machine.links.namespaces}"
    if machine.links.interfaces != ({link.interface} if link else set()):
        yield f"interfaces: {machine.links.interfaces}"
    if set(machine.folders.configs) != {machine.folders.config(active)}:
        yield f"configuration folders: {set(machine.folders.configs)}"
    if machine.folders.backups:
        yield f"files of a reload that has ended are kept: {set(machine.folders.backups)}"
    definition = read_definition(active.service, machine.store.definition(active.definition) or {})
    volumes = {volume_path(active, volume) for volume in definition.manifest.state}
    if set(machine.folders.volumes) != volumes:
        yield f"state volumes: {set(machine.folders.volumes)}, expected {volumes}"
    daemon = machine.engine.daemons[active.container_name]
    if set(machine.associations.established) != set(daemon.associations):
        yield f"associations: {machine.associations.established}, the active made {daemon.associations}"
    if machine.encapsulation.held:
        yield f"sockets held: {machine.encapsulation.held}"
    if len(machine.exits.watched) != 1:
        yield f"watched processes: {set(machine.exits.watched)}"


def _content(router: SimulatedRouter, active: Instance) -> Iterator[str]:
    machine = router.machine
    definition = read_definition(active.service, machine.store.definition(active.definition) or {})
    configured, _ = router.supervisor.supervision._parts.configuration._intake.interpret(machine.store.configuration())
    wanted = {file.path: file for file in RENDERER.files(definition, configured, active)}
    if machine.folders.configs[machine.folders.config(active)] != wanted:
        yield "what is written is not what is configured"
    sides = {one.name: one.sides for one in RENDERER.frontends(definition.manifest, configured, active)}
    if sides_of(active) != sides:
        yield f"clients call at {sides_of(active)}, configured is {sides}"
    for volume in definition.manifest.state:
        lost = set(machine.granted) - set(machine.folders.volumes.get(volume_path(active, volume), ()))
        if lost:
            yield f"leases lost: {sorted(lost)}"


def _was_taken_back(one: HandoverRecord, records: tuple[HandoverRecord, ...]) -> bool:
    """True if the hand-over only gave a configuration to a version whose soak ended badly afterwards."""
    return one.kind == "configure" and any(
        other.outcome == "reverted" and other.id < one.id and (other.finished or 0.0) > one.started for other in records
    )


def _story(router: SimulatedRouter, service: ServiceName, active: Instance) -> Iterator[str]:
    store = router.machine.store
    if store.open_handovers():
        yield f"open hand-overs: {store.open_handovers()}"
    records = store.history(service, 100)
    if any(record.finished is None or record.outcome == "running" for record in records):
        yield f"the journal has not ended: {records}"
    moved = [
        one
        for one in records
        if one.outcome == "succeeded" and (one.generation == active.generation or not _was_taken_back(one, records))
    ]
    if moved and moved[0].generation != active.generation:
        yield f"the journal says {moved[0].generation} succeeded last, active is {active.generation}"
    desired = store.desired(service)
    if desired is None or desired.version != active.version:
        yield f"desired is {desired}, active is {active.version}"
    status = next(one for one in router.supervisor.supervision.status().services if one.name == service)
    said = (status.state, status.version, status.generation, status.is_ready, status.handover, status.draining)
    if said != (ServiceState.RUNNING, active.version, active.generation, True, None, ()):
        yield f"status says {said} {status.message}"
