"""The memory in SQLite (write-ahead log, every commit synced): wishes, the journal, releases, configuration, audit.

Secrets of the configuration are in it, so the folder is 0700 and the file 0600.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from supervisor.edges.store import codec
from supervisor.edges.store import releases as beside
from supervisor.edges.store.copies import write_copy
from supervisor.edges.store.rescue import CONFIGURATION_LOST
from supervisor.edges.store.schema import KEPT_COMMANDS, KEPT_EVENTS, KEPT_HANDOVERS
from supervisor.edges.store.state_file import StateFile
from supervisor.values.errors import StateError
from supervisor.values.handover import Handover, Outcome, Step
from supervisor.values.names import Digest, ServiceName
from supervisor.values.release import InstanceState, Release, Version
from supervisor.values.state import Instance
from supervisor.values.status import EventRecord, HandoverRecord


class SqliteStore(StateFile):
    """Implements `ports.Store`. StateError when the file cannot be opened, read or written."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._refill()

    def save_copy(self) -> None:
        try:
            for release in self.releases():  # of a supervisor that wrote none
                if not beside.has_release(self._folder, release.name):
                    beside.write_release(self._folder, release, self._definitions_of(release))
        except OSError as error:
            raise StateError(f"cannot write releases beside {self._path}: {error}") from error
        write_copy(self._path)

    def _definitions_of(self, release: Release) -> beside.Definitions:
        digests = (version.definition for _, version in release.services)
        return {digest: files for digest in digests if (files := self.definition(digest))}

    def _refill(self) -> None:
        """Take in releases that lie beside the memory and that it has lost."""
        known = {release.name for release in self.releases()}
        for release, definitions in beside.read_releases(self._folder):
            if release.name not in known or any(not self.definition(digest) for digest in definitions):
                self._record_release(release, definitions)

    @property
    def awaits_configuration(self) -> bool:
        return self._fact(CONFIGURATION_LOST) is not None

    @property
    def configuration_lost(self) -> float | None:
        when = self._fact(CONFIGURATION_LOST)
        return None if when is None else float(when)

    def await_configuration(self, *, is_lost: bool) -> None:
        with self._change() as database:
            database.execute("DELETE FROM facts WHERE name = ?", (CONFIGURATION_LOST,))
            if is_lost:
                self._set_fact(CONFIGURATION_LOST, str(time.time()))

    # ------------------------------------------------------------ generations

    def know_generation(self, service: ServiceName, generation: int) -> None:
        with self._change() as database:
            self._know(service)
            database.execute(
                "UPDATE services SET last_generation = max(last_generation, ?) WHERE name = ?", (generation, service)
            )

    def next_generation(self, service: ServiceName) -> int:
        with self._change() as database:
            self._know(service)
            database.execute("UPDATE services SET last_generation = last_generation + 1 WHERE name = ?", (service,))
            return int(self._one("SELECT last_generation FROM services WHERE name = ?", service))

    def save_instance(self, instance: Instance, state: InstanceState) -> None:
        with self._change() as database:
            database.execute(
                "INSERT OR REPLACE INTO instances VALUES (?, ?, ?, ?)",
                (instance.service, instance.generation, state, codec.dump_instance(instance)),
            )

    def set_state(self, service: ServiceName, generation: int, state: InstanceState) -> None:
        with self._change() as database:
            if state is InstanceState.RETIRED:
                database.execute("DELETE FROM instances WHERE service = ? AND generation = ?", (service, generation))
            else:
                self._set_state(service, generation, state)

    def instances(self, service: ServiceName | None = None) -> tuple[tuple[Instance, InstanceState], ...]:
        rows = self._all(
            "SELECT instance, state FROM instances WHERE ? IS NULL OR service = ? ORDER BY service, generation",
            service,
            service,
        )
        return tuple((codec.load_instance(text), InstanceState(state)) for text, state in rows)

    def move_active(self, service: ServiceName, candidate: int, former: int | None) -> None:
        with self._change():
            if former is not None:
                self._set_state(service, former, InstanceState.FORMER)
            self._set_state(service, candidate, InstanceState.ACTIVE)

    def _set_state(self, service: ServiceName, generation: int, state: InstanceState) -> None:
        self._database.execute(
            "UPDATE instances SET state = ? WHERE service = ? AND generation = ?", (state, service, generation)
        )

    # ------------------------------------------------------------ the journal

    def open_handover(self, handover: Handover, now: float) -> Handover:
        with self._change() as database:
            versions = {instance.generation: instance.version for instance, _ in self.instances(handover.service)}
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
            self._prune_handovers(handover.service)
            return replace(handover, id=cursor.lastrowid)

    def record(self, handover: Handover, phase: Step | None, now: float) -> None:
        is_over = handover.outcome is not Outcome.RUNNING
        with self._change() as database:
            database.execute(
                "UPDATE handovers SET handover = ?, outcome = ?, finished = ? WHERE id = ?",
                (codec.dump_handover(handover), handover.outcome, now if is_over else None, handover.id),
            )
            self._close_phase(handover, now)
            if is_over:
                database.execute(
                    "INSERT INTO handover_totals VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1",
                    (handover.service, handover.kind, handover.outcome),
                )
            if phase is not None:
                database.execute("INSERT INTO phases VALUES (?, ?, ?, NULL)", (handover.id, phase, now))

    def amend(self, handover: Handover) -> None:
        with self._change() as database:
            database.execute(
                "UPDATE handovers SET handover = ? WHERE id = ?", (codec.dump_handover(handover), handover.id)
            )

    def _close_phase(self, handover: Handover, now: float) -> None:
        self._database.execute(
            "INSERT INTO phase_totals SELECT ?, phase, max(0, ? - started), 1 FROM phases"
            " WHERE handover = ? AND finished IS NULL"
            " ON CONFLICT DO UPDATE SET seconds = seconds + excluded.seconds, count = count + 1",
            (handover.service, now, handover.id),
        )
        self._database.execute(
            "UPDATE phases SET finished = ? WHERE handover = ? AND finished IS NULL", (now, handover.id)
        )

    def open_handovers(self) -> tuple[Handover, ...]:
        rows = self._all(
            "SELECT id, service, outcome, handover FROM handovers WHERE outcome = ? ORDER BY id", "running"
        )
        return tuple(codec.load_handover(*row) for row in rows)

    def history(self, service: ServiceName | None, limit: int) -> tuple[HandoverRecord, ...]:
        rows = self._all(
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
        phases = self._all("SELECT phase, started, finished FROM phases WHERE handover = ? ORDER BY rowid", number)
        cut = next((end for phase, _, end in phases if phase in (Step.CUT_OVER, Step.APPLY) and end), None)
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
            phases=tuple((phase, (end or begin) - begin) for phase, begin, end in phases),
            waived=handover.waiver.words,
        )

    def _prune_handovers(self, service: ServiceName) -> None:
        self._database.execute(
            "DELETE FROM handovers WHERE service = ? AND outcome != 'running' AND id NOT IN"
            " (SELECT id FROM handovers WHERE service = ? ORDER BY id DESC LIMIT ?)",
            (service, service, KEPT_HANDOVERS),
        )

    def handover_totals(self) -> tuple[tuple[str, str, str, int], ...]:
        return tuple(self._all("SELECT service, kind, outcome, count FROM handover_totals ORDER BY 1, 2, 3"))

    def phase_totals(self) -> tuple[tuple[str, str, float, int], ...]:
        return tuple(self._all("SELECT service, phase, seconds, count FROM phase_totals ORDER BY 1, 2"))

    # ------------------------------------------------------------ wishes

    def desired(self, service: ServiceName) -> Version | None:
        return self._version("desired", service)

    def set_desired(self, service: ServiceName, version: Version) -> None:
        self._set("desired", service, codec.dump_version(version))

    def previous(self, service: ServiceName) -> Version | None:
        return self._version("previous", service)

    def set_previous(self, service: ServiceName, version: Version | None) -> None:
        self._set("previous", service, version and codec.dump_version(version))

    def pinned(self, service: ServiceName) -> bool:
        return bool(self._one("SELECT pinned FROM services WHERE name = ?", service))

    def set_pinned(self, service: ServiceName, is_pinned: bool) -> None:
        self._set("pinned", service, int(is_pinned))

    def count_restart(self, service: ServiceName) -> None:
        with self._change() as database:
            self._know(service)
            database.execute("UPDATE services SET restarts = restarts + 1 WHERE name = ?", (service,))

    def restarts(self, service: ServiceName) -> int:
        return int(self._one("SELECT restarts FROM services WHERE name = ?", service) or 0)

    def _version(self, column: str, service: ServiceName) -> Version | None:
        text = self._one(f"SELECT {column} FROM services WHERE name = ?", service)  # noqa: S608  (column is ours)
        return codec.load_version(text) if text else None

    def _set(self, column: str, service: ServiceName, value: object) -> None:
        with self._change() as database:
            self._know(service)
            database.execute(f"UPDATE services SET {column} = ? WHERE name = ?", (value, service))  # noqa: S608

    def _know(self, service: ServiceName) -> None:
        self._database.execute("INSERT OR IGNORE INTO services (name) VALUES (?)", (service,))

    # ------------------------------------------------------------ releases and definitions

    def save_release(self, release: Release, definitions: Mapping[Digest, Mapping[str, bytes]]) -> None:
        try:
            beside.write_release(self._folder, release, definitions)
        except OSError as error:
            raise StateError(f"cannot write release {release.name} beside the state: {error}") from error
        self._record_release(release, definitions)

    def _record_release(self, release: Release, definitions: Mapping[Digest, Mapping[str, bytes]]) -> None:
        services = {name: codec.dump_version(version) for name, version in release.services}
        with self._change() as database:
            for digest, files in definitions.items():
                database.executemany(
                    "INSERT OR REPLACE INTO definitions VALUES (?, ?, ?)",
                    [(digest, path, content) for path, content in files.items()],
                )
            database.execute(
                "INSERT OR REPLACE INTO releases VALUES (?, ?, ?, ?, ?)",
                (release.name, release.created, release.source, release.imported, json.dumps(services)),
            )

    def releases(self) -> tuple[Release, ...]:
        rows = self._all("SELECT name, created, source, imported, services FROM releases ORDER BY imported, rowid")
        return tuple(
            Release(
                name,
                created,
                source,
                imported,
                tuple(
                    (ServiceName(key), codec.load_version(text)) for key, text in sorted(json.loads(services).items())
                ),
            )
            for name, created, source, imported, services in rows
        )

    def remove_release(self, release: str) -> None:
        try:
            beside.remove_release(self._folder, release)  # first: else a supervisor that comes back would know it again
        except OSError as error:
            raise StateError(f"cannot remove release {release} beside the state: {error}") from error
        with self._change() as database:
            database.execute("DELETE FROM releases WHERE name = ?", (release,))
            kept = {version.definition for left in self.releases() for _, version in left.services}
            kept |= {instance.definition for instance, _ in self.instances()}
            wishes = self._all("SELECT desired, previous FROM services")
            kept |= {codec.load_version(text).definition for row in wishes for text in row if text}
            for (digest,) in self._all("SELECT DISTINCT digest FROM definitions"):
                if digest not in kept:
                    database.execute("DELETE FROM definitions WHERE digest = ?", (digest,))

    def attached(self, path: str) -> str | None:
        return self._fact(f"medium {path}")

    def set_attached(self, path: str, fingerprint: str) -> None:
        self._set_fact(f"medium {path}", fingerprint)

    def current_release(self) -> str | None:
        return self._fact("release")

    def set_current_release(self, release: str) -> None:
        self._set_fact("release", release)

    def counted(self, service: ServiceName) -> str | None:
        return self._fact(f"counted {service}")

    def save_counted(self, service: ServiceName, text: str) -> None:
        self._set_fact(f"counted {service}", text)

    def definition(self, digest: Digest) -> Mapping[str, bytes] | None:
        return dict(self._all("SELECT path, content FROM definitions WHERE digest = ?", digest)) or None

    # ------------------------------------------------------------ configuration

    def bags(self) -> str | None:
        return self._fact("bags")

    def save_bags(self, bags: str, commands: Iterable[str]) -> None:
        taken = [(command,) for command in commands]
        with self._change() as database:
            self.has_former = True
            self._set_fact("bags", bags)
            database.executemany("INSERT OR REPLACE INTO commands VALUES (?)", taken)
            database.execute(
                "DELETE FROM commands WHERE rowid NOT IN (SELECT rowid FROM commands ORDER BY rowid DESC LIMIT ?)",
                (max(KEPT_COMMANDS, len(taken)),),
            )

    def taken_commands(self) -> frozenset[str]:
        return frozenset(identity for (identity,) in self._all("SELECT identity FROM commands"))

    # ------------------------------------------------------------ the audit log

    def log_event(self, event: EventRecord) -> None:
        with self._change() as database:
            cursor = database.execute(
                "INSERT INTO events (time, service, name, message) VALUES (?, ?, ?, ?)",
                (event.time, event.service, event.name, event.message),
            )
            database.execute("DELETE FROM events WHERE id <= ?", ((cursor.lastrowid or 0) - KEPT_EVENTS,))

    def events(self, after: int) -> tuple[tuple[int, EventRecord], ...]:
        rows = self._all("SELECT id, time, service, name, message FROM events WHERE id > ? ORDER BY id", after)
        return tuple((number, EventRecord(*fields)) for number, *fields in rows)
