"""The inbox of a worker: requests of other threads are carried out on the worker's thread, in order."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from supervisor.values.errors import BusyError

T = TypeVar("T")

ANSWER_SECONDS = 60.0


class Inbox:
    """Requests may be put from any thread; only the worker's takes them out."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._requests: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def put(self, request: Callable[[], None]) -> None:
        """Leave a request, and do not wait for it."""
        self._requests.put(request)

    def ask(self, question: Callable[[], T]) -> T:
        """Return or raise what `question` does on the worker's thread. Raises BusyError: no answer in time.

        What was not begun by then is not carried out.
        """
        answer: Future[T] = Future()

        def reply() -> None:
            if not answer.set_running_or_notify_cancel():
                return  # too late: the caller has got a BusyError
            try:
                answer.set_result(question())
            except Exception as error:
                answer.set_exception(error)

        self.put(reply)
        try:
            return answer.result(timeout=ANSWER_SECONDS)
        except TimeoutError as error:
            answer.cancel()
            raise BusyError(self._owner, f"its worker did not answer for {ANSWER_SECONDS:g} s") from error

    @property
    def is_empty(self) -> bool:
        """True if no request waits."""
        return self._requests.empty()

    def get(self, timeout: float) -> Callable[[], None] | None:
        """Return the next request; None: there was none for `timeout` seconds."""
        try:
            return self._requests.get(timeout=timeout)
        except queue.Empty:
            return None
