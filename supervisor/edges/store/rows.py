"""Checks and mends the tables of the store row by row: a row that cannot be read costs one service, or nobody, a fact.

`faulty_rows` reads every row as the supervisor will read it. Where a copy has the same row and it is good there, `mend`
takes it from the copy; else the row is left out, or the one column that cannot be read is empty.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from supervisor.decisions.definition_digest import definition_digest
from supervisor.decisions.handover import current
from supervisor.edges.store import codec
from supervisor.edges.store.keyring import KeyRing
from supervisor.edges.store.schema import CONFIRMED
from supervisor.edges.store.secret_values import place_of, refuse_damaged
from supervisor.values.release import InstanceState

Row = Mapping[str, Any]

KEYS: Mapping[str, tuple[str, ...]] = {
    "services": ("name",),
    "instances": ("service", "generation"),
    "handovers": ("id",),
    "phases": (),
    "handover_totals": ("service", "kind", "outcome"),
    "phase_totals": ("service", "phase"),
    "releases": ("name",),
    "definitions": ("digest", "path"),
    "facts": ("name",),
    "commands": ("identity",),
    "events": ("id",),
}
"""Every table, with the columns that say which row is meant."""

_KINDS: Mapping[str, tuple[type, ...]] = {"TEXT": (str,), "INTEGER": (int,), "REAL": (float, int), "BLOB": (bytes,)}


@dataclass(frozen=True, slots=True)
class FaultyRow:
    """A row that cannot be read, with the reason."""

    table: str
    rowid: int
    key: tuple[Any, ...]
    reason: str

    @property
    def is_configuration(self) -> bool:
        return self.table == "facts" and self.key == ("bags",)

    @property
    def service(self) -> str:
        """The service that the row belongs to, as far as it can be read; empty: it belongs to none."""
        has_one = KEYS[self.table][:1] in (("service",), ("name",)) and self.table not in ("releases", "facts")
        return str(self.key[0]) if has_one and self.key else ""

    def __str__(self) -> str:
        named = " ".join(map(str, self.key)) or f"number {self.rowid}"
        return f"{self.table} {named[:100]}: {self.reason}"


def faulty_rows(database: sqlite3.Connection, ring: KeyRing) -> tuple[FaultyRow, ...]:
    """Return the rows that cannot be read, by whoever has all keys. Raises sqlite3.Error: when a whole table cannot."""
    return tuple(row for table in KEYS for row in _faulty_in(database, table, ring))


def mend(
    database: sqlite3.Connection, copy: sqlite3.Connection | None, rows: tuple[FaultyRow, ...], ring: KeyRing
) -> None:
    """Put the copy's row in the place of each faulty one, or leave it out."""
    for row in rows:
        database.execute(f"DELETE FROM {row.table} WHERE rowid = ?", (row.rowid,))  # noqa: S608  (tables are ours)
        good = _row_of(copy, row, ring) if copy is not None else None
        if good is None:
            continue
        names, places = ", ".join(good), ", ".join("?" * len(good))
        text = f"INSERT OR REPLACE INTO {row.table} ({names}) VALUES ({places})"  # noqa: S608
        database.execute(text, tuple(good.values()))


def _faulty_in(database: sqlite3.Connection, table: str, ring: KeyRing) -> Iterator[FaultyRow]:
    if table == "definitions":
        yield from _faulty_definitions(database)
        return
    columns = {
        name: (kind, bool(must)) for _, name, kind, must, _, _ in database.execute(f"PRAGMA table_info({table})")
    }
    for rowid, *values in _raw(database, table, columns):
        row: dict[str, Any] = {}
        try:
            for (name, (kind, must)), value in zip(columns.items(), values, strict=True):
                place = place_of(table, name, row.get("name"))
                if place and type(value) is bytes:  # text is `_Text`
                    refuse_damaged(ring, place, value)
                row[name] = value if place and type(value) is bytes else _read(name, kind, value, must=must)
            if check := _CHECKS.get(table):
                check(row)
        except (ValueError, LookupError, TypeError, ArithmeticError, AttributeError, RecursionError) as error:
            reason = f"{type(error).__name__}: {error}"[:200]
            yield FaultyRow(table, rowid, tuple(row.get(key, "?") for key in KEYS[table]), reason)


def _faulty_definitions(database: sqlite3.Connection) -> Iterator[FaultyRow]:
    """Yield the rows of definitions whose files have another digest: all rows of one are used, or none."""
    definitions: dict[Any, dict[Any, tuple[int, Any]]] = {}
    for rowid, digest, path, content in database.execute("SELECT rowid, digest, path, content FROM definitions"):
        definitions.setdefault(digest, {})[path] = (rowid, content)
    for digest, files in definitions.items():
        with contextlib.suppress(TypeError, AttributeError):
            if definition_digest({path: content for path, (_, content) in files.items()}) == digest:
                continue
        reason = "the files of this definition are not those of its digest"
        yield from (FaultyRow("definitions", rowid, (digest, path), reason) for path, (rowid, _) in files.items())


def _raw(database: sqlite3.Connection, table: str, columns: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Return all rows with their text as bytes, so that text which is not UTF-8 is a fault of one row."""
    before, database.text_factory = database.text_factory, _Text
    try:
        return database.execute(f"SELECT rowid, {', '.join(columns)} FROM {table}").fetchall()  # noqa: S608
    finally:
        database.text_factory = before


class _Text(bytes):
    """Text as it lies in the file."""


def _read(name: str, kind: str, value: Any, *, must: bool) -> Any:
    if isinstance(value, _Text):
        value = bytes(value).decode()
    if value is None and not must:
        return None
    if not isinstance(value, _KINDS[kind]):
        raise TypeError(f"{name} is {type(value).__name__}, not {kind}")
    return value


def _row_of(copy: sqlite3.Connection, row: FaultyRow, ring: KeyRing) -> Row | None:
    keys = KEYS[row.table]
    if not keys:
        return None
    with contextlib.suppress(sqlite3.Error):
        if any((faulty.table, faulty.key) == (row.table, row.key) for faulty in _faulty_in(copy, row.table, ring)):
            return None
        where = " AND ".join(f"{key} = ?" for key in keys)
        cursor = copy.execute(f"SELECT * FROM {row.table} WHERE {where}", row.key)  # noqa: S608
        values = cursor.fetchone()
        return None if values is None else dict(zip((column[0] for column in cursor.description), values, strict=True))
    return None


# ---------------------------------------------------------------- what the values themselves must be


def _check_service(row: Row) -> None:
    for column in ("desired", "previous"):
        if row[column] is not None:
            codec.load_version(row[column])


def _check_instance(row: Row) -> None:
    instance = codec.load_instance(row["instance"])
    InstanceState(row["state"])
    if (instance.service, instance.generation) != (row["service"], row["generation"]):
        raise ValueError(f"it describes {instance.container_name}")


def _check_handover(row: Row) -> None:
    current(codec.load_handover(row["id"], row["service"], row["outcome"], row["handover"]))


def _check_release(row: Row) -> None:
    for name, text in json.loads(row["services"]).items():
        codec.load_version(text)
        if not name:
            raise ValueError("a service has no name")


def _check_fact(row: Row) -> None:
    if row["name"] == "serial":
        int(row["value"])
    if row["name"].startswith(CONFIRMED):
        codec.load_version(row["value"])


_CHECKS: Mapping[str, Callable[[Row], None]] = {
    "services": _check_service,
    "instances": _check_instance,
    "handovers": _check_handover,
    "releases": _check_release,
    "facts": _check_fact,
}
