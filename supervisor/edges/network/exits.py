"""Calls back when a process ends, within milliseconds: one thread, one pidfd for each watched process.

Engine events take 100 to 250 ms; a pidfd becomes readable in under a millisecond.
"""

from __future__ import annotations

import logging
import os
import selectors
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from supervisor.values.errors import NetworkError

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Watched:
    pid: int
    callback: Callable[[], None]
    descriptor: int | None = None
    is_cancelled: threading.Event = field(default_factory=threading.Event)


class PidfdExitWatch:
    """Satisfies `ports.system.ExitWatch`. Callbacks run on the watching thread and must be short."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._wake_reader, self._wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(self._wake_reader, selectors.EVENT_READ, None)
        self._is_closing = False
        self._thread = threading.Thread(target=self._loop, name="exit-watch", daemon=True)
        self._thread.start()

    def watch(self, pid: int, callback: Callable[[], None]) -> AbstractContextManager[None]:
        """Call `callback` once when `pid` ends, unless the context is left before; at once if it has ended already."""
        return self._watching(pid, callback)

    def close(self) -> None:
        """End the watch and its thread; may not be repeated."""
        self._is_closing = True
        self._wake()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            os.close(key.fd)
        self._selector.close()
        os.close(self._wake_writer)

    @contextmanager
    def _watching(self, pid: int, callback: Callable[[], None]) -> Iterator[None]:
        watched = _Watched(pid, callback)
        try:
            watched.descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            callback()
            yield
            return
        except OSError as error:
            raise NetworkError(f"cannot watch process {pid}: {error}") from error
        with self._lock:
            self._selector.register(watched.descriptor, selectors.EVENT_READ, watched)
        self._wake()
        try:
            yield
        finally:
            watched.is_cancelled.set()
            self._forget(watched)

    def _loop(self) -> None:
        while not self._is_closing:
            for key, _ in self._selector.select():
                if key.data is None:
                    os.read(self._wake_reader, 4096)
                else:
                    self._ended(key.data)

    def _ended(self, watched: _Watched) -> None:
        if not self._forget(watched) or watched.is_cancelled.is_set():
            return
        try:
            watched.callback()
        except Exception:  # one faulty callback must not end the watch over every other process
            log.exception("exit callback failed", extra={"pid": watched.pid})

    def _forget(self, watched: _Watched) -> bool:
        with self._lock:
            descriptor, watched.descriptor = watched.descriptor, None
            if descriptor is None:
                return False
            self._selector.unregister(descriptor)
            os.close(descriptor)
            return True

    def _wake(self) -> None:
        try:
            os.write(self._wake_writer, b"\0")
        except BlockingIOError:  # enough wake-ups are waiting to be read
            return
