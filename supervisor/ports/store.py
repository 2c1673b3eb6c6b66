"""The store of the supervisor by subject: the facts that outlive a loss of power.

Each protocol is one subject; `Store` is all of them. A method that writes returns when its change is on the disk; the
change is made as a whole or not at all. Every method raises StateError when the store cannot be read or written, and
may be called from any thread. Unless a method says otherwise an equal call may be repeated and changes nothing more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from supervisor.values.handover import Handover, Step
from supervisor.values.names import Digest, ImageId, ServiceName
from supervisor.values.release import InstanceState, Release, Version
from supervisor.values.state import Instance
from supervisor.values.status import EventRecord, HandoverRecord, SecretsStatus


class StoreFile(Protocol):
    """The file of the store as a whole: changes made as one, spare copies, and damage."""

    def together(self) -> AbstractContextManager[object]:
        """Make all changes of the block as one, or none when the block raises; blocks may be nested, the outer counts.

        Other threads that use the store wait for the end of the block.
        """

    @property
    def losses(self) -> tuple[str, ...]:
        """Damage that was found when the store was opened and what was done about it, one sentence each.

        Empty: there was none. Later damage raises StateError and is not added.
        """

    @property
    def changes(self) -> int:
        """Number of changes since the store was opened; it starts at zero with each process."""

    def save_copy(self) -> None:
        """Write a copy beside the store, from which the next start restores what it cannot read; two are stored.

        Each call writes a new copy, and the older of the two former ones goes.
        Raises StateError: when the copy could not be written; the former two are unchanged.
        """


class Generations(Protocol):
    """The generations of each service that are not retired, and the numbers that were given to them."""

    def reserve_generation(self, service: ServiceName, generation: int) -> None:
        """Never return this number or a smaller one from `next_generation` again."""

    def next_generation(self, service: ServiceName) -> int:
        """Return a number greater than every one before for this service, from 1; each call uses one up."""

    def save_instance(self, instance: Instance, state: InstanceState) -> None:
        """Record a generation with its state, in the place of an earlier record of it."""

    def set_state(self, service: ServiceName, generation: int, state: InstanceState) -> None:
        """Change the state of a generation; RETIRED removes its record. A generation without a record is ignored."""

    def instances(self, service: ServiceName | None = None) -> tuple[tuple[Instance, InstanceState], ...]:
        """Return every generation that is not retired, oldest first; None: those of all services, by their names."""

    def move_active(self, service: ServiceName, candidate: int, former: int | None) -> None:
        """Make `candidate` the active generation and `former` a former one, as one change; None: there was none."""


class Journal(Protocol):
    """The journal of hand-overs: what a supervisor that starts in the middle of one continues from."""

    def open_handover(self, handover: Handover, now: float) -> Handover:
        """Record a hand-over that begins and return it with its id; each call records another one.

        `now` is in seconds since the epoch. The oldest of the service's finished hand-overs is removed when there are
        more than a thousand.
        """

    def record(self, handover: Handover, step: Step | None, now: float) -> None:
        """Record that the hand-over enters `step`, before the step acts; the step before it ends at `now`.

        `now` is in seconds since the epoch; None: no step follows. Once the outcome is no longer RUNNING the hand-over
        is finished and counted in `handover_totals`: each such call counts again.
        """

    def amend(self, handover: Handover) -> None:
        """Record facts that were learnt within a step; the step goes on."""

    def open_handovers(self) -> tuple[Handover, ...]:
        """Return the hand-overs that are not finished, oldest first; empty when nothing is under way."""

    def history(self, service: ServiceName | None, limit: int) -> tuple[HandoverRecord, ...]:
        """Return at most `limit` hand-overs, newest first, unfinished ones too; None: those of all services."""


class DesiredVersions(Protocol):
    """The versions and pins that operators and media asked for, by service."""

    def desired(self, service: ServiceName) -> Version | None:
        """Return the version that should run; None: none was asked for yet."""

    def set_desired(self, service: ServiceName, version: Version) -> None:
        """Record the version that should run."""

    def previous(self, service: ServiceName) -> Version | None:
        """Return the version that a rollback returns to, the one active before; None: there is none."""

    def set_previous(self, service: ServiceName, version: Version | None) -> None:
        """Record the version that a rollback returns to; None: forget it."""

    def confirmed(self, service: ServiceName) -> Version | None:
        """Return the version that an operator has found good last; None: there is none."""

    def set_confirmed(self, service: ServiceName, version: Version) -> None:
        """Record the version that an operator has found good, over an earlier one."""

    def pinned(self, service: ServiceName) -> bool:
        """Return True if new releases must not change the service; False for an unknown service."""

    def set_pinned(self, service: ServiceName, is_pinned: bool) -> None:
        """Record whether new releases must not change the service."""


class Releases(Protocol):
    """Releases that were imported, the definitions of their services, and the media they came from."""

    def save_release(self, release: Release, definitions: Mapping[Digest, Mapping[str, bytes]]) -> None:
        """Record a release with the files of its definitions, by digest and path, in the place of one of its name.

        A copy is written beside the store, so that a damaged store can be filled from it.
        """

    def releases(self) -> tuple[Release, ...]:
        """Return every release, oldest import first."""

    def remove_release(self, release: str) -> None:
        """Remove a release, and definitions that no other release, generation or service uses; missing: nothing."""

    def definition(self, digest: Digest) -> Mapping[str, bytes] | None:
        """Return the files of a definition by path; None: there is no definition of this digest."""

    def current_release(self) -> str | None:
        """Return the name of the release that was made current last; None: none was."""

    def set_current_release(self, release: str) -> None:
        """Record the name of the current release."""

    def medium_fingerprint(self, path: str) -> str | None:
        """Return the fingerprint of the medium at `path` when it was imported; None: it was not, or must be again."""

    def set_medium_fingerprint(self, path: str, fingerprint: str) -> None:
        """Record that the medium at `path` was imported when it had this fingerprint."""


class Sboms(Protocol):
    """Bills of materials of images."""

    def save_sbom(self, image: ImageId, document: bytes) -> None:
        """Record the bill of materials of an image, in the place of an earlier one."""

    def sbom(self, image: ImageId) -> bytes | None:
        """Return the bill of materials of an image; None: none was recorded, or it was lost."""

    def remove_sboms(self, kept: Collection[ImageId]) -> None:
        """Remove those of all images but the kept ones."""


class Configuration(Protocol):
    """The router's configuration in the form of the intake (JSON, with secrets), and the commands it came from.

    It is stored encrypted. Every method but `has_configuration` raises SecretKeyError while the key is missing: what
    cannot be read is neither taken for nothing nor replaced.
    """

    def configuration(self) -> str | None:
        """Return the configuration as it was saved last; None: none was, or it was lost."""

    @property
    def has_configuration(self) -> bool:
        """True if a configuration is stored, though it may not be readable now."""

    def save_configuration(self, configuration: str, commands: Iterable[str]) -> None:
        """Record the configuration and the identities of the commands merged into it, as one change.

        Ten thousand identities are stored, or as many as one call gives; the oldest go first.
        """

    def taken_commands(self) -> frozenset[str]:
        """Return the identities of commands that were merged, as many as are stored."""

    def erase_replaced(self) -> None:
        """Remove replaced configuration from the disk, where its secrets may still be readable.

        Nothing happens when none was replaced since, or while another process reads the file: call again later.
        """

    @property
    def awaits_configuration(self) -> bool:
        """True if the configuration was lost while services still run with it: a smaller one must not replace it."""

    @property
    def configuration_lost(self) -> float | None:
        """The time when the configuration was lost, in seconds since the epoch; None: it was not, or has come back."""

    def await_configuration(self, lost: float | None) -> None:
        """Record when the configuration was lost, in seconds since the epoch; None: it has come back."""


class Secrets(Protocol):
    """The encryption of what is secret in the store, its copies, and the files that were laid aside."""

    def secrets(self) -> SecretsStatus:
        """Return how secrets are stored now; no place of keys is asked."""

    def renew_secrets(self) -> bool:
        """Do the next step towards having everything encrypted with the key in use; True: there is more to do now.

        A first key is made where there is none and nothing is encrypted yet. What fails is in `secrets`, and raises
        nothing: call again later.
        """

    def rotate_key(self) -> str:
        """Put a new key in use and return its id; `renew_secrets` does the rest, and forgets the former key at its end.

        Raises SecretKeyError: the place of the keys cannot be written, or a key is missing; the former one stays.
        """

    def abandon_secrets(self, now: float) -> str:
        """Lay aside what cannot be decrypted, and go on without; return the name of the file that has it.

        If the configuration is among it, it is awaited from `now` on, in seconds since the epoch.
        Raises SecretKeyError: everything can be decrypted, or there is no key for what is to come.
        """


class Counts(Protocol):
    """Sums that outlive the process, for metrics: over every hand-over, restart and generation there ever was."""

    def handover_totals(self) -> tuple[tuple[str, str, str, int], ...]:
        """Return finished hand-overs as (service, kind, outcome, count), sorted."""

    def step_totals(self) -> tuple[tuple[str, str, float, int], ...]:
        """Return the time spent in steps of hand-overs as (service, step, sum of seconds, count), sorted."""

    def restarts(self, service: ServiceName) -> int:
        """Return how often containers of the service were started again after they had ended by themselves."""

    def count_restart(self, service: ServiceName) -> None:
        """Count one restart; each call counts."""

    def counts(self, service: ServiceName) -> str | None:
        """Return what the daemons of the service have counted, as JSON of the ledger; None: nothing yet."""

    def save_counts(self, service: ServiceName, text: str) -> None:
        """Record what the daemons of the service have counted."""


class Audit(Protocol):
    """The audit log: the events that operators see, numbered."""

    def log_event(self, event: EventRecord) -> None:
        """Append an event; each call appends. The oldest goes when there are more than ten thousand."""

    def events(self, after: int) -> tuple[tuple[int, EventRecord], ...]:
        """Return events with an id greater than `after` (0: all), each with its id, oldest first."""


class Store(
    StoreFile, Generations, Journal, DesiredVersions, Releases, Sboms, Configuration, Secrets, Counts, Audit, Protocol
):
    """The whole store. Take the protocol of one subject where that is enough."""
