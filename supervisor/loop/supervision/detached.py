"""Long work that goes on when nobody watches it any more."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

from supervisor.values.status import Progress


def detached(work: Iterator[Progress]) -> Iterator[Progress]:
    """Begin `work` on a thread of its own now; the iterator only listens, and raises what the work raised."""
    told: queue.SimpleQueue[Progress | BaseException | None] = queue.SimpleQueue()

    def carry_out() -> None:
        try:
            for progress in work:
                told.put(progress)
        except BaseException as error:  # the listener raises it
            told.put(error)
        else:
            told.put(None)

    threading.Thread(target=carry_out, name="detached", daemon=True).start()
    return _listen(told)


def _listen(told: queue.SimpleQueue[Progress | BaseException | None]) -> Iterator[Progress]:
    while (item := told.get()) is not None:
        if isinstance(item, BaseException):
            raise item
        yield item
