"""Sums in the store: hand-overs and their steps, restarts, and the counters of daemons."""

from __future__ import annotations

from supervisor.edges.store.subject import Subject, add_service
from supervisor.values.names import ServiceName


class SqliteCounts(Subject):
    """Satisfies `ports.store.Counts`."""

    def handover_totals(self) -> tuple[tuple[str, str, str, int], ...]:
        return tuple(self._file.rows("SELECT service, kind, outcome, count FROM handover_totals ORDER BY 1, 2, 3"))

    def step_totals(self) -> tuple[tuple[str, str, float, int], ...]:
        return tuple(self._file.rows("SELECT service, phase, seconds, count FROM phase_totals ORDER BY 1, 2"))

    def restarts(self, service: ServiceName) -> int:
        return int(self._file.value("SELECT restarts FROM services WHERE name = ?", service) or 0)

    def count_restart(self, service: ServiceName) -> None:
        with self._file.change() as database:
            add_service(database, service)
            database.execute("UPDATE services SET restarts = restarts + 1 WHERE name = ?", (service,))

    def counts(self, service: ServiceName) -> str | None:
        return self._file.fact(f"counted {service}")

    def save_counts(self, service: ServiceName, text: str) -> None:
        self._file.set_fact(f"counted {service}", text)
