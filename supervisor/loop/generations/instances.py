"""Operations on a single instance: its folders, its container and its probes, inside a hand-over or not."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from supervisor.decisions import asking, health
from supervisor.decisions.container import check_spec, container_spec
from supervisor.loop.generations.allocation import with_frontends
from supervisor.loop.generations.ceiling import refuse_over_ceiling
from supervisor.loop.world import World
from supervisor.ports.engine import Engine
from supervisor.ports.files import Folders
from supervisor.ports.store import Store
from supervisor.values.errors import NoSuchContainerError, ReloadFailedError, StateError
from supervisor.values.manifest import ServiceDefinition, ServiceManifest, Watch
from supervisor.values.names import ServiceName
from supervisor.values.release import InstanceState, Version
from supervisor.values.router import RouterConfig
from supervisor.values.state import (
    ContainerSpec,
    ContainerState,
    Instance,
    ProbeResult,
    ProbeTarget,
    RenderedFile,
    ResolvedProbe,
)

log = logging.getLogger(__name__)


def version_of(instance: Instance) -> Version:
    """Return the version that the instance was made from."""
    return Version(instance.release, instance.version, instance.image, instance.definition)


def spec_of(world: World, instance: Instance, definition: ServiceDefinition) -> ContainerSpec:
    """Return the container of the instance, with its folders mounted."""
    manifest, folders = definition.manifest, world.folders
    return container_spec(
        instance,
        manifest,
        config=folders.config(instance),
        runtime={folder.name: folders.runtime(instance, folder.name) for folder in manifest.runtime},
        state={volume.name: folders.state(instance, volume.name) for volume in manifest.state},
        most_cpu=world.settings.ceiling.of(manifest.network).cpu,
    )


def trial_of(instance: Instance) -> Instance:
    """Return the instance under the number 0, which is never given: in its folders a reload is checked."""
    return replace(instance, generation=0)


def refuses(
    world: World, instance: Instance, definition: ServiceDefinition, files: tuple[RenderedFile, ...] | None = None
) -> str:
    """Let the image check `files` (None: the configuration that is written); return its objection, empty: none.

    May be repeated. Raises EngineError or StateError: when the check could not be carried out. Raises
    OverCeilingError: when a candidate asks for more than the settings allow, by now.
    """
    manifest = definition.manifest
    if not manifest.checks:
        return ""
    if files is None:  # else it is one that runs: it goes on, and so do its reloads
        refuse_over_ceiling(world.settings.ceiling, manifest)
    checked = instance if files is None else trial_of(instance)
    try:
        if files is not None:
            world.folders.prepare(checked, manifest)
            world.folders.write(checked, manifest, files)
        spec = spec_of(world, checked, definition)
        for number, check in enumerate(manifest.checks):
            result = world.engine.run(check_spec(spec, number, check), check.timeout)
            if result.exit_code != 0:
                output = (result.stderr + result.stdout).decode(errors="replace").strip()
                return f"{check.command[0]} refused the configuration: {output[-2000:]}"
    finally:
        if files is not None:
            world.folders.remove(checked, manifest)
    return ""


def discard(world: World, instance: Instance, definition: ServiceDefinition) -> None:
    """Remove everything that belongs to a generation alone, once its container is gone. May be repeated."""
    if instance.link:
        world.kernel.links.remove(instance.link)
    world.folders.remove(instance, definition.manifest)
    if definition.manifest.counters:
        world.shared.ledger.note_end(world.store, instance.service, instance.generation)
    world.store.set_state(instance.service, instance.generation, InstanceState.RETIRED)


def is_running(engine: Engine, instance: Instance) -> bool:
    """True if the instance's container runs. Raises EngineError: when the engine cannot be asked."""
    try:
        return engine.inspect(instance.container_name).state is ContainerState.RUNNING
    except NoSuchContainerError:
        return False


def active_of(store: Store, service: ServiceName) -> Instance | None:
    """Return the instance that the store calls active, which may be dead; None: there is none."""
    states = store.instances(service)
    return next((instance for instance, state in states if state is InstanceState.ACTIVE), None)


def is_active(store: Store, instance: Instance) -> bool:
    """True if the store calls the instance active."""
    known = store.instances(instance.service)
    return any(other.generation == instance.generation and state is InstanceState.ACTIVE for other, state in known)


def target_of(folders: Folders, instance: Instance, definition: ServiceDefinition) -> ProbeTarget:
    """Return where probes reach the instance."""
    return ProbeTarget(
        container=instance.container_name,
        address=instance.address,
        runtime=tuple((folder.name, folders.runtime(instance, folder.name)) for folder in definition.manifest.runtime),
        config=folders.config(instance),
    )


def probe_once(
    world: World, instance: Instance, definition: ServiceDefinition, router: RouterConfig, watch: Watch | None = None
) -> str:
    """Carry out the probes of a watch (None: readiness) once; return the first failure, empty if all hold.

    Raises RenderError or ProbeError: when they cannot be rendered or asked.
    """
    probes = (watch or definition.manifest.readiness).probes
    rendered = world.renderer.probes(definition.manifest, probes, router, instance)
    failed = failure(world, rendered, target_of(world.folders, instance, definition))
    return failed.message if failed else ""


def failure(world: World, probes: Iterable[ResolvedProbe], target: ProbeTarget) -> ProbeResult | None:
    """Carry out probes until it is decided whether they hold; return what is wrong, None if they hold.

    They fail, too, if none of them could be asked.
    """
    asked: list[tuple[ResolvedProbe, ProbeResult]] = []
    for probe in probes:
        if asking.is_needed(probe, asked):
            asked.append((probe, world.prober.ask(probe, target)))
        if asking.is_settled(asked):
            break
    telling = asking.results(asked)
    wrong = [result for result in telling or [result for _, result in asked] if not result.is_good]
    return health.merge(wrong, is_asked=True)


def revive(world: World, instance: Instance, definition: ServiceDefinition, router: RouterConfig) -> None:
    """Start an instance again, whatever is missing of it. May be repeated."""
    restore(world, instance, definition, router)
    begin(world, instance, definition)


def restore(world: World, instance: Instance, definition: ServiceDefinition, router: RouterConfig) -> None:
    """Put everything in place that the start of an instance needs: a boot takes folders in memory and namespaces away.

    May be repeated; files that are written stay as they are.
    """
    manifest = definition.manifest
    world.folders.prepare(instance, manifest)
    if not world.folders.written(instance):
        # The store keeps frontends without what they were made from, which templates look at.
        known = with_frontends(world.renderer, definition, router, instance)
        world.folders.write(instance, manifest, world.renderer.files(definition, router, known))
    _end_orphans(world, instance, manifest)
    if instance.link:
        world.kernel.links.ensure(instance.link)


def _end_orphans(world: World, instance: Instance, manifest: ServiceManifest) -> None:
    """Remove, before a start, stored items whose owner the configuration has no more (after a boot, say).

    Best effort: items that cannot be looked through do not stop the start.
    """
    if not any(volume.owned for volume in manifest.state) or is_running(world.engine, instance):
        return
    try:
        world.folders.prune_state(instance, manifest)
    except StateError as error:
        log.warning("state not looked through", extra={"service": instance.service, "reason": str(error)})


def begin(world: World, instance: Instance, definition: ServiceDefinition) -> None:
    """Start the instance's container, and create it first if it is gone. Nothing happens when it runs."""
    try:
        world.engine.start(instance.container_name)
    except NoSuchContainerError:  # or it was removed, with the layers that it needs to start
        ensure_created(world, instance, definition)
        world.engine.start(instance.container_name)


def ensure_created(world: World, instance: Instance, definition: ServiceDefinition) -> None:
    """Create the instance's container unless it exists.

    Raises OverCeilingError: when it asks for more than the settings allow, by now.
    """
    try:  # not the list: trouble with others does not matter here
        world.engine.inspect(instance.container_name)
    except NoSuchContainerError:
        refuse_over_ceiling(world.settings.ceiling, definition.manifest)
        world.engine.create(spec_of(world, instance, definition))


def reload_daemon(engine: Engine, instance: Instance, definition: ServiceDefinition) -> None:
    """Let a daemon read the files that were written for it; nothing happens without `reload` in the manifest.

    Raises ReloadFailedError: when its command refused them.
    """
    reload, name = definition.manifest.reload, instance.container_name
    if reload and reload.signal:
        engine.kill(name, reload.signal)
    elif reload:
        result = engine.execute(name, reload.command, 10.0)
        if result.exit_code != 0:
            output = (result.stderr + result.stdout).decode(errors="replace").strip()
            raise ReloadFailedError(name, reload.command[0], output[-2000:])


def enlarge_buffers(world: World, instance: Instance, definition: ServiceDefinition) -> None:
    """Give the UDP sockets of a ready instance the receive buffer that its manifest asks for. May be repeated."""
    size = definition.manifest.receive_buffer_bytes
    if size is not None:
        container = world.engine.inspect(instance.container_name)
        if container.pid:
            world.kernel.buffers.enlarge(container.pid, size)


def with_instance(instances: tuple[Instance, ...], instance: Instance) -> tuple[Instance, ...]:
    """Return the instances with this one last, in place of an earlier value of its generation."""
    return (*without_instance(instances, instance), instance)


def without_instance(instances: tuple[Instance, ...], instance: Instance) -> tuple[Instance, ...]:
    """Return the instances without the one of this generation."""
    return tuple(other for other in instances if other.generation != instance.generation)
