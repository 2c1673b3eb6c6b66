"""The supervisor's own way in: a port that no guest reaches, with a thread of its own, whatever guests fill.

It says whether guests are served, not whether there is room for one more: the loop of their connections turns, the
threads of their requests finish what they begin, and the store can be read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

STILL_SECONDS = 5.0  # the loop turns at least once a second, a request takes milliseconds

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Pulse:
    """Knows whether the loop turns, and whether the threads that answer all stand still."""

    def __init__(self, threads: int) -> None:
        self._threads, self._turned = threads, time.monotonic()
        self._begun: dict[int, float] = {}  # by thread: when it began the request that it is at

    def turned(self) -> None:
        """Note one more turn of the loop."""
        self._turned = time.monotonic()

    def watched(self, application: Application) -> Application:
        """Return the same application, whose requests are noted while they last."""

        def watched(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            thread = threading.get_ident()
            self._begun[thread] = time.monotonic()
            try:
                return application(environ, start_response)
            finally:
                del self._begun[thread]

        return watched

    def fault(self) -> str:
        """Return what stands still; empty: guests are served."""
        now, begun = time.monotonic(), list(self._begun.values())
        if now - self._turned > STILL_SECONDS:
            return f"the loop has not turned for {now - self._turned:.0f} s"
        if len(begun) >= self._threads and now - max(begun) > STILL_SECONDS:
            return f"no request has ended for {now - max(begun):.0f} s"
        return ""


class OwnWay:
    """A WSGI application: the probe's answer with status 200, or 503 and what stands still."""

    def __init__(self, pulse: Pulse, check: Callable[[], None], answer: str) -> None:
        self._pulse, self._check, self._answer = pulse, check, answer

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        fault = self._pulse.fault()
        if not fault:
            self._check()  # what it raises is answered 500
        reply = (fault or self._answer).encode()
        status = "503 Service Unavailable" if fault else "200 OK"
        start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(reply)))])
        return [reply]
