"""What hands over one service after another: one at a time, and it goes on when nobody watches."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from supervisor.loop.supervision.detached import detached
from supervisor.values.errors import RequestError
from supervisor.values.status import Progress


class Jobs:
    def __init__(self) -> None:
        self._lock = threading.Lock()

    def begin(self, name: str, work: Iterator[Progress], wait: bool) -> Iterator[Progress]:
        """Begin it now. RequestError: another one is under way."""
        if not self._lock.acquire(blocking=False):
            raise RequestError(f"cannot {name}: another upgrade or move is under way already")
        running = detached(self._alone(work))
        return running if wait else iter([Progress("", "accepted", f"{name} accepted", is_final=True)])

    def _alone(self, work: Iterator[Progress]) -> Iterator[Progress]:
        try:
            yield from work
        finally:
            self._lock.release()
