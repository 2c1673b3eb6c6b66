"""Takes the containers of one service along, for a router that is to be left empty."""

from __future__ import annotations

from supervisor.loop.generations.definitions import Definitions
from supervisor.loop.world import World
from supervisor.values.names import ServiceName


def stop(world: World, service: ServiceName, definition_of: Definitions) -> None:
    """Stop and remove every container of the service. May be repeated.

    Every instance keeps its state and its record, and a hand-over stays in the journal: as after a loss of power, the
    next start ends it, begins from what either has stored, and clears away what belongs to none.
    """
    for instance, _ in world.store.instances(service):
        definition = definition_of(instance.definition)
        world.engine.stop(instance.container_name, definition.manifest.stop.timeout)
        world.engine.remove(instance.container_name)
        if instance.link:
            world.kernel.links.remove(instance.link)
        world.folders.remove(instance, definition.manifest, with_state=False)
