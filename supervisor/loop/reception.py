"""Where media arrive: those of the settings at start, and those that the watch notices later."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from supervisor.loop.library import Library
from supervisor.loop.world import World
from supervisor.ports import MediaWatch
from supervisor.values.errors import NoMediumError, SupervisorError
from supervisor.values.router import RouterConfig
from supervisor.values.status import EventRecord

log = logging.getLogger(__name__)


class Reception:
    """Takes media in, one after the other, and calls `employ` after each batch of them."""

    def __init__(
        self,
        world: World,
        library: Library,
        watch: MediaWatch,
        router: Callable[[], RouterConfig],
        employ: Callable[[], None],
    ) -> None:
        self._world, self._library, self._watch = world, library, watch
        self._router, self._employ = router, employ
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def begin(self, media: Sequence[str]) -> None:
        """Take in what is there, as one batch: the oldest release of all is the one to follow."""
        self.take_in((*media, *self._watch.start(self.take_in)))

    def close(self) -> None:
        """End an import where it is; the next supervisor begins it anew."""
        self._closing.set()
        self._watch.close()

    def take_in(self, media: Sequence[str]) -> None:
        with self._lock:
            for path in media:
                self._import(path)
            self._employ()

    def _import(self, path: str) -> None:
        """Import it unless that was done before. One that cannot be used is told; what is stored still runs."""
        try:
            for progress in self._library.attach(path, self._router()):
                log.debug("import", extra={"medium": path, "done": progress.message})
                if self._closing.is_set():
                    return
        except NoMediumError as error:
            log.debug("drive empty", extra={"medium": path, "reason": str(error)})
        except SupervisorError as error:
            log.error("medium refused", extra={"medium": path, "reason": str(error)})
            self._world.store.log_event(EventRecord(self._world.clock.now(), "", "medium-refused", str(error)))
