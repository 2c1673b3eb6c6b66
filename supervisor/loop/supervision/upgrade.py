"""Brings every service to one release, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from supervisor.ports.store import Store
from supervisor.ports.system import Clock
from supervisor.values.names import ServiceName
from supervisor.values.release import Release, Version
from supervisor.values.status import Progress

HandOver = Callable[[ServiceName, Version], Iterator[Progress]]


def upgrade(store: Store, clock: Clock, target: Release, hand_over: HandOver) -> Iterator[Progress]:
    """Hand the services over in the order of the release, and then follow it.

    The first one that fails ends the upgrade, and the rest stay as they are. A pinned one is passed over.
    """
    began, pinned = clock.monotonic(), []
    for number, (service, version) in enumerate(target.services):
        if store.pinned(service):
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
    store.set_current_release(target.name)
    elapsed = clock.monotonic() - began
    which = f"all services but {', '.join(pinned)} run" if pinned else "all services run"
    yield Progress("", "succeeded", f"{which} release {target.name}", 1.0, elapsed, is_final=True)
