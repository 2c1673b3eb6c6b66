"""What the surface asks of the loop: API, command line and metrics all read and drive the supervisor through this.

Rules for whoever stands behind it:

- A method that returns an iterator of `Progress` may raise at the call or at the first `next`. The last item has
  `is_final`. Closing the iterator ends the watching, never the operation.
- With `wait` false the iterator says that the operation was accepted, and ends.
- An iterator that follows (`logs`, `events`) ends when it is closed. A generator cannot be closed while it waits, so it
  yields a heartbeat at least every few seconds when nothing happens: `b""`, or an `EventRecord` whose `name` is empty.
  The surface passes heartbeats to nobody. An object with a `close` that is safe from another thread needs none.
- Every method may be called from several threads at once; `status` answers from memory and never waits for an engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from supervisor.values.handover import NO_WAIVER, Waiver
from supervisor.values.status import (
    BundleStatus,
    EventRecord,
    HandoverRecord,
    PlannedStep,
    Progress,
    SupervisorStatus,
)


class HandoverCounters(Protocol):
    """Sums over the whole journal, for metrics."""

    def handover_totals(self) -> Iterable[tuple[str, str, str, int]]:
        """Yield (service, kind, outcome, count) of finished hand-overs."""

    def phase_seconds(self) -> Iterable[tuple[str, str, float, int]]:
        """Yield (service, phase, sum of seconds, count)."""

    def counted(self) -> Iterable[tuple[str, str, str, int]]:
        """Yield (service, row, column, count) of what services count and publish, over all generations."""


class Control(HandoverCounters, Protocol):
    """The supervisor as its callers see it."""

    def status(self) -> SupervisorStatus: ...

    def plan(self, release: str | None) -> tuple[PlannedStep, ...]: ...

    def swap(
        self, service: str, version: str | None, wait: bool, waiver: Waiver = NO_WAIVER, asked_by: str = ""
    ) -> Iterator[Progress]:
        """Hand one service over to `version` (None: the newest); who asked and what is waived go into the audit log."""

    def upgrade(self, release: str | None, wait: bool) -> Iterator[Progress]: ...

    def rollback(self, service: str, wait: bool) -> Iterator[Progress]: ...

    def migrate_engine(self, to: str, wait: bool) -> Iterator[Progress]:
        """Hand every service over to a container of another engine, and leave the former one empty."""

    def confirm(self, service: str) -> None:
        """End the soak of a hand-over: what runs now is good."""

    def restart(self, service: str, wait: bool) -> Iterator[Progress]: ...

    def pin(self, service: str) -> None: ...

    def unpin(self, service: str) -> None: ...

    def bundles(self) -> tuple[BundleStatus, ...]: ...

    def verify_bundle(self, path: str) -> Iterator[Progress]: ...

    def import_bundle(self, path: str, allow_downgrade: bool) -> Iterator[Progress]: ...

    def prune_bundles(self) -> tuple[str, ...]:
        """Forget the releases that nothing runs or may roll back to; return their names."""

    def history(self, service: str | None, limit: int) -> tuple[HandoverRecord, ...]:
        """Return the newest hand-overs, newest first."""

    def logs(self, service: str, tail: int, follow: bool) -> Iterator[bytes]: ...

    def show_config(self) -> dict[str, object]:
        """Return the router's configuration as JSON can say it, secrets hidden."""

    def apply_config(
        self, files: tuple[tuple[str, bytes], ...], wait: bool = True, timeout: float = 60.0
    ) -> Iterator[Progress]:
        """Take in files, each (name, content); with `wait` until they serve, or for `timeout` seconds.

        A Progress with a `part` says what became of it: `phase` is live, refused, passed-over, left-out or not-live.
        The last one has the worst of them as its phase, and `error` unless everything of ours serves.
        """

    def diff_config(self, files: tuple[tuple[str, bytes], ...]) -> str:
        """Return what applying these files would change, as unified text."""

    def events(self, follow: bool) -> Iterator[EventRecord]: ...
