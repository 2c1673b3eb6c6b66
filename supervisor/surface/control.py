"""The contract between surface and loop: API, command line and metrics read and drive the supervisor through it.

Rules for an implementation:

- A method that returns an iterator of `Progress` may raise at the call or at the first `next`. The last item has
  `is_final`. Closing the iterator ends the watching, never the operation.
- With `wait` false the iterator says that the operation was accepted, and ends.
- An iterator that follows (`logs`, `events`) ends when it is closed. A generator cannot be closed while it waits, so it
  yields a heartbeat at least every few seconds when nothing happens: `b""`, or an `EventRecord` whose `name` is empty.
  The surface passes heartbeats to nobody. An object with a `close` that is safe from another thread needs none.
- Every method may be called from several threads at once; `status` answers from memory and never waits for an engine.
- Any method may raise SupervisorError: UnknownServiceError, UnknownVersionError and UnknownReleaseError for a name that
  is not there, BusyError while something else is under way, RequestError for what cannot be done in the present state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from supervisor.values.handover import NO_WAIVER, Waiver
from supervisor.values.status import (
    ContainedPackage,
    EventRecord,
    HandoverRecord,
    PackageChange,
    PlannedStep,
    Progress,
    ReleaseStatus,
    ServiceSbom,
    SupervisorStatus,
    TrustStatus,
)


class Observation(Protocol):
    """The calls that show what runs, what ran, and what would be done. They change nothing."""

    def status(self) -> SupervisorStatus:
        """Return the status of the supervisor and of every service, as of the last turn of each."""

    def plan(self, release: str | None) -> tuple[PlannedStep, ...]:
        """Return what an upgrade to `release` (None: the newest) would do; empty if no release has services."""

    def history(self, service: str | None, limit: int) -> tuple[HandoverRecord, ...]:
        """Return the newest hand-overs of `service` (None: of all), newest first, `limit` at most."""

    def logs(self, service: str, tail: int, follow: bool) -> Iterator[bytes]:
        """Yield what the active container of `service` writes: `tail` lines of the past, with `follow` new ones too."""

    def events(self, follow: bool) -> Iterator[EventRecord]:
        """Yield the audit log, oldest first; with `follow` new entries too."""


class ServiceOperations(Protocol):
    """Operations on what runs. Hand-overs yield their progress; the others may be repeated and change nothing then."""

    def swap(
        self, service: str, version: str | None, wait: bool, waiver: Waiver = NO_WAIVER, asked_by: str = ""
    ) -> Iterator[Progress]:
        """Hand one service over to `version` (None: the newest); the audit log records `asked_by` and the waiver."""

    def upgrade(self, release: str | None, wait: bool) -> Iterator[Progress]:
        """Hand every service that is not pinned over to `release` (None: the newest), one after the other."""

    def rollback(self, service: str, wait: bool) -> Iterator[Progress]:
        """Hand one service over to the version that it ran before."""

    def restart(self, service: str, wait: bool) -> Iterator[Progress]:
        """Hand one service over to a fresh instance of the same version."""

    def migrate_engine(self, to: str, wait: bool) -> Iterator[Progress]:
        """Hand every service over to a container of the engine `to`, and leave the former engine empty."""

    def confirm(self, service: str) -> None:
        """End the soak of a hand-over: what runs now is good."""

    def pin(self, service: str) -> None:
        """Leave the service at its version when releases are upgraded."""

    def unpin(self, service: str) -> None:
        """Let upgrades take the service along again."""


class ReleaseOperations(Protocol):
    """The releases that services come from. Paths are the supervisor's."""

    def releases(self) -> tuple[ReleaseStatus, ...]:
        """Return the imported releases; empty before the first."""

    def verify_bundle(self, path: str, allow_downgrade: bool = False, accept_clock: bool = False) -> Iterator[Progress]:
        """Judge a bundle as an import with the same options does, and import nothing."""

    def import_bundle(self, path: str, allow_downgrade: bool, accept_clock: bool = False) -> Iterator[Progress]:
        """Verify a bundle and load its images into the engine. A release that is there already is not loaded again.

        `accept_clock`: the release is right, though this router's clock says that it is not made yet.
        """

    def sboms(self, release: str) -> Iterator[ServiceSbom]:
        """Yield the bills of materials of a release: one that was imported, or with a slash, the path of a bundle."""

    def diff_releases(self, former: str, later: str) -> tuple[PackageChange, ...]:
        """Return the packages that differ between two releases, each named as for `sboms`."""

    def find_package(self, package: str) -> tuple[ContainedPackage, ...]:
        """Return where a package, binary or source, with `*` and `?` as wildcards, is in what is alive."""

    def prune_releases(self) -> tuple[str, ...]:
        """Forget the releases that nothing runs or may roll back to; return their names."""


class TrustOperations(Protocol):
    """The root, keys and revocations that decide which releases are accepted."""

    def trust(self) -> TrustStatus:
        """Return what is trusted now."""

    def rotate_trust(self, path: str) -> TrustStatus:
        """Follow a root document, or those of a folder; `path` is the supervisor's."""

    def revoke_key(self, key: str, reason: str) -> TrustStatus:
        """Revoke a key, by its name or the beginning of its identifier. One that is revoked already stays so."""


class RouterConfiguration(Protocol):
    """The configuration that services are rendered from. Files are (name, content), taken in their order."""

    def show_config(self) -> dict[str, object]:
        """Return the router's configuration as JSON can say it, secrets hidden."""

    def apply_config(
        self, files: tuple[tuple[str, bytes], ...], wait: bool = True, timeout: float = 60.0
    ) -> Iterator[Progress]:
        """Take in files; with `wait` until they serve, or for `timeout` seconds.

        A Progress with a `part` reports on that file or part: `phase` is live, refused, passed-over, left-out or
        not-live. The last one has the worst of them as its phase, and `error` unless everything of ours serves.
        """

    def diff_config(self, files: tuple[tuple[str, bytes], ...]) -> str:
        """Return what applying these files would change, as unified text; empty: nothing."""


class SecretOperations(Protocol):
    """The key that secrets in the state folder are encrypted with."""

    def rotate_secrets(self, wait: bool) -> Iterator[Progress]:
        """Make a new key and encrypt everything with it; with `wait` until the former one is not needed any more."""

    def abandon_secrets(self) -> str:
        """Lay aside what cannot be decrypted, go on without, and return the name of the file that has it."""


class Calls(
    Observation,
    ServiceOperations,
    ReleaseOperations,
    TrustOperations,
    RouterConfiguration,
    SecretOperations,
    Protocol,
):
    """Everything that the API offers."""


class HandoverCounters(Protocol):
    """Sums over the whole journal, for metrics."""

    def handover_totals(self) -> Iterable[tuple[str, str, str, int]]:
        """Yield (service, kind, outcome, count) of finished hand-overs."""

    def phase_seconds(self) -> Iterable[tuple[str, str, float, int]]:
        """Yield (service, phase, sum of seconds, count)."""

    def counted(self) -> Iterable[tuple[str, str, str, int]]:
        """Yield (service, row, column, count) of what services count and publish, over all generations."""

    def refusals(self) -> Iterable[tuple[str, int, int]]:
        """Yield (service, connections refused since the start, sources over their share now), of those with any."""


class Control(Calls, HandoverCounters, Protocol):
    """The supervisor as its callers see it."""


class Right(Enum):
    """The right that a caller needs."""

    VIEW = auto()
    OPERATE = auto()


@dataclass(frozen=True, slots=True)
class Method:
    """A method of `Calls`, the name of its call in the API, and the right that it needs."""

    name: str
    call: str
    right: Right


METHODS = (
    Method("status", "GetStatus", Right.VIEW),
    Method("plan", "Plan", Right.VIEW),
    Method("history", "ListHistory", Right.VIEW),
    Method("logs", "ReadLogs", Right.VIEW),
    Method("events", "ReadEvents", Right.VIEW),
    Method("swap", "Swap", Right.OPERATE),
    Method("upgrade", "Upgrade", Right.OPERATE),
    Method("rollback", "Rollback", Right.OPERATE),
    Method("restart", "Restart", Right.OPERATE),
    Method("migrate_engine", "MigrateEngine", Right.OPERATE),
    Method("confirm", "Confirm", Right.OPERATE),
    Method("pin", "Pin", Right.OPERATE),
    Method("unpin", "Unpin", Right.OPERATE),
    Method("releases", "ListBundles", Right.VIEW),
    Method("verify_bundle", "VerifyBundle", Right.OPERATE),  # reads any path of the router
    Method("import_bundle", "ImportBundle", Right.OPERATE),
    Method("prune_releases", "PruneBundles", Right.OPERATE),
    Method("sboms", "ReadSboms", Right.OPERATE),  # opens any path of the router
    Method("diff_releases", "DiffBundles", Right.OPERATE),
    Method("find_package", "FindPackage", Right.VIEW),
    Method("trust", "GetTrust", Right.VIEW),
    Method("rotate_trust", "RotateTrust", Right.OPERATE),
    Method("revoke_key", "RevokeKey", Right.OPERATE),
    Method("show_config", "GetConfig", Right.VIEW),
    Method("apply_config", "ApplyConfig", Right.OPERATE),
    Method("diff_config", "DiffConfig", Right.VIEW),
    Method("rotate_secrets", "RotateSecrets", Right.OPERATE),
    Method("abandon_secrets", "AbandonSecrets", Right.OPERATE),
)
