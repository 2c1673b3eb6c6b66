"""The router's configuration in the store, the commands that it came from, and its loss."""

from __future__ import annotations

from collections.abc import Iterable

from supervisor.edges.store.rescue import CONFIGURATION_LOST
from supervisor.edges.store.schema import KEPT_COMMANDS
from supervisor.edges.store.subject import Subject


class SqliteConfiguration(Subject):
    """Satisfies `ports.store.Configuration`."""

    def configuration(self) -> str | None:
        return self._file.fact("bags")

    def save_configuration(self, configuration: str, commands: Iterable[str]) -> None:
        taken = [(command,) for command in commands]
        with self._file.change() as database:
            self._file.has_replaced = True
            self._file.set_fact("bags", configuration)
            database.executemany("INSERT OR REPLACE INTO commands VALUES (?)", taken)
            database.execute(
                "DELETE FROM commands WHERE rowid NOT IN (SELECT rowid FROM commands ORDER BY rowid DESC LIMIT ?)",
                (max(KEPT_COMMANDS, len(taken)),),
            )

    def taken_commands(self) -> frozenset[str]:
        return frozenset(identity for (identity,) in self._file.rows("SELECT identity FROM commands"))

    def erase_replaced(self) -> None:
        self._file.erase_replaced()

    @property
    def awaits_configuration(self) -> bool:
        return self._file.fact(CONFIGURATION_LOST) is not None

    @property
    def configuration_lost(self) -> float | None:
        lost = self._file.fact(CONFIGURATION_LOST)
        return None if lost is None else float(lost)

    def await_configuration(self, lost: float | None) -> None:
        with self._file.change() as database:
            database.execute("DELETE FROM facts WHERE name = ?", (CONFIGURATION_LOST,))
            if lost is not None:
                self._file.set_fact(CONFIGURATION_LOST, str(lost))
