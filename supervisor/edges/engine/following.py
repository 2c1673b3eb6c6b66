"""Following a log without being stuck in it: the reader waits in a thread of its own, the caller never for long."""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import threading
from collections.abc import Iterator

import requests

from supervisor.values.errors import EngineError

IDLE = b""
IDLE_SECONDS = 1.0
_BACKLOG = 256


def follow(response: requests.Response, lines: Iterator[bytes], idle: float = IDLE_SECONDS) -> Iterator[bytes]:
    """Yield lines until they end; an empty value after each `idle` seconds of silence, so a caller may turn away."""
    arrived: queue.Queue[bytes | EngineError | None] = queue.Queue(_BACKLOG)
    is_over = threading.Event()

    def put(item: bytes | EngineError | None) -> None:
        while not is_over.is_set():
            with contextlib.suppress(queue.Full):
                arrived.put(item, timeout=idle)
                return

    def pump() -> None:
        try:
            for line in lines:
                put(line)
            put(None)
        except EngineError as error:
            put(error)

    # A second handle on the connection: closing the answer would not wake a thread that is blocked in reading it.
    connection = None if response.raw.isclosed() else socket.socket(fileno=os.dup(response.raw.fileno()))
    reader = threading.Thread(target=pump, name="follow-log", daemon=True)
    reader.start()
    try:
        while True:
            try:
                item = arrived.get(timeout=idle)
            except queue.Empty:
                yield IDLE
                continue
            if item is None:
                return
            if isinstance(item, EngineError):
                raise item
            yield item
    finally:
        is_over.set()
        if connection is not None:
            if reader.is_alive():
                with contextlib.suppress(OSError):  # the engine may have hung up first
                    connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        reader.join(idle)
        response.close()
