"""Where media arrive: those of the settings at start, and those that the watch notices later."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from supervisor.loop.releases.library import Library
from supervisor.ports.media import MediaWatch
from supervisor.values.errors import NoMediumError, SupervisorError
from supervisor.values.router import RouterConfig

log = logging.getLogger(__name__)

MOST_OFFERED = 64  # paths that are remembered
CLOSE_SECONDS = 15.0  # whoever reads a medium lets go of it


class MediaQueue:
    """Takes media in, one after the other, and calls `employ` after each batch; `tell` keeps an event."""

    def __init__(
        self,
        library: Library,
        watch: MediaWatch,
        router: Callable[[], RouterConfig],
        employ: Callable[[], None],
        tell: Callable[[str, str, str], None],
    ) -> None:
        self._library, self._watch = library, watch
        self._router, self._employ, self._tell = router, employ, tell
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self.offered: tuple[str, ...] = ()  # what was there at start or came later, the newest last

    def begin(self, media: Sequence[str]) -> None:
        """Take in what is there, as one batch: the oldest release of all is the one to follow. Nobody waits for it."""
        threading.Thread(target=self._begin, args=(media,), name="media", daemon=True).start()

    def _begin(self, media: Sequence[str]) -> None:
        self.take_in((*media, *self._watch.start(self.take_in)))

    def close(self) -> None:
        """End an import where it is; the next supervisor begins it anew."""
        self._closing.set()
        if self._lock.acquire(timeout=CLOSE_SECONDS):
            self._lock.release()
        self._watch.close()

    def take_in(self, media: Sequence[str]) -> None:
        self.offered = tuple(dict.fromkeys((*self.offered, *media)))[-MOST_OFFERED:]
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
            self._tell("", "medium-refused", str(error))
        except Exception:
            log.exception("unexpected failure", extra={"medium": path})
