"""The router's configuration in the store, the commands that it came from, and its loss."""

from __future__ import annotations

from collections.abc import Iterable

from supervisor.edges.store.rescue import CONFIGURATION_LOST
from supervisor.edges.store.schema import KEPT_COMMANDS
from supervisor.edges.store.secret_values import BAGS, COMMANDS, revealed, sealed
from supervisor.edges.store.subject import Subject

_BAGS = "SELECT value FROM facts WHERE name = 'bags'"
_MARKS = "SELECT DISTINCT substr(identity, 1, 13) FROM commands WHERE typeof(identity) = 'blob'"  # with ids of keys


class SqliteConfiguration(Subject):
    """Satisfies `ports.store.Configuration`."""

    def configuration(self) -> str | None:
        stored = self._file.value(_BAGS)
        return None if stored is None else revealed(self._file.ring, BAGS, stored)

    @property
    def has_configuration(self) -> bool:
        return bool(self._file.rows("SELECT 1 FROM facts WHERE name = 'bags'"))

    def save_configuration(self, configuration: str, commands: Iterable[str]) -> None:
        ring = self._file.ring
        self._refuse_without_keys()  # which may ask a slow chip: nobody else waits for that
        with self._file.change() as database:
            self._refuse_without_keys()
            taken = [(sealed(ring, COMMANDS, command),) for command in commands]
            self._file.has_replaced = True
            database.execute("INSERT OR REPLACE INTO facts VALUES ('bags', ?)", (sealed(ring, BAGS, configuration),))
            database.executemany("INSERT OR REPLACE INTO commands VALUES (?)", taken)
            database.execute(
                "DELETE FROM commands WHERE rowid NOT IN (SELECT rowid FROM commands ORDER BY rowid DESC LIMIT ?)",
                (max(KEPT_COMMANDS, len(taken)),),
            )

    def _refuse_without_keys(self) -> None:
        """Raises SecretKeyError: something is stored that nobody can read now, or there is no key to write with."""
        for stored in (self._file.value(_BAGS), *(mark for (mark,) in self._file.rows(_MARKS))):
            if isinstance(stored, bytes):
                self._file.ring.key_of(stored)
        self._file.ring.writing_key()

    def taken_commands(self) -> frozenset[str]:
        rows = self._file.rows("SELECT identity FROM commands")
        return frozenset(revealed(self._file.ring, COMMANDS, stored) for (stored,) in rows)

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
