"""Waits for media that come while the supervisor runs, and offers them on its own thread, one batch after the other.

While a batch is handled, further messages wait with the kernel; when they are too many for it, it reports a loss, and
everything is looked at.
"""

from __future__ import annotations

import functools
import logging
import os
import selectors
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from supervisor.edges.media_watch.drives import Drives
from supervisor.edges.media_watch.folder import MediaFolder

log = logging.getLogger(__name__)

Source = TypeVar("Source", Drives, MediaFolder)

LONGEST_OFFER = 5.0  # how long the end of the supervisor waits for a batch that is being taken in


class MediaWatcher:
    """Satisfies `ports.media.MediaWatch`: devices among `media`, and files in `folder`.

    The folder is listed now and then, too: a notification may be lost.
    """

    def __init__(self, media: Sequence[Path], folder: Path | None, interval: float = 60.0) -> None:
        self._media, self._path, self._interval = media, folder, interval
        self._selector = selectors.DefaultSelector()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._selector.register(self._wake, selectors.EVENT_READ, None)
        self._drives: Drives | None = None
        self._folder: MediaFolder | None = None
        self._thread: threading.Thread | None = None

    def start(self, offer: Callable[[Sequence[str]], None]) -> tuple[str, ...]:
        if self._media:
            self._drives = self._open("drives", functools.partial(Drives, self._media))
        if self._path:
            self._folder = self._open(str(self._path), functools.partial(MediaFolder, self._path))
        paths = self._folder.look() if self._folder else ()
        self._thread = threading.Thread(target=self._watch, args=(offer,), name="media-watch", daemon=True)
        self._thread.start()
        return paths

    def close(self) -> None:
        os.eventfd_write(self._wake, 1)
        if self._thread:
            self._thread.join(LONGEST_OFFER)
        else:
            self._release()

    def _open(self, what: str, make: Callable[[], Source]) -> Source | None:
        """Open a source; None: the kernel refuses, and the router runs without noticing its media."""
        try:
            source = make()
        except OSError as error:
            log.error("media not watched", extra={"what": what, "reason": error.strerror})
            return None
        self._selector.register(source, selectors.EVENT_READ, source.read)
        return source

    def _watch(self, offer: Callable[[Sequence[str]], None]) -> None:
        due = time.monotonic() + self._interval
        while True:
            ready = self._selector.select(max(0.0, due - time.monotonic()) if self._folder else None)
            if any(key.data is None for key, _ in ready):
                break
            paths = [path for key, _ in ready for path in key.data()]
            if self._folder and time.monotonic() >= due:
                paths += self._folder.look()
                due = time.monotonic() + self._interval
            self._offer(offer, paths)
        self._release()

    def _offer(self, offer: Callable[[Sequence[str]], None], paths: Sequence[str]) -> None:
        if not paths:
            return
        try:
            offer(paths)
        except Exception:  # one medium must not end the watch for the next
            log.exception("offer failed", extra={"media": list(paths)})

    def _release(self) -> None:
        for source in (self._drives, self._folder):
            if source:
                source.close()
        self._selector.close()
        os.close(self._wake)
