"""The audit log in the store."""

from __future__ import annotations

from supervisor.edges.store.schema import KEPT_EVENTS
from supervisor.edges.store.subject import Subject
from supervisor.values.listing import bounded
from supervisor.values.status import EventRecord


class SqliteAudit(Subject):
    """Satisfies `ports.store.Audit`."""

    def log_event(self, event: EventRecord) -> None:
        with self._file.change() as database:
            cursor = database.execute(
                "INSERT INTO events (time, service, name, message) VALUES (?, ?, ?, ?)",
                (event.time, event.service, event.name, bounded(event.message)),
            )
            database.execute("DELETE FROM events WHERE id <= ?", ((cursor.lastrowid or 0) - KEPT_EVENTS,))

    def events(self, after: int) -> tuple[tuple[int, EventRecord], ...]:
        rows = self._file.rows("SELECT id, time, service, name, message FROM events WHERE id > ? ORDER BY id", after)
        return tuple((number, EventRecord(*fields)) for number, *fields in rows)
