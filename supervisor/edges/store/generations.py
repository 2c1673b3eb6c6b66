"""Generations in the store: the instances that are not retired, and the numbers that were given."""

from __future__ import annotations

import sqlite3

from supervisor.edges.store import codec
from supervisor.edges.store.subject import Subject, add_service
from supervisor.values.names import ServiceName
from supervisor.values.release import InstanceState
from supervisor.values.state import Instance


class SqliteGenerations(Subject):
    """Satisfies `ports.store.Generations`."""

    def reserve_generation(self, service: ServiceName, generation: int) -> None:
        with self._file.change() as database:
            add_service(database, service)
            database.execute(
                "UPDATE services SET last_generation = max(last_generation, ?) WHERE name = ?", (generation, service)
            )

    def next_generation(self, service: ServiceName) -> int:
        with self._file.change() as database:
            add_service(database, service)
            database.execute("UPDATE services SET last_generation = last_generation + 1 WHERE name = ?", (service,))
            return int(self._file.value("SELECT last_generation FROM services WHERE name = ?", service))

    def save_instance(self, instance: Instance, state: InstanceState) -> None:
        with self._file.change() as database:
            database.execute(
                "INSERT OR REPLACE INTO instances VALUES (?, ?, ?, ?)",
                (instance.service, instance.generation, state, codec.dump_instance(instance)),
            )

    def set_state(self, service: ServiceName, generation: int, state: InstanceState) -> None:
        with self._file.change() as database:
            if state is InstanceState.RETIRED:
                database.execute("DELETE FROM instances WHERE service = ? AND generation = ?", (service, generation))
            else:
                _set_state(database, service, generation, state)

    def instances(self, service: ServiceName | None = None) -> tuple[tuple[Instance, InstanceState], ...]:
        rows = self._file.rows(
            "SELECT instance, state FROM instances WHERE ? IS NULL OR service = ? ORDER BY service, generation",
            service,
            service,
        )
        return tuple((codec.load_instance(text), InstanceState(state)) for text, state in rows)

    def move_active(self, service: ServiceName, candidate: int, former: int | None) -> None:
        with self._file.change() as database:
            if former is not None:
                _set_state(database, service, former, InstanceState.FORMER)
            _set_state(database, service, candidate, InstanceState.ACTIVE)


def _set_state(database: sqlite3.Connection, service: ServiceName, generation: int, state: InstanceState) -> None:
    database.execute(
        "UPDATE instances SET state = ? WHERE service = ? AND generation = ?", (state, service, generation)
    )
