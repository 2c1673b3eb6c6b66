"""Carries an iterator of the control to a client: counted, ended when the client leaves, closed in every case."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from types import GeneratorType
from typing import TypeVar

import grpc

from supervisor.surface.api.faults import TooManyStreamsError
from supervisor.values.status import EventRecord

Item = TypeVar("Item")
Message = TypeVar("Message")


class Slots:
    """A bound on the streams of one kind that are open at once, so that threads are always left for all others."""

    def __init__(self, kind: str, limit: int) -> None:
        self.kind, self.limit = kind, limit
        self._free = threading.BoundedSemaphore(limit)

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Take a slot for the block. Raises TooManyStreamsError: when none is free."""
        self.take()
        try:
            yield
        finally:
            self.give_back()

    def take(self) -> None:
        """Take a slot. Raises TooManyStreamsError: when none is free."""
        if not self._free.acquire(blocking=False):
            raise TooManyStreamsError(self.limit, self.kind)

    def give_back(self) -> None:
        self._free.release()


def carry(
    items: Iterator[Item],
    to_message: Callable[[Item], Message],
    context: grpc.ServicerContext,
) -> Iterator[Message]:
    """Yield the items as messages, heartbeats left out, until they end or the client is gone."""
    close = getattr(items, "close", None)
    # A generator can be closed by its own thread only: it notices at its next item or heartbeat. Anything else is
    # closed at once, from the thread that is told of the client's end.
    if close is not None and not isinstance(items, GeneratorType):
        context.add_callback(close)
    try:
        for item in items:
            if not context.is_active():
                return
            if not _is_heartbeat(item):
                yield to_message(item)
    finally:
        if close is not None:
            close()


def _is_heartbeat(item: object) -> bool:
    return not item.name if isinstance(item, EventRecord) else item == b""
