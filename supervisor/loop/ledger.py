"""Adds up the counters of the generations of each service, over hand-overs and the end of this process.

A generation's table is read while it serves, while it finishes its connections (by a session that was opened before
it was asked to), and for the last time before it goes. Its last table counts.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable

from supervisor.decisions import counters as books
from supervisor.decisions.counters import Book, Sums
from supervisor.ports.store import Store
from supervisor.values.manifest import Counters
from supervisor.values.names import ServiceName

log = logging.getLogger(__name__)

SAVE_SECONDS = 30.0  # between two readings that are saved; the end of a generation is saved at once


class Ledger:
    """The counters of all services. Methods may be called from any thread; equal notes may be repeated.

    Raises StateError: when the store cannot be read or written.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._books: dict[ServiceName, Book] = {}
        self._saved: dict[ServiceName, float] = {}

    def note_table(
        self, store: Store, service: ServiceName, counters: Counters, generation: int, text: str, now: float
    ) -> None:
        """Note a table that a generation has just given; `now` is monotonic. Raises ValueError: when it is no table."""
        sums = books.read_table(counters, text)
        is_due = now - self._saved.get(service, -SAVE_SECONDS) >= SAVE_SECONDS
        self._change(store, service, lambda book: books.noted(book, generation, sums), is_saved=is_due)
        if is_due:
            self._saved[service] = now

    def note_restart(self, store: Store, service: ServiceName, generation: int) -> None:
        """Note that the daemon of a generation was started again, and counts from zero."""
        self._change(store, service, lambda book: books.restarted(book, generation))

    def note_end(self, store: Store, service: ServiceName, generation: int) -> None:
        """Note that a generation is gone: its last table is added to those of the others that are."""
        self._change(store, service, lambda book: books.ended(book, generation))

    def save(self, store: Store, service: ServiceName) -> None:
        """Save all notes of a service, so that they outlive this process."""
        self._change(store, service, lambda book: book)

    def totals(self, store: Store, service: ServiceName, without: int | None = None) -> Sums:
        """Return the sums of all generations but `without`; empty: nothing was counted yet."""
        with self._lock:
            return books.totals(self._book(store, service), without)

    def _change(
        self,
        store: Store,
        service: ServiceName,
        change: Callable[[Book], Book],
        *,
        is_saved: bool = True,
    ) -> None:
        with self._lock:
            book = change(self._book(store, service))
            self._books[service] = book
            if is_saved:
                store.save_counts(service, json.dumps(books.dump(book)))

    def _book(self, store: Store, service: ServiceName) -> Book:
        if service not in self._books:
            self._books[service] = books.only(
                _loaded(store.counts(service), service),
                [instance.generation for instance, _ in store.instances(service)],
            )
        return self._books[service]


def _loaded(text: str | None, service: ServiceName) -> Book:
    if text is None:
        return Book()
    try:
        return books.load(json.loads(text))
    except (ValueError, TypeError, AttributeError) as error:
        log.error("counters not restored", extra={"service": service, "reason": str(error)})
        return Book()
