"""How other threads speak to a worker: what they ask is carried out on the worker's thread, in order."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from supervisor.values.errors import BusyError

T = TypeVar("T")

ANSWER_SECONDS = 60.0


class Inbox:
    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._requests: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def put(self, request: Callable[[], None]) -> None:
        self._requests.put(request)

    def ask(self, question: Callable[[], T]) -> T:
        """Return or raise what `question` does on the worker's thread. BusyError: nobody answered."""
        answer: Future[T] = Future()

        def reply() -> None:
            if not answer.set_running_or_notify_cancel():
                return  # whoever asked was told that nobody answered
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
        return self._requests.empty()

    def get(self, timeout: float) -> Callable[[], None] | None:
        """The next request; None when there was none in time."""
        try:
            return self._requests.get(timeout=timeout)
        except queue.Empty:
            return None
