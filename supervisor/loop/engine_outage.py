"""Whether the engine was away: what ended meanwhile may have ended with it, and is not counted as a service's failure.

An engine that is being started may refuse callers or let them wait, and ends what it finds before it answers. So no
service can tell by its own question alone; all of them together can.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from supervisor.values.errors import EngineUnavailableError

SILENCE_SECONDS = 1.0  # who waits this long for an answer that takes milliseconds speaks to an engine that is away
RECENT_SECONDS = 5.0


class EngineOutage:
    """Shared by all services."""

    def __init__(self) -> None:
        self._waiting: dict[int, float] = {}  # since when
        self._until: float | None = None
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    @contextmanager
    def noticed(self, now: Callable[[], float]) -> Iterator[None]:
        """Around a question to the engine."""
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
                # One that waits since long makes the others' answers late news as well.
                if is_refused or now() - min(self._waiting.values()) >= SILENCE_SECONDS:
                    self._until = now()
                del self._waiting[number]

    def is_recent(self, now: float) -> bool:
        return self._until is not None and now - self._until < RECENT_SECONDS
