"""Brings every service to one release, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from supervisor.loop.world import World
from supervisor.values.names import ServiceName
from supervisor.values.release import Release, Version
from supervisor.values.status import Progress

HandOver = Callable[[ServiceName, Version], Iterator[Progress]]


def upgrade(world: World, target: Release, hand_over: HandOver) -> Iterator[Progress]:
    """The first service that fails ends it, and the rest stay as they are."""
    began, pinned = world.clock.monotonic(), []
    for number, (service, version) in enumerate(target.services):
        if world.store.pinned(service):
            pinned.append(service)
            yield Progress(service, "pinned", f"{service} is pinned and stays as it is")
            continue
        for progress in hand_over(service, version):
            fraction = (number + (progress.fraction or 0.0)) / len(target.services)
            yield Progress(service, progress.phase, progress.message, fraction, progress.elapsed)
            if progress.error:
                text = f"upgrade to {target.name} ended at {service}"
                yield Progress("", "failed", text, is_final=True, error=progress.error)
                return
    world.store.set_current_release(target.name)
    elapsed = world.clock.monotonic() - began
    which = f"all services but {', '.join(pinned)} run" if pinned else "all services run"
    yield Progress("", "succeeded", f"{which} release {target.name}", 1.0, elapsed, is_final=True)
