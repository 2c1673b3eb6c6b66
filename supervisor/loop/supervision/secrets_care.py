"""Sees to it that what is secret in the store is encrypted with the key in use, and says when it cannot be."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator

from supervisor.loop.supervision.audit_log import AuditLog
from supervisor.ports.store import Secrets
from supervisor.values.status import Progress, SecretsStatus

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
PAUSE_LOOKS = 10  # so much longer after something went wrong: what is tried again may be writing everything anew


class SecretsCare:
    """Carries on what a start or a change of the key began, from a thread of its own."""

    def __init__(
        self, store: Secrets, audit_log: AuditLog, closing: threading.Event, look_seconds: float = LOOK_SECONDS
    ) -> None:
        self._store, self._audit_log, self._closing, self._look_seconds = store, audit_log, closing, look_seconds
        self._said = ""  # of what is wrong, and not over yet
        self._settled: str | None = None  # key with which everything was encrypted last; None: it was not looked at
        self._is_pending = False
        self._turning = threading.Lock()

    def start(self) -> None:
        """Begin the thread; it ends when `closing` is set."""
        threading.Thread(target=self._run, name="secrets", daemon=True).start()

    def _run(self) -> None:
        while not self._closing.wait(self._look_seconds * (PAUSE_LOOKS if self._said else 1)):
            try:
                self.turn()
            except Exception:  # a thread that nobody starts again
                log.exception("unexpected failure")

    def follow(self, key: str, seconds: float) -> Iterator[Progress]:
        """Yield what is done after a change of the key, until nothing needs a former one, or so many seconds long."""
        began, shown = time.monotonic(), ""
        self.turn()
        while True:
            status, elapsed = self._store.secrets(), time.monotonic() - began
            if not status.pending or status.message or elapsed >= seconds:
                break
            if status.pending != shown:
                yield Progress("", "waiting", status.pending, elapsed=elapsed)
                shown = status.pending
            if self._closing.wait(self._look_seconds):
                break
            self.turn()
        text = f"key {key} is in use" + (f"; {status.pending}" if status.pending else "")
        error = status.message or None
        yield Progress("", "failed" if error else "succeeded", error or text, 1.0, elapsed, is_final=True, error=error)

    def turn(self) -> None:
        """Do all that can be done now, and record what has changed. May be repeated, from any thread."""
        with self._turning:
            while self._store.renew_secrets() and not self._closing.is_set():
                pass
            status = self._store.secrets()
            if status.message and status.message != self._said:
                log.warning("secrets not readable or not encrypted", extra={"reason": status.message})
                self._audit_log.record("", "secrets-warning", status.message)
            elif self._said and not status.message:
                log.info("secrets readable and encrypted again", extra={"place": status.place})
                self._audit_log.record("", "secrets-good", f"what was wrong with them is over: {self._said}")
            self._said = status.message
            self._report_change(status)

    def _report_change(self, status: SecretsStatus) -> None:
        if status.message or status.pending or not status.is_encrypted:
            self._is_pending = self._is_pending or bool(status.pending)
            return
        if self._is_pending or self._settled not in (None, status.key):
            log.info("secrets encrypted anew", extra={"key": status.key, "place": status.place})
            self._audit_log.record(
                "", "secrets-encrypted", f"all with key {status.key} of {status.place}: store a copy of it elsewhere"
            )
        self._settled, self._is_pending = status.key, False
