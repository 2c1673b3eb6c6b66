"""Notes when the engine was away: what ended meanwhile may have ended with it, and is no failure of a service.

An engine that is being started may refuse callers or let them wait, and ends what it finds before it answers. No
service sees that by its own question alone; all of them together do.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from supervisor.values.errors import EngineUnavailableError

SILENCE_SECONDS = 1.0  # an answer takes milliseconds: an engine that needs this long is away
RECENT_SECONDS = 5.0


class EngineOutage:
    """The last time that the engine was noticed to be away. Shared by all services."""

    def __init__(self) -> None:
        self._waiting: dict[int, float] = {}  # since when each question waits, by its number
        self._until: float | None = None  # when it was away last
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    @contextmanager
    def noticed(self, now: Callable[[], float]) -> Iterator[None]:
        """Take note, around a question to the engine, of an answer that is late or refused; `now` is the clock."""
        number, began = next(self._numbers), now()
        with self._lock:
            self._waiting[number] = began
        is_refused = False
        try:
            yield
        except EngineUnavailableError:
            is_refused = True
            raise
        finally:
            with self._lock:
                # While one question waits for long, answers to the others are late news as well.
                if is_refused or now() - min(self._waiting.values()) >= SILENCE_SECONDS:
                    self._until = now()
                del self._waiting[number]

    def is_recent(self, now: float) -> bool:
        """True if the engine was away within the last `RECENT_SECONDS`, in monotonic seconds."""
        return self._until is not None and now - self._until < RECENT_SECONDS
