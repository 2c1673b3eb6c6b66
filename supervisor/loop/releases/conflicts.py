"""Refuses a release of which two services ask for the same frontend, before anything of it is loaded."""

from __future__ import annotations

from collections.abc import Iterable

from supervisor.decisions.addresses import allocate_link
from supervisor.decisions.traffic import conflicts
from supervisor.loop.generations.allocation import with_frontends
from supervisor.loop.world import World
from supervisor.values.errors import BundleError, NetworkError, RenderError
from supervisor.values.listing import listed
from supervisor.values.manifest import NetworkMode, ServiceDefinition
from supervisor.values.names import Digest
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance

NO_DIGEST = Digest("sha256:" + "0" * 64)


def refuse_conflicts(
    world: World, release: str, definitions: Iterable[ServiceDefinition], router: RouterConfig
) -> None:
    """Check that no two services of a release ask for one endpoint on a router configured as this one is now.

    Conflicts on another configuration are seen when a service is to be given traffic.
    Raises BundleError: with all conflicts.
    """
    imagined = (_imagined(world, definition, router) for definition in definitions)
    if clashes := conflicts([instance for instance in imagined if instance]):
        raise BundleError(f"cannot import release {release}: {listed(clashes)}")


def _imagined(world: World, definition: ServiceDefinition, router: RouterConfig) -> Instance | None:
    """Return a generation that will never be, with the frontends it would have; None: they are not known yet."""
    manifest, settings = definition.manifest, world.settings
    is_isolated = manifest.network is NetworkMode.ISOLATED
    try:
        link = allocate_link(manifest.name, 0, (), (), settings.pool, settings.namespaces) if is_isolated else None
        ports = tuple((port.name, port.number or 0) for port in manifest.ports)
        imagined = Instance(
            manifest.name, 0, "", release="", image=NO_DIGEST, definition=NO_DIGEST, link=link, ports=ports
        )
        return with_frontends(world.renderer, definition, router, imagined)
    except (NetworkError, RenderError):
        return None
