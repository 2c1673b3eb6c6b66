"""The memory of the supervisor, as a Protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from supervisor.values.handover import Handover, Step
from supervisor.values.names import Digest, ServiceName
from supervisor.values.release import InstanceState, Release, Version
from supervisor.values.state import (
    Instance,
)
from supervisor.values.status import EventRecord, HandoverRecord


class Store(Protocol):
    """The memory: wishes, generations, the journal of hand-overs, releases, configuration. Every write is durable."""

    def together(self) -> AbstractContextManager[object]:
        """Record all changes of the block as one, or none when it raises."""

    # the memory itself
    @property
    def losses(self) -> tuple[str, ...]:
        """Damage that was found when the store was opened, and what became of it."""

    @property
    def changes(self) -> int:
        """Number of changes since the store was opened."""

    def save_copy(self) -> None:
        """Write a copy beside the one before, for the day when the memory cannot be read. StateError."""

    @property
    def awaits_configuration(self) -> bool:
        """True if the configuration was lost while services have what it said: less than all must not replace that."""

    @property
    def configuration_lost(self) -> float | None:
        """When it was lost, in seconds since the epoch; None: it was not, or it has come back."""

    def await_configuration(self, *, is_lost: bool) -> None: ...

    # generations and their instances
    def know_generation(self, service: ServiceName, generation: int) -> None:
        """Give no number from now on that is not greater; nothing happens when that is so already."""

    def next_generation(self, service: ServiceName) -> int:
        """Return a number never given to this service before."""

    def save_instance(self, instance: Instance, state: InstanceState) -> None: ...

    def set_state(self, service: ServiceName, generation: int, state: InstanceState) -> None: ...

    def instances(self, service: ServiceName | None = None) -> tuple[tuple[Instance, InstanceState], ...]:
        """Every instance that is not retired, oldest first."""

    def move_active(self, service: ServiceName, candidate: int, former: int | None) -> None:
        """Make `candidate` the active and `former` a former, in one transaction."""

    # the journal
    def open_handover(self, handover: Handover, now: float) -> Handover:
        """Record a new hand-over; return it with its id."""

    def record(self, handover: Handover, phase: Step | None, now: float) -> None:
        """Record where it stands, before that is acted on; the phase before it is closed."""

    def amend(self, handover: Handover) -> None:
        """Record facts about a hand-over within its phase."""

    def open_handovers(self) -> tuple[Handover, ...]: ...

    def history(self, service: ServiceName | None, limit: int) -> tuple[HandoverRecord, ...]:
        """Newest first."""

    # wishes
    def desired(self, service: ServiceName) -> Version | None: ...

    def set_desired(self, service: ServiceName, version: Version) -> None: ...

    def previous(self, service: ServiceName) -> Version | None:
        """Return the version that a rollback returns to: the one that was active before."""

    def set_previous(self, service: ServiceName, version: Version | None) -> None: ...

    def pinned(self, service: ServiceName) -> bool: ...

    def set_pinned(self, service: ServiceName, is_pinned: bool) -> None: ...

    def count_restart(self, service: ServiceName) -> None: ...

    def restarts(self, service: ServiceName) -> int: ...

    # releases and definitions
    def save_release(self, release: Release, definitions: Mapping[Digest, Mapping[str, bytes]]) -> None: ...

    def releases(self) -> tuple[Release, ...]:
        """Oldest import first."""

    def remove_release(self, release: str) -> None: ...

    def attached(self, path: str) -> str | None:
        """The fingerprint that a medium had when it was taken in."""

    def set_attached(self, path: str, fingerprint: str) -> None: ...

    def current_release(self) -> str | None: ...

    def set_current_release(self, release: str) -> None: ...

    def counted(self, service: ServiceName) -> str | None:
        """Return the counts of all generations of a service, as JSON."""

    def save_counted(self, service: ServiceName, text: str) -> None: ...

    def definition(self, digest: Digest) -> Mapping[str, bytes] | None: ...

    # configuration
    def bags(self) -> str | None:
        """The configuration as the intake keeps it, as JSON."""

    def save_bags(self, bags: str, commands: Iterable[str]) -> None:
        """Keep the configuration and the identities of the commands that went into it; the oldest may be forgotten."""

    def erase(self) -> None:
        """Remove configuration that was replaced from the files on the disk, where it may still be readable.

        Nothing happens when none was replaced since the last time. StateError.
        """

    def taken_commands(self) -> frozenset[str]: ...

    # sums over every hand-over there ever was
    def handover_totals(self) -> tuple[tuple[str, str, str, int], ...]:
        """(service, kind, outcome, count)."""

    def phase_totals(self) -> tuple[tuple[str, str, float, int], ...]:
        """(service, phase, sum of seconds, count)."""

    # the audit log
    def log_event(self, event: EventRecord) -> None: ...

    def events(self, after: int) -> tuple[tuple[int, EventRecord], ...]:
        """Events with an id greater than `after`, oldest first."""
