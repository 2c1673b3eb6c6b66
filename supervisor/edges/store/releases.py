"""Releases in the store: their versions, the files of their definitions, and the media they were imported from."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping

from supervisor.edges.store import codec, release_files
from supervisor.edges.store.generations import SqliteGenerations
from supervisor.edges.store.release_files import DefinitionFiles
from supervisor.edges.store.subject import Subject
from supervisor.edges.trust.memory import dump_signing, load_signing
from supervisor.values.errors import StateError
from supervisor.values.names import Digest, ServiceName
from supervisor.values.release import Release
from supervisor.values.trust import Signing


class SqliteReleases(Subject):
    """Satisfies `ports.store.Releases`. Each release is in a file beside the store as well."""

    def save_release(self, release: Release, definitions: DefinitionFiles) -> None:
        try:
            release_files.write_release(self._file.folder, release, definitions)
        except OSError as error:
            raise StateError(f"cannot write release {release.name} beside the state: {error}") from error
        try:
            self._insert(release, definitions)
        except StateError:
            self._restore_file(release.name)
            raise

    def releases(self) -> tuple[Release, ...]:
        rows = self._file.rows(
            "SELECT name, created, source, imported, services FROM releases ORDER BY imported, rowid"
        )
        return tuple(
            Release(
                name,
                created,
                source,
                imported,
                tuple(
                    (ServiceName(key), codec.load_version(text)) for key, text in sorted(json.loads(services).items())
                ),
                self._signing(name),
            )
            for name, created, source, imported, services in rows
        )

    def remove_release(self, release: str) -> None:
        try:  # the file first: else the next start would take the release in again
            release_files.remove_release(self._file.folder, release)
        except OSError as error:
            raise StateError(f"cannot remove release {release} beside the state: {error}") from error
        with self._file.change() as database:
            database.execute("DELETE FROM releases WHERE name = ?", (release,))
            database.execute("DELETE FROM facts WHERE name = ?", (_signing_fact(release),))
            used = self._used_definitions()
            for (digest,) in self._file.rows("SELECT DISTINCT digest FROM definitions"):
                if digest not in used:
                    database.execute("DELETE FROM definitions WHERE digest = ?", (digest,))

    def definition(self, digest: Digest) -> Mapping[str, bytes] | None:
        return dict(self._file.rows("SELECT path, content FROM definitions WHERE digest = ?", digest)) or None

    def current_release(self) -> str | None:
        return self._file.fact("release")

    def set_current_release(self, release: str) -> None:
        self._file.set_fact("release", release)

    def medium_fingerprint(self, path: str) -> str | None:
        return self._file.fact(f"medium {path}")

    def set_medium_fingerprint(self, path: str, fingerprint: str) -> None:
        self._file.set_fact(f"medium {path}", fingerprint)

    def write_missing_files(self) -> None:
        """Write the file of each release that has none: an earlier supervisor wrote none. Raises StateError."""
        try:
            for release in self.releases():
                if not release_files.has_release(self._file.folder, release.name):
                    release_files.write_release(self._file.folder, release, self._definitions_of(release))
        except OSError as error:
            raise StateError(f"cannot write releases beside {self._file.path}: {error}") from error

    def refill(self) -> None:
        """Take in the releases whose files lie beside the store and that the store has lost."""
        stored = {release.name for release in self.releases()}
        for release, definitions in release_files.read_releases(self._file.folder):
            if release.name not in stored or any(not self.definition(digest) for digest in definitions):
                self._insert(release, definitions)

    def _restore_file(self, name: str) -> None:
        """Write the file of a release again as the store has the release, or remove it: the store has none."""
        with contextlib.suppress(OSError, StateError):  # the next start takes it in, and an import may be repeated
            former = next((release for release in self.releases() if release.name == name), None)
            if former is None:
                release_files.remove_release(self._file.folder, name)
            else:
                release_files.write_release(self._file.folder, former, self._definitions_of(former))

    def _insert(self, release: Release, definitions: DefinitionFiles) -> None:
        services = {name: codec.dump_version(version) for name, version in release.services}
        with self._file.change() as database:
            for digest, files in definitions.items():
                database.executemany(
                    "INSERT OR REPLACE INTO definitions VALUES (?, ?, ?)",
                    [(digest, path, content) for path, content in files.items()],
                )
            database.execute(
                "INSERT OR REPLACE INTO releases VALUES (?, ?, ?, ?, ?)",
                (release.name, release.created, release.source, release.imported, json.dumps(services)),
            )
            fact = (_signing_fact(release.name), json.dumps(release.signing and dump_signing(release.signing)))
            database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", fact)

    def _signing(self, release: str) -> Signing | None:
        """Return who signed a release; None: an earlier supervisor did not say, or the fact is damaged."""
        try:
            fields = json.loads(self._file.fact(_signing_fact(release)) or "null")
            return None if fields is None else load_signing(fields)
        except (ValueError, LookupError, TypeError):
            return None

    def _definitions_of(self, release: Release) -> DefinitionFiles:
        digests = (version.definition for _, version in release.services)
        return {digest: files for digest in digests if (files := self.definition(digest))}

    def _used_definitions(self) -> set[Digest]:
        """Return the digests that releases, instances and services refer to."""
        used = {version.definition for release in self.releases() for _, version in release.services}
        used |= {instance.definition for instance, _ in SqliteGenerations(self._file).instances()}
        wanted = self._file.rows("SELECT desired, previous FROM services")
        return used | {codec.load_version(text).definition for row in wanted for text in row if text}


def _signing_fact(release: str) -> str:
    return f"signing {release}"
