"""Refuses a release whose services would claim the same frontend, before anything of it is loaded."""

from __future__ import annotations

from collections.abc import Iterable

from supervisor.decisions.addresses import allocate_link
from supervisor.decisions.traffic import conflicts
from supervisor.loop.generations.allocation import with_frontends
from supervisor.loop.world import World
from supervisor.values.errors import BundleError, NetworkError, RenderError
from supervisor.values.manifest import NetworkMode, ServiceDefinition
from supervisor.values.names import Digest
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance

NOTHING = Digest("sha256:" + "0" * 64)


def refuse_conflicts(
    world: World, release: str, definitions: Iterable[ServiceDefinition], router: RouterConfig
) -> None:
    """BundleError when two services ask for one endpoint on a router that is configured as this one is now.

    What a service of it asks for on another configuration is seen when it is to be given traffic.
    """
    found = conflicts([one for definition in definitions if (one := _imagined(world, definition, router))])
    if found:
        raise BundleError(f"cannot import release {release}: " + "; ".join(str(conflict) for conflict in found))


def _imagined(world: World, definition: ServiceDefinition, router: RouterConfig) -> Instance | None:
    """A generation that will never be, with the frontends it would have; None where they cannot be told yet."""
    manifest, settings = definition.manifest, world.settings
    is_isolated = manifest.network is NetworkMode.ISOLATED
    try:
        link = allocate_link(manifest.name, 0, (), (), settings.pool, settings.namespaces) if is_isolated else None
        ports = tuple((port.name, port.number or 0) for port in manifest.ports)
        imagined = Instance(manifest.name, 0, "", release="", image=NOTHING, definition=NOTHING, link=link, ports=ports)
        return with_frontends(world.renderer, definition, router, imagined)
    except (NetworkError, RenderError):
        return None
