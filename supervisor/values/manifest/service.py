"""The manifest of a service as a whole, and the definition that it makes with its templates."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from supervisor.values.bounds import NO_BOUNDS, Bounds
from supervisor.values.manifest.container import DEFAULT_STOP, Check, Drain, Limits, Reload, Seccomp, Stop, User
from supervisor.values.manifest.folders import ConfigFile, RuntimeFolder, StateVolume, TmpfsMount
from supervisor.values.manifest.network import NO_TAKEOVER, Frontend, InsidePort, NetworkMode, Takeover
from supervisor.values.manifest.questions import (
    Admission,
    Caution,
    Counters,
    ErrorCounter,
    Knowledge,
    Undertaking,
    Watch,
)
from supervisor.values.names import ServiceName


class Strategy(StrEnum):
    """The way in which a candidate takes the place of the active generation."""

    OVERLAP = "overlap"  # both generations run; traffic moves in one transaction
    TAKEOVER = "takeover"  # two cannot run; the kernel keeps the data plane while they change places


PRINTED_SCHEMA = 1
"""The version of manifests whose texts see the configuration in the words and notation in which it is printed."""


@dataclass(frozen=True, slots=True)
class ServiceManifest:
    """A service of the catalog. docs/manifest.md says what each word means."""

    name: ServiceName
    summary: str
    network: NetworkMode
    strategy: Strategy
    command: tuple[str, ...]
    user: User
    limits: Limits
    readiness: Watch
    liveness: Watch
    drain: Drain
    capabilities: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    ports: tuple[InsidePort, ...] = ()
    config: tuple[ConfigFile, ...] = ()
    state: tuple[StateVolume, ...] = ()
    runtime: tuple[RuntimeFolder, ...] = ()
    tmpfs: tuple[TmpfsMount, ...] = ()
    checks: tuple[Check, ...] = ()
    reload: Reload | None = None
    frontends: tuple[Frontend, ...] = ()
    stop: Stop = DEFAULT_STOP
    soak: float = 30.0
    receive_buffer_bytes: int | None = None  # of its UDP sockets; None: the kernel's default
    takeover: Takeover = NO_TAKEOVER
    verification: Watch | None = None  # of a candidate that has just got traffic, as clients do; None: as `readiness`
    admission: Admission | None = None  # None: a daemon that is full is taken for one that hangs
    errors: tuple[ErrorCounter, ...] = ()
    survey: Watch | None = None  # of single items: those that fail are named, and nothing is changed
    knowledge: tuple[Knowledge, ...] = ()
    counters: Counters | None = None
    sync_port: int | None = None  # isolated: TCP port at which its generations may reach each other, and nobody else
    cautions: tuple[Caution, ...] = ()
    bounds: Bounds = NO_BOUNDS  # of the configuration: a part that does not meet them is refused by name
    masquerades: bool = False  # isolated: it may connect to others, with the router's address
    undertakings: tuple[Undertaking, ...] = ()
    requires: tuple[str, ...] = ()  # services that must be in the same bundle; checked with its index
    seccomp: Seccomp | None = None  # None: the engine's own profile, as before there was one of the supervisor's
    schema: int = 2  # the version of the syntax; PRINTED_SCHEMA: its texts are written for the printed configuration


@dataclass(frozen=True, slots=True)
class ServiceDefinition:
    """A manifest with the templates that came beside it."""

    manifest: ServiceManifest
    templates: tuple[tuple[str, str], ...]  # name below templates/, text
