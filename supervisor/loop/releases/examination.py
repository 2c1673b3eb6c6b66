"""The one judgement of a bundle, for verifying it and for importing it: nothing is loaded before it is over."""

from __future__ import annotations

from collections.abc import Generator

from supervisor.decisions.doubt import doubt
from supervisor.loop.releases.acceptance import Definitions, refuse_untrusted, trust_with
from supervisor.loop.releases.conflicts import refuse_conflicts
from supervisor.loop.releases.judgement import read_all
from supervisor.loop.releases.verification import verified
from supervisor.loop.world import World
from supervisor.ports.media import OpenedBundle
from supervisor.values.bundle import BundleIndex, age
from supervisor.values.errors import BundleError
from supervisor.values.release import InstanceState
from supervisor.values.router import RouterConfig
from supervisor.values.status import Progress
from supervisor.values.trust import TrustState


def examine(
    world: World,
    bundle: OpenedBundle,
    medium: str,
    router: RouterConfig,
    *,
    allow_downgrade: bool,
    accepts_clock: bool = False,
) -> Generator[Progress, None, Definitions]:
    """Yield the progress of judging an opened bundle; return the definitions of its services by their digests.

    Raises TrustError: as `refuse_untrusted`. Raises BundleError: a file, an image or a definition is not as it must
    be, the release is older than what runs, or its services conflict on this router. Raises ManifestError: a manifest
    has faults. Raises EngineError: the disk has no room for its images, or the engine cannot be asked.
    Raises OverCeilingError: its services ask for more than the settings allow.
    """
    refuse_untrusted(world, bundle, medium, accepts_clock=accepts_clock)
    if not allow_downgrade:
        _refuse_older(world, bundle.index, trust_with(world, bundle, medium))
    _require_room(world, bundle)
    yield from verified(bundle)
    definitions, read = read_all(world, bundle)
    refuse_conflicts(world, bundle.index.release, read, router)
    _require_room(world, bundle)  # again: of an index that does not say what layers unpack to, it is known only now
    return definitions


def _refuse_older(world: World, index: BundleIndex, trust: TrustState) -> None:
    store = world.store
    running = {instance.release for instance, state in store.instances() if state is InstanceState.ACTIVE}
    for release in store.releases():
        if doubt(release, trust, world.settings.trust_policy):
            continue
        if release.name in running | {store.current_release()} and age(index.release, index.created) < age(
            release.name, release.created
        ):
            raise BundleError(
                f"cannot import release {index.release}: it is older than {release.name}, which runs; "
                "use --allow-downgrade if that is meant"
            )


def _require_room(world: World, bundle: OpenedBundle) -> None:
    present = set(world.engine.images())
    lacking = [service.name for service in bundle.index.services if service.image not in present]
    world.engine.require_room(bundle.room(lacking))
