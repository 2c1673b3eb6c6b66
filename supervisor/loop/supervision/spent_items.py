"""Forgets items of the configuration that a service has used up: an acknowledged password is kept nowhere.

A daemon lists what it used up in the folder `spent` of a volume whose manifest says so (`spent: true`). The
configuration and its stored form lose the item first, the list second: a supervisor that is killed between the two
repeats both.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Sequence

from supervisor.decisions.status import ServiceSnapshot
from supervisor.ports.files import Folders
from supervisor.ports.store import Store
from supervisor.values.errors import SupervisorError
from supervisor.values.manifest import StateVolume
from supervisor.values.state import Instance

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class SpentItems:
    """Forgets items that a service has used up.

    It looks into the volumes of active instances every `look_seconds`, from a thread of its own.

    `forget` takes items out of the configuration, and out of its stored form.
    """

    def __init__(
        self,
        folders: Folders,
        store: Store,
        snapshots: Callable[[], Iterable[ServiceSnapshot]],
        forget: Callable[[Collection[str]], None],
        closing: threading.Event,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._folders, self._store = folders, store
        self._snapshots, self._forget = snapshots, forget
        self._closing, self._look_seconds = closing, look_seconds

    def start(self) -> None:
        """Begin the thread; it ends when `closing` is set."""
        threading.Thread(target=self._run, name="spent", daemon=True).start()

    def _run(self) -> None:
        failure = ""  # logged last
        while not self._closing.wait(self._look_seconds):
            try:
                self.turn()
            except SupervisorError as error:  # the disk, say: the list is still there the next time
                if failure != (failure := str(error)):  # once for each reason, however long it lasts
                    log.warning("used-up items not forgotten", extra={"reason": failure})
            except Exception as error:
                if failure != (failure := repr(error)):
                    log.exception("unexpected failure")
            else:
                failure = ""

    def turn(self) -> None:
        """Forget what is listed now, and erase what was replaced since. May be repeated.

        Raises SupervisorError: not all of it was.
        """
        listed = [(place, names) for place in self._places() if (names := self._folders.spent(*place))]
        if listed:
            self._forget_listed(listed)
        self._store.erase_replaced()

    def _forget_listed(self, listed: Sequence[tuple[tuple[Instance, StateVolume], tuple[str, ...]]]) -> None:
        self._forget(frozenset(name for _, names in listed for name in names))
        for place, names in listed:
            self._folders.remove_spent(*place, names)
        log.info("used-up items forgotten", extra={"count": sum(len(names) for _, names in listed)})

    def _places(self) -> Iterable[tuple[Instance, StateVolume]]:
        for snapshot in self._snapshots():
            if active := snapshot.active:
                volumes = active.definition.manifest.state
                yield from ((active.instance, volume) for volume in volumes if volume.has_spent)
