"""Compares what a service should be with what it is: reads what is written, renders, and lets the plan decide."""

from __future__ import annotations

from collections.abc import Callable

from supervisor.decisions.plan import Next, Nothing, Write, changes, configuration_action, version_action
from supervisor.loop.generations.allocation import with_frontends
from supervisor.loop.generations.instances import version_of
from supervisor.loop.world import World
from supervisor.values.errors import SupervisorError
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.release import Version
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance, RenderedFile


def compare(
    world: World,
    active: tuple[Instance, ServiceDefinition] | None,
    desired: Version | None,
    router: RouterConfig,
    digest: Callable[[bytes], str],
) -> tuple[tuple[RenderedFile, ...], Next]:
    """Return the files of the desired configuration, and the action that brings the service to it.

    There are no files where a new generation is due for its version: it renders its own.
    """
    action = version_action(desired, version_of(active[0]) if active else None)
    if action is not None:
        return (), action
    assert active is not None  # else a start is due
    instance, definition = active
    fresh = with_frontends(world.renderer, definition, router, instance)
    files = world.renderer.files(definition, router, fresh)
    changed = changes(
        definition.manifest,
        files,
        world.folders.written(instance),
        {file.path: digest(file.content) for file in files},
        world.folders.sources(instance),
    )
    return files, configuration_action(changed, fresh.frontends, instance.frontends)


def is_configured(
    world: World,
    instance: Instance,
    definition: ServiceDefinition,
    router: RouterConfig,
    digest: Callable[[bytes], str],
) -> bool:
    """True if an instance has this configuration, but for files whose change its daemon notices by itself.

    False if the configuration cannot be rendered for it: the failure is logged when it is to be given that.
    """
    try:
        action = compare(world, (instance, definition), version_of(instance), router, digest)[1]
    except SupervisorError:
        return False
    return isinstance(action, Nothing | Write)
