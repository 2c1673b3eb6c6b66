"""A service's declaration, as its `manifest.yaml` says it: what runs, what it reaches, how it is handed over.

Texts marked *expression* are Jinja2 expressions over `router` (RouterConfig), `instance` (see `state.Instance`) and,
where `each` is given, `item`. Texts marked *template* are Jinja2 templates over the same names. Both are resolved at
the rendering edge; nothing else interprets them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from supervisor.values.names import ServiceName


class NetworkMode(StrEnum):
    ISOLATED = "isolated"  # a network namespace for each generation; traffic arrives by address translation
    ROUTER = "router"  # the router's own namespace; traffic arrives by a rewrite of the port


class Strategy(StrEnum):
    OVERLAP = "overlap"  # both generations run; traffic moves in one transaction
    TAKEOVER = "takeover"  # two cannot run; the kernel keeps the data plane while they change places


class Protocol(StrEnum):
    TCP = "tcp"
    UDP = "udp"


class OnChange(StrEnum):
    """What a changed configuration file asks for, cheapest first."""

    LIVE = "live"  # the daemon notices the file by itself
    RELOAD = "reload"  # `reload` of the manifest is carried out
    INSTANCE = "instance"  # a new generation takes over


@dataclass(frozen=True, slots=True)
class User:
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Limits:
    memory_bytes: int
    pids: int
    nofile: int


@dataclass(frozen=True, slots=True)
class InsidePort:
    """A port the daemon listens on. In router mode the number is allocated for each generation (`number` is None)."""

    name: str
    number: int | None = None


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A template (or, with `each`, one file for every item) below the container's `/config`."""

    template: str  # file below templates/
    target: str  # template: path below /config
    each: str | None = None  # expression giving a sequence
    when: str | None = None  # expression; false: the file is left out
    is_secret: bool = False  # mode 0600, owned by the daemon's user; 0644 otherwise
    on_add: OnChange = OnChange.INSTANCE
    on_change: OnChange = OnChange.INSTANCE
    on_remove: OnChange = OnChange.INSTANCE


class StateSharing(StrEnum):
    SHARED = "shared"  # one folder, safe for two generations at once
    COPIED = "copied"  # each generation writes its own; the candidate starts from a copy


@dataclass(frozen=True, slots=True)
class RuntimeFolder:
    """A folder for control sockets and pid files, seen by the supervisor; empty for each generation."""

    name: str
    mount: str
    user: User


@dataclass(frozen=True, slots=True)
class TmpfsMount:
    mount: str
    size_bytes: int
    mode: int


@dataclass(frozen=True, slots=True)
class Reload:
    """How a running daemon is told to read its configuration again: a signal or a command inside the container."""

    signal: str | None = None
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Frontend:
    """What clients reach.

    isolated: `address` (expression) and `port` (expression) outside; `inside` (expression) is the port in the
    namespace. router: `port` outside, `inside` the name of an inside port, on the interfaces that `interfaces`
    (expression giving a sequence of names) lists. With `each`, one frontend for every item.
    """

    name: str  # template
    protocol: Protocol
    port: str
    inside: str
    address: str | None = None
    interfaces: str | None = None
    each: str | None = None
    open: str | None = None  # expression; while it is false, nothing is led there


class ProbeKind(StrEnum):
    DNS = "dns"
    DHCP = "dhcp"
    HTTP = "http"
    TCP = "tcp"
    SOCKET = "socket"  # a line to a unix control socket, a pattern for its answer
    VICI = "vici"
    EXEC = "exec"  # a command inside the container
    ANSWERS = "answers"  # counters only: response codes of DNS answers, counted on their way out
    LEASES = "leases"  # replays only: DHCP leases, as a file of the daemon's lists them


class Needs(StrEnum):
    """How many of the probes that one entry with `each` gives have to hold."""

    ALL = "all"
    ONE = "one"  # the others are named where a survey asks for them: one item does not decide for all


@dataclass(frozen=True, slots=True)
class Probe:
    """One question put to the daemon. `arguments` are templates; their names depend on the kind (docs/manifest.md)."""

    kind: ProbeKind
    arguments: tuple[tuple[str, str], ...]
    timeout: float = 1.0
    each: str | None = None
    when: str | None = None
    needs: Needs = Needs.ALL


@dataclass(frozen=True, slots=True)
class StateVolume:
    """A folder whose content outlives a generation. Never shared between services."""

    name: str
    mount: str
    sharing: StateSharing
    user: User  # who owns the folder
    replay: Probe | None = None  # copied only: how the candidate is told what came between the last copy and the cut


@dataclass(frozen=True, slots=True)
class Watch:
    """A set of probes asked together every `interval` seconds; `threshold` verdicts in a row change the state."""

    probes: tuple[Probe, ...]
    interval: float
    threshold: int
    deadline: float = 30.0  # readiness of a candidate only: how long it may take


@dataclass(frozen=True, slots=True)
class Check:
    """A command that the candidate's image runs over the rendered configuration before it may start."""

    command: tuple[str, ...]
    timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class Stop:
    signal: str = "SIGTERM"
    timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class Drain:
    """How the former active finishes. `signal`, if any, asks it to refuse new work and leave when idle."""

    deadline: float
    signal: str | None = None


@dataclass(frozen=True, slots=True)
class Takeover:
    """What the kernel needs of the supervisor while one daemon takes the place of another."""

    encapsulation: int | None = None  # UDP port of encapsulated ESP, which needs a socket while no daemon has one
    clears_associations: bool = False  # those that a killed daemon left are deleted once the next has replaced them


@dataclass(frozen=True, slots=True)
class ErrorCounter:
    """Where a daemon tells how much of its work has failed so far; compared while a hand-over soaks.

    `failed` and `total` are regular expressions: the numbers that their groups find are added up over all matches, for
    each text of a group called `name` apart. No more than `share` of what is new may have failed, besides the share
    that failed with the former active.
    """

    name: str  # what is counted, as a plural: requests
    source: Probe  # where to read: without `expect`
    failed: str
    total: str
    share: float  # 0 to 1
    minimum: int  # this many failed, before anything is said


@dataclass(frozen=True, slots=True)
class ServiceManifest:
    """One service of the catalog."""

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
    stop: Stop = Stop()
    soak: float = 30.0
    receive_buffer_bytes: int | None = None  # of its UDP sockets; None: the kernel's default
    takeover: Takeover = Takeover()
    verification: Watch | None = None  # of what was just given traffic, as clients reach it; None: as `readiness`
    errors: tuple[ErrorCounter, ...] = ()
    survey: Watch | None = None  # of single items: what fails is named, and changes nothing
    masquerades: bool = False  # isolated: it may connect to others, with the router's address
    requires: tuple[str, ...] = ()  # services that must be in the same bundle; checked with its index


@dataclass(frozen=True, slots=True)
class ServiceDefinition:
    """A manifest with the templates that came beside it."""

    manifest: ServiceManifest
    templates: tuple[tuple[str, str], ...]  # name below templates/, text
