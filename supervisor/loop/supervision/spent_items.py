"""Forgets items of the configuration that a service has used up: an acknowledged password is kept nowhere.

A daemon lists what it used up in the folder `spent` of a volume whose manifest says so (`spent: true`). The
configuration and its kept form lose the item first, the list second: a supervisor that is killed between the two
repeats both.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol

from supervisor.loop.care.keeper import Keeper
from supervisor.loop.world import World
from supervisor.values.errors import SupervisorError
from supervisor.values.manifest import StateVolume
from supervisor.values.state import Instance

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class HasKeeper(Protocol):
    """A worker, as far as this module needs one."""

    @property
    def keeper(self) -> Keeper | None:
        """The keeper of the active instance; None while nothing serves."""


class SpentItems:
    """Looks into the volumes of what serves once a second, from a thread of its own."""

    def __init__(
        self,
        world: World,
        workers: Callable[[], Iterable[HasKeeper]],
        forget: Callable[[Collection[str]], None],
        closing: threading.Event,
    ) -> None:
        self._world, self._workers, self._forget, self._closing = world, workers, forget, closing

    def start(self) -> None:
        threading.Thread(target=self._run, name="spent", daemon=True).start()

    def _run(self) -> None:
        told = ""
        while not self._closing.wait(LOOK_SECONDS):
            try:
                self.turn()
            except SupervisorError as error:  # the disk, say: the list is still there the next time
                if told != (told := str(error)):  # once for each reason, however long it lasts
                    log.warning("used-up items not forgotten", extra={"reason": told})
            except Exception as error:
                if told != (told := repr(error)):
                    log.exception("unexpected failure")
            else:
                told = ""

    def turn(self) -> None:
        """Forget what is listed now, and what was replaced since. SupervisorError: not all of it; may be repeated."""
        listed = [(place, names) for place in self._places() if (names := self._world.folders.spent(*place))]
        if listed:
            self._forget_listed(listed)
        self._world.store.erase_replaced()

    def _forget_listed(self, listed: Sequence[tuple[tuple[Instance, StateVolume], tuple[str, ...]]]) -> None:
        self._forget(frozenset(name for _, names in listed for name in names))
        for place, names in listed:
            self._world.folders.remove_spent(*place, names)
        log.info("used-up items forgotten", extra={"count": sum(len(names) for _, names in listed)})

    def _places(self) -> Iterable[tuple[Instance, StateVolume]]:
        for worker in self._workers():
            if keeper := worker.keeper:
                for volume in keeper.definition.manifest.state:
                    if volume.has_spent:
                        yield keeper.instance, volume
