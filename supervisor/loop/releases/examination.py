"""The one judgement of a bundle, for verifying it and for importing it: nothing is loaded before it is over."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator, Mapping

from supervisor.loop.releases.conflicts import refuse_conflicts
from supervisor.loop.releases.judgement import read_all
from supervisor.loop.world import World
from supervisor.ports.media import OpenedBundle
from supervisor.values.bundle import BundleIndex, age
from supervisor.values.errors import BundleError
from supervisor.values.names import Digest
from supervisor.values.release import InstanceState
from supervisor.values.router import RouterConfig
from supervisor.values.status import Progress

Definitions = dict[Digest, Mapping[str, bytes]]


def examine(
    world: World, bundle: OpenedBundle, router: RouterConfig, *, allow_downgrade: bool
) -> Generator[Progress, None, Definitions]:
    """Yield the progress of judging an opened bundle; return the definitions of its services by their digests.

    Raises BundleError: a file, an image or a definition is not as it must be, the release is older than what runs, or
    its services conflict on this router. Raises ManifestError: a manifest has faults. Raises EngineError: the disk has
    no room for its images, or the engine cannot be asked.
    Raises OverCeilingError: its services ask for more than the settings allow.
    """
    if not allow_downgrade:
        _refuse_older(world, bundle.index)
    _require_room(world, bundle)
    yield from _verify(bundle)
    definitions, read = read_all(world, bundle)
    refuse_conflicts(world, bundle.index.release, read, router)
    _require_room(world, bundle)  # again: of an index that does not say what layers unpack to, it is known only now
    return definitions


def _refuse_older(world: World, index: BundleIndex) -> None:
    store = world.store
    running = {instance.release for instance, state in store.instances() if state is InstanceState.ACTIVE}
    for release in store.releases():
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


def _verify(bundle: OpenedBundle) -> Iterator[Progress]:
    """Yield progress from a verification that reports by callback: it runs on a thread of its own."""
    reports: queue.SimpleQueue[tuple[int, int] | Exception | None] = queue.SimpleQueue()

    def verify() -> None:
        try:
            bundle.verify_all(lambda done, total: reports.put((done, total)))
        except Exception as error:  # the caller waits for any of them
            reports.put(error)
        else:
            reports.put(None)

    thread = threading.Thread(target=verify, name="verify", daemon=True)
    thread.start()
    reported = -1.0
    while (report := reports.get()) is not None:
        if isinstance(report, Exception):
            raise report
        fraction = report[0] / max(1, report[1])
        if fraction - reported >= 0.05:
            reported = fraction
            yield Progress("", "verify", f"{report[0] >> 20} of {report[1] >> 20} MiB hashed", fraction)
    thread.join()
