"""Writes two copies of the store beside it, which are never older than it by more than some seconds."""

from __future__ import annotations

import logging
import threading

from supervisor.ports.store import Store
from supervisor.values.errors import StateError

log = logging.getLogger(__name__)

SETTLE_SECONDS = 0.5  # a hand-over is many changes
PAUSE_SECONDS = 5.0  # between two copies: each is written whole
COPIES = 2


class StoreCopies:
    """Renews both copies after a change, one after the other: what was removed is in neither of them for long."""

    def __init__(self, store: Store) -> None:
        self._store, self._closing = store, threading.Event()
        self._thread = threading.Thread(target=self._run, name="copies", daemon=True)
        self._failure = ""

    def start(self) -> None:
        """Begin the thread that writes the copies."""
        self._thread.start()

    def close(self) -> None:
        """Write what was not copied yet, and end."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        copied, due = -1, COPIES
        while not self._closing.wait(SETTLE_SECONDS):
            changes = self._store.changes
            due = COPIES if changes != copied else due
            if due and self._copy():
                copied, due = changes, due - 1
            if due:
                self._closing.wait(PAUSE_SECONDS)
        if self._store.changes != copied:
            self._copy()

    def _copy(self) -> bool:
        try:
            self._store.save_copy()
        except StateError as error:
            if str(error) != self._failure:  # once, however long the disk is full
                log.error("memory not copied", extra={"reason": str(error)})
            self._failure = str(error)
            return False
        self._failure = ""
        return True
