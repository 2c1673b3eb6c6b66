"""Jobs: long work that is done once at a time, and goes on when nobody watches it any more."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator

from supervisor.values.errors import RequestError, SupervisorError
from supervisor.values.status import Progress

log = logging.getLogger(__name__)


class Jobs:
    """Carries out upgrades and moves, of which there is one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def begin(self, name: str, work: Iterator[Progress], wait: bool) -> Iterator[Progress]:
        """Begin the work now; without `wait` return that it is accepted.

        Raises RequestError: other work is under way.
        """
        if not self._lock.acquire(blocking=False):
            raise RequestError(f"cannot {name}: another upgrade or move is under way already")
        running = detached(self._alone(work))
        return running if wait else iter([Progress("", "accepted", f"{name} accepted", is_final=True)])

    def _alone(self, work: Iterator[Progress]) -> Iterator[Progress]:
        try:
            yield from work
        finally:
            self._lock.release()


def detached(work: Iterator[Progress]) -> Iterator[Progress]:
    """Begin `work` on a thread of its own now; the iterator only listens, and raises what the work raised."""
    results: queue.SimpleQueue[Progress | BaseException | None] = queue.SimpleQueue()

    def carry_out() -> None:
        try:
            for progress in work:
                results.put(progress)
        except BaseException as error:  # the listener raises it, if there is one
            log.error("work ended", extra={"reason": str(error)}, exc_info=not isinstance(error, SupervisorError))
            results.put(error)
        else:
            results.put(None)

    threading.Thread(target=carry_out, name="detached", daemon=True).start()
    return _listen(results)


def _listen(results: queue.SimpleQueue[Progress | BaseException | None]) -> Iterator[Progress]:
    while (result := results.get()) is not None:
        if isinstance(result, BaseException):
            raise result
        yield result
