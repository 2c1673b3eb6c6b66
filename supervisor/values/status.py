"""The values that the supervisor shows: the command line, the API and the metrics all read these.

`surface/api/codec.py` carries every field by its name; a new field also needs one in `supervisor.proto`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from supervisor.values.undertaking import UndertakingState

Moment = Annotated[float, "seconds since the epoch"]


class ServiceState(StrEnum):
    ABSENT = "absent"  # no generation was ever accepted
    STARTING = "starting"
    RUNNING = "running"
    DEGRADED = "degraded"  # serving, but not on the desired generation or configuration
    FAILED = "failed"  # not serving
    OVERLOADED = "overloaded"  # its clients fill it: it serves those that got in, and others wait
    STOPPED = "stopped"  # reserved: it is in the API and a series of the metrics, and no service is in it


@dataclass(frozen=True, slots=True)
class HandoverStatus:
    """A hand-over under way. `phase` is the step that it is at."""

    id: int
    kind: str  # swap, upgrade, rollback, configure, restart, start, heal, fall-back, retry, migrate
    phase: str
    direction: str  # forward, undo
    from_version: str | None
    to_version: str
    generation: int
    started: Moment
    message: str = ""


@dataclass(frozen=True, slots=True)
class DrainingStatus:
    """A former active that finishes its connections."""

    generation: int
    version: str
    connections: int
    deadline: Moment


@dataclass(frozen=True, slots=True)
class UndertakingStatus:
    """The status of a thing that a service is to bring about with others: a tunnel, say."""

    name: str
    what: str
    state: UndertakingState
    since: Moment | None  # up, or not up; None: not looked at yet
    calls: int  # that the supervisor made since it looks after it
    associations: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """A service as it is now. What is None is not there: no generation is active."""

    name: str
    state: ServiceState
    is_ready: bool
    version: str | None
    generation: int | None
    image: str | None
    since: Moment | None
    restarts: int
    handover: HandoverStatus | None
    message: str
    draining: tuple[DrainingStatus, ...]
    is_pinned: bool
    desired_version: str | None
    memory_bytes: int | None  # of the active container, when it was last measured
    cpu_seconds: float | None  # since it was started
    undertakings: tuple[UndertakingStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleasedServiceStatus:
    """A service of a release."""

    name: str
    version: str
    image: str


@dataclass(frozen=True, slots=True)
class ReleaseStatus:
    """A release that was imported."""

    release: str
    created: str
    source: str
    is_verified: bool
    services: tuple[ReleasedServiceStatus, ...]
    is_current: bool  # the release that the services were last told to follow
    signed_by: tuple[str, ...] = ()  # names of keys; empty: an earlier supervisor imported it
    doubt: str = ""  # why nothing of it is started anew; empty: it may be


@dataclass(frozen=True, slots=True)
class TrustKeyStatus:
    """A key that the root names, or that is revoked."""

    id: str
    name: str
    roles: tuple[str, ...]  # root, release
    is_revoked: bool
    reason: str


@dataclass(frozen=True, slots=True)
class TrustStatus:
    """What the router trusts. Root 0 is no document but the folder of plain keys."""

    root: int
    root_threshold: int
    release_threshold: int
    expires: Moment | None  # None: never
    minimum_release: str  # no release before it is started; empty: any
    keys: tuple[TrustKeyStatus, ...]
    message: str  # what an operator should do something about; empty: nothing


@dataclass(frozen=True, slots=True)
class ServiceSbom:
    """The bill of materials of a service's image, as it came in the bundle (CycloneDX, JSON); empty: it has none."""

    service: str
    version: str
    image: str
    document: str


@dataclass(frozen=True, slots=True)
class PackageChange:
    """A Debian package whose version differs between two releases, in the images of `services`.

    `former` or `later` is None where it is missing. The CVE ids are those that the changelog of one version names and
    that of the other does not.
    """

    package: str
    former: str | None
    later: str | None
    services: tuple[str, ...]
    fixed: tuple[str, ...]
    reopened: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContainedPackage:
    """A Debian package in the image of a generation that is alive.

    `package` and `package_version` are None where the image's bundle has no bill of materials: nothing is known then.
    """

    service: str
    version: str
    generation: int
    state: str  # of the generation: candidate, active, former
    package: str | None
    package_version: str | None


@dataclass(frozen=True, slots=True)
class SecretsStatus:
    """The way that passwords, keys and user data are stored. `key` and `former` are ids, which tell nothing of keys."""

    source: str  # file, credential, tpm, none
    place: str  # of the keys
    is_encrypted: bool  # all that is stored, copies included
    key: str = ""  # what is stored is encrypted with it; empty: there is none
    former: tuple[str, ...] = ()  # that something may still be encrypted with
    pending: str = ""  # what is still to be encrypted anew; empty: nothing
    message: str = ""  # what is wrong; empty: nothing


@dataclass(frozen=True, slots=True)
class SupervisorStatus:
    """The supervisor as it is now, with all services that a release has brought."""

    version: str
    pid: int
    started: Moment
    engine: str
    engine_version: str
    is_ready: bool  # every service of the catalog is ready
    message: str
    bundle: ReleaseStatus | None  # the release that the services were last told to follow
    services: tuple[ServiceStatus, ...]
    secrets: SecretsStatus | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """A line of a long operation. The last line has `is_final`; `error` is set when it did not succeed."""

    service: str
    phase: str
    message: str
    fraction: float | None = None
    elapsed: float = 0.0
    is_final: bool = False
    error: str | None = None
    part: str = ""  # a configuration file, or a part of the configuration: `phase` is what became of it


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """The change that an upgrade would make to a service."""

    service: str
    action: str  # nothing, start, swap, reload, configure
    from_version: str | None
    to_version: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class HandoverRecord:
    """A hand-over of the journal. `phases` are its steps, as (name, seconds)."""

    id: int
    service: str
    kind: str
    from_version: str | None
    to_version: str
    generation: int
    started: Moment
    finished: Moment | None
    outcome: str  # running, succeeded, reverted, failed
    reason: str
    seconds_to_cutover: float | None
    phases: tuple[tuple[str, float], ...]
    waived: tuple[str, ...] = ()  # soak, judgement: the safeguards that an operator let it go without


@dataclass(frozen=True, slots=True)
class EventRecord:
    """An entry of the audit log. `service` is empty where the event is about the whole router."""

    time: Moment
    service: str
    name: str
    message: str
