"""The base of the subjects of the store: the file that they share."""

from __future__ import annotations

import sqlite3

from supervisor.edges.store.state_file import StateFile
from supervisor.values.names import ServiceName


class Subject:
    """Reads and writes the tables of one subject. Every instance on one file shares its connection and its lock."""

    def __init__(self, file: StateFile) -> None:
        self._file = file


def add_service(database: sqlite3.Connection, service: ServiceName) -> None:
    """Give the service a row unless it has one."""
    database.execute("INSERT OR IGNORE INTO services (name) VALUES (?)", (service,))
