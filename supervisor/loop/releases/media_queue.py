"""Imports media one after the other: those of the settings at the start, and those that the watch notices later."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from supervisor.loop.releases.library import Library
from supervisor.ports.media import MediaWatch
from supervisor.values.errors import ClockBehindError, MissingBaseError, NoMediumError, SupervisorError
from supervisor.values.router import RouterConfig

log = logging.getLogger(__name__)

MOST_OFFERED = 64  # paths that are remembered
CLOCK_SECONDS, MOST_CLOCK_SECONDS = 30.0, 600.0  # a clock is set soon after boot, or after a while by a person
CLOSE_SECONDS = 15.0  # an import that is under way ends by then


class MediaQueue:
    """Imports offered media, one after the other.

    May be used from any thread. A medium that is not made yet by the clock is looked at again until it is, after
    `clock_pause` seconds and then less often. `employ` is called after each batch; `record` writes an event to the
    audit log.
    """

    def __init__(
        self,
        library: Library,
        watch: MediaWatch,
        router: Callable[[], RouterConfig],
        employ: Callable[[], None],
        record: Callable[[str, str, str], None],
        clock_pause: float = CLOCK_SECONDS,
    ) -> None:
        self._library, self._watch = library, watch
        self._router, self._employ, self._record = router, employ, record
        self._lock = threading.Lock()
        self._closing, self._clock_pause = threading.Event(), clock_pause
        self._waiting: dict[str, MissingBaseError] = {}  # deltas by path, and what they lack
        self._told: frozenset[str] = frozenset()
        self._early: frozenset[str] = frozenset()  # media that are not made yet by this router's clock
        self.offered: tuple[str, ...] = ()  # paths of media that were there at the start or came later, newest last

    def begin(self, media: Sequence[str]) -> None:
        """Import the media that are there, as one batch, on a thread: the oldest release of all is followed."""
        threading.Thread(target=self._begin, args=(media,), name="media", daemon=True).start()

    def _begin(self, media: Sequence[str]) -> None:
        self.take_in((*media, *self._watch.start(self.take_in)))

    def close(self) -> None:
        """Break off an import that is under way, and end the watch; the next supervisor begins the import anew."""
        self._closing.set()
        if self._lock.acquire(timeout=CLOSE_SECONDS):
            self._lock.release()
        self._watch.close()

    def take_in(self, media: Sequence[str]) -> None:
        """Import these media as one batch, after those that are under way. May be repeated; errors are recorded."""
        self.offered = tuple(dict.fromkeys((*self.offered, *media)))[-MOST_OFFERED:]
        with self._lock:
            for path in media:
                self._import(path)
            self._import_waiting()
            self._employ()

    def _import_waiting(self) -> None:
        """Import the deltas whose base was not there before, as long as one of them is the base of another."""
        waiting: dict[str, MissingBaseError] = {}
        while self._waiting.keys() != waiting.keys():
            waiting = self._waiting
            self._waiting = {}
            for path in waiting:
                self._import(path)
        for path, error in self._waiting.items():
            if path not in self._told:
                log.error("medium refused", extra={"medium": path, "reason": str(error)})
                self._record("", "medium-refused", str(error))
        self._told = frozenset(self._waiting)

    def _import(self, path: str) -> None:
        """Import a medium unless that was done before; that it cannot be used is recorded, and stops nothing."""
        self._waiting.pop(path, None)
        try:
            for progress in self._library.attach(path, self._router()):
                log.debug("import", extra={"medium": path, "done": progress.message})
                if self._closing.is_set():
                    return
        except MissingBaseError as error:
            self._waiting = dict([*self._waiting.items(), (path, error)][-MOST_OFFERED:])
        except NoMediumError as error:
            log.debug("drive empty", extra={"medium": path, "reason": str(error)})
        except ClockBehindError as error:
            if path not in self._early:
                self._refused(path, error)
            self._wait_for_clock(path)
            return
        except SupervisorError as error:
            self._refused(path, error)
        except Exception:
            log.exception("unexpected failure", extra={"medium": path})
        self._early -= {path}

    def _refused(self, path: str, error: SupervisorError) -> None:
        log.error("medium refused", extra={"medium": path, "reason": str(error)})
        self._record("", "medium-refused", str(error))

    def _wait_for_clock(self, path: str) -> None:
        """Look at a medium again now and then: by the clock it is not made yet, and a clock may be set after boot."""
        is_first, self._early = not self._early, self._early | {path}
        if is_first:
            threading.Thread(target=self._look_again, name="media-clock", daemon=True).start()

    def _look_again(self) -> None:
        pause = self._clock_pause
        while self._early and not self._closing.wait(pause):
            self.take_in(sorted(self._early))
            pause = min(2 * pause, MOST_CLOCK_SECONDS)
