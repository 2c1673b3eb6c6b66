"""The journal of hand-overs in the store: where each one stands, its steps, and its outcome."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from supervisor.edges.store import codec
from supervisor.edges.store.generations import SqliteGenerations
from supervisor.edges.store.schema import KEPT_HANDOVERS
from supervisor.edges.store.subject import Subject
from supervisor.values.handover import Handover, Outcome, Step
from supervisor.values.names import ServiceName
from supervisor.values.status import HandoverRecord


class SqliteJournal(Subject):
    """Satisfies `ports.store.Journal`."""

    def open_handover(self, handover: Handover, now: float) -> Handover:
        with self._file.change() as database:
            instances = SqliteGenerations(self._file).instances(handover.service)
            versions = {instance.generation: instance.version for instance, _ in instances}
            cursor = database.execute(
                "INSERT INTO handovers (service, handover, outcome, from_version, to_version, started)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    handover.service,
                    codec.dump_handover(handover),
                    handover.outcome,
                    versions.get(handover.former) if handover.former is not None else None,
                    versions.get(handover.candidate, ""),
                    now,
                ),
            )
            assert cursor.lastrowid is not None
            _remove_oldest(database, handover.service)
            return replace(handover, id=cursor.lastrowid)

    def record(self, handover: Handover, step: Step | None, now: float) -> None:
        is_over = handover.outcome is not Outcome.RUNNING
        with self._file.change() as database:
            database.execute(
                "UPDATE handovers SET handover = ?, outcome = ?, finished = ? WHERE id = ?",
                (codec.dump_handover(handover), handover.outcome, now if is_over else None, handover.id),
            )
            _close_step(database, handover, now)
            if is_over:
                database.execute(
                    "INSERT INTO handover_totals VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1",
                    (handover.service, handover.kind, handover.outcome),
                )
            if step is not None:
                database.execute("INSERT INTO phases VALUES (?, ?, ?, NULL)", (handover.id, step, now))

    def amend(self, handover: Handover) -> None:
        with self._file.change() as database:
            database.execute(
                "UPDATE handovers SET handover = ? WHERE id = ?", (codec.dump_handover(handover), handover.id)
            )

    def open_handovers(self) -> tuple[Handover, ...]:
        rows = self._file.rows(
            "SELECT id, service, outcome, handover FROM handovers WHERE outcome = ? ORDER BY id", "running"
        )
        return tuple(codec.load_handover(*row) for row in rows)

    def history(self, service: ServiceName | None, limit: int) -> tuple[HandoverRecord, ...]:
        rows = self._file.rows(
            "SELECT id, service, outcome, handover, from_version, to_version, started, finished FROM handovers"
            " WHERE ? IS NULL OR service = ? ORDER BY id DESC LIMIT ?",
            service,
            service,
            limit,
        )
        return tuple(self._record_of(*row) for row in rows)

    def _record_of(
        self,
        number: int,
        service: str,
        outcome: str,
        text: str,
        from_version: str | None,
        to_version: str,
        started: float,
        finished: float | None,
    ) -> HandoverRecord:
        handover = codec.load_handover(number, service, outcome, text)
        steps = self._file.rows("SELECT phase, started, finished FROM phases WHERE handover = ? ORDER BY rowid", number)
        cut = next((end for step, _, end in steps if step in (Step.CUT_OVER, Step.APPLY) and end), None)
        return HandoverRecord(
            id=number,
            service=service,
            kind=handover.kind,
            from_version=from_version,
            to_version=to_version,
            generation=handover.candidate,
            started=started,
            finished=finished,
            outcome=outcome,
            reason=handover.reason,
            seconds_to_cutover=None if cut is None else cut - started,
            phases=tuple((step, (end or start) - start) for step, start, end in steps),
            waived=handover.waiver.words,
        )


def _close_step(database: sqlite3.Connection, handover: Handover, now: float) -> None:
    database.execute(
        "INSERT INTO phase_totals SELECT ?, phase, max(0, ? - started), 1 FROM phases"
        " WHERE handover = ? AND finished IS NULL"
        " ON CONFLICT DO UPDATE SET seconds = seconds + excluded.seconds, count = count + 1",
        (handover.service, now, handover.id),
    )
    database.execute("UPDATE phases SET finished = ? WHERE handover = ? AND finished IS NULL", (now, handover.id))


def _remove_oldest(database: sqlite3.Connection, service: ServiceName) -> None:
    database.execute(
        "DELETE FROM handovers WHERE service = ? AND outcome != 'running' AND id NOT IN"
        " (SELECT id FROM handovers WHERE service = ? ORDER BY id DESC LIMIT ?)",
        (service, service, KEPT_HANDOVERS),
    )
