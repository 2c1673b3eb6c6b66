"""Compares what a service should be with what it is: renders, reads what is written, and lets the plan decide."""

from __future__ import annotations

from collections.abc import Callable

from supervisor.decisions.plan import NewGeneration, Next, Nothing, Write, changes, next_action
from supervisor.loop.generations.allocation import with_frontends
from supervisor.loop.generations.instances import version_of
from supervisor.loop.world import World
from supervisor.values.errors import SupervisorError
from supervisor.values.handover import Kind
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.release import Version
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance, RenderedFile


def compare(
    world: World,
    active: tuple[Instance, ServiceDefinition] | None,
    desired: Version,
    router: RouterConfig,
    digest: Callable[[bytes], str],
) -> tuple[tuple[RenderedFile, ...], Next]:
    """Return the next action, and the files it would write into the running instance."""
    if active is None:
        return (), NewGeneration(Kind.START, "nothing runs")
    instance, definition = active
    running = version_of(instance)
    if not running.is_same_as(desired):
        return (), NewGeneration(Kind.SWAP, f"version {desired.version} is wanted")
    fresh = with_frontends(world.renderer, definition, router, instance)
    files = world.renderer.files(definition, router, fresh)
    action = next_action(
        desired=desired,
        running=running,
        found=changes(
            definition.manifest,
            files,
            world.folders.written(instance),
            {file.path: digest(file.content) for file in files},
            world.folders.sources(instance),
        ),
        desired_frontends=fresh.frontends,
        running_frontends=instance.frontends,
    )
    return files, action


def is_configured(
    world: World,
    instance: Instance,
    definition: ServiceDefinition,
    router: RouterConfig,
    digest: Callable[[bytes], str],
) -> bool:
    """Has it this configuration, but for what it notices by itself? What cannot be rendered is not what it has."""
    try:
        action = compare(world, (instance, definition), version_of(instance), router, digest)[1]
    except SupervisorError:  # told when it is to be given
        return False
    return isinstance(action, Nothing | Write)
