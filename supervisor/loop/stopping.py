"""Takes the containers of one service along, for a router that is to be left empty."""

from __future__ import annotations

from supervisor.loop.definitions import Definitions
from supervisor.loop.instances import discard
from supervisor.loop.world import World
from supervisor.values.names import ServiceName
from supervisor.values.release import InstanceState


def stop(world: World, service: ServiceName, definition_of: Definitions) -> None:
    """What serves keeps its state, and its record: the next start begins from it."""
    for instance, state in world.store.instances(service):
        definition = definition_of(instance.definition)
        world.engine.stop(instance.container_name, definition.manifest.stop.timeout)
        world.engine.remove(instance.container_name)
        if state is not InstanceState.ACTIVE:
            discard(world, instance, definition)
            continue
        if instance.link:
            world.links.remove(instance.link)
        world.folders.remove(instance, definition.manifest, keep_state=True)
