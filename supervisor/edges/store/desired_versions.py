"""The versions that should run and those to return to, and pins, in the store."""

from __future__ import annotations

from supervisor.edges.store import codec
from supervisor.edges.store.schema import CONFIRMED
from supervisor.edges.store.subject import Subject, add_service
from supervisor.values.names import ServiceName
from supervisor.values.release import Version


class SqliteDesiredVersions(Subject):
    """Satisfies `ports.store.DesiredVersions`."""

    def desired(self, service: ServiceName) -> Version | None:
        return self._version("desired", service)

    def set_desired(self, service: ServiceName, version: Version) -> None:
        self._set("desired", service, codec.dump_version(version))

    def previous(self, service: ServiceName) -> Version | None:
        return self._version("previous", service)

    def set_previous(self, service: ServiceName, version: Version | None) -> None:
        self._set("previous", service, version and codec.dump_version(version))

    def confirmed(self, service: ServiceName) -> Version | None:
        text = self._file.fact(f"{CONFIRMED}{service}")
        return codec.load_version(text) if text else None

    def set_confirmed(self, service: ServiceName, version: Version) -> None:
        self._file.set_fact(f"{CONFIRMED}{service}", codec.dump_version(version))

    def pinned(self, service: ServiceName) -> bool:
        return bool(self._file.value("SELECT pinned FROM services WHERE name = ?", service))

    def set_pinned(self, service: ServiceName, is_pinned: bool) -> None:
        self._set("pinned", service, int(is_pinned))

    def _version(self, column: str, service: ServiceName) -> Version | None:
        text = self._file.value(f"SELECT {column} FROM services WHERE name = ?", service)  # noqa: S608  (column is ours)
        return codec.load_version(text) if text else None

    def _set(self, column: str, service: ServiceName, value: object) -> None:
        with self._file.change() as database:
            add_service(database, service)
            database.execute(f"UPDATE services SET {column} = ? WHERE name = ?", (value, service))  # noqa: S608
