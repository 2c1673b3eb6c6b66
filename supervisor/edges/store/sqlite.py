"""The store in SQLite: the subjects joined on one file.

Secrets of the configuration are in the file, encrypted (`secrets`); the folder is 0700 and the file 0600 all the same.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from supervisor.edges.store.audit import SqliteAudit
from supervisor.edges.store.configuration import SqliteConfiguration
from supervisor.edges.store.copies import write_copy
from supervisor.edges.store.counts import SqliteCounts
from supervisor.edges.store.desired_versions import SqliteDesiredVersions
from supervisor.edges.store.generations import SqliteGenerations
from supervisor.edges.store.journal import SqliteJournal
from supervisor.edges.store.keyring import KeyRing
from supervisor.edges.store.releases import SqliteReleases
from supervisor.edges.store.sboms import SbomFiles
from supervisor.edges.store.secrets import SqliteSecrets
from supervisor.edges.store.state_file import StateFile


class SqliteStore(
    SqliteGenerations,
    SqliteJournal,
    SqliteDesiredVersions,
    SqliteReleases,
    SbomFiles,
    SqliteConfiguration,
    SqliteSecrets,
    SqliteCounts,
    SqliteAudit,
):
    """Satisfies `ports.store.Store`; adds the store as a whole to the subjects. Safe to use from several threads."""

    def __init__(self, folder: Path, ring: KeyRing | None = None) -> None:
        """Open the store in `folder`, mend it, take in releases that it has lost, and encrypt what is in clear.

        None: secrets are written in clear, and none that is encrypted can be read.
        Raises StateError: when the file cannot be opened, or a newer supervisor wrote it.
        """
        super().__init__(StateFile(folder, ring))
        self.refill()
        while self.renew_secrets():
            pass

    def together(self) -> AbstractContextManager[object]:
        return self._file.change()

    @property
    def losses(self) -> tuple[str, ...]:
        return self._file.losses

    @property
    def changes(self) -> int:
        return self._file.changes

    def save_copy(self) -> None:
        self.write_missing_files()
        write_copy(self._file.path, self._file.copy_into)

    @property
    def has_replaced(self) -> bool:
        """True if the file's log may still hold configuration that was replaced."""
        return self._file.has_replaced

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards."""
        self._file.close()
