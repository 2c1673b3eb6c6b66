"""A service's declaration, as its `manifest.yaml` says it: what runs, what it reaches, how it is handed over.

Texts marked *expression* are Jinja2 expressions over `router` (RouterConfig), `instance` (see `state.Instance`) and,
where `each` is given, `item`. Texts marked *template* are Jinja2 templates over the same names. Both are resolved at
the rendering edge; nothing else interprets them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from supervisor.values.bounds import NO_BOUNDS, Bounds
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
    TLS = "tls"  # the certificate that a client gets is the one in a configuration file
    SOCKET = "socket"  # a line to a unix control socket, a pattern for its answer
    VICI = "vici"
    EXEC = "exec"  # a command inside the container
    ANSWERS = "answers"  # counters only: response codes of DNS answers, counted on their way out
    LEASES = "leases"  # replays only: DHCP leases, as a file of the daemon's lists them


class Needs(StrEnum):
    """The number of probes that have to hold, of those that one entry with `each` gives."""

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
class Ownership:
    """The rule by which lines of a file of copied state end with their owner.

    All of such a line matches the regular expression `item`, and its groups, joined by spaces, name the owner.
    """

    file: str  # in the volume
    item: str
    owners: str  # file below /config: a line for each owner that there is


@dataclass(frozen=True, slots=True)
class StateVolume:
    """A folder whose content outlives a generation. Never shared between services."""

    name: str
    mount: str
    sharing: StateSharing
    user: User  # who owns the folder
    replay: Probe | None = None  # copied only: how the candidate is told what came between the last copy and the cut
    owned: Ownership | None = None  # copied only: what is neither copied nor replayed once its owner is gone
    has_spent: bool = False  # shared only: the daemon lists in a folder `spent` which items of configuration it used up


@dataclass(frozen=True, slots=True)
class Awaited:
    """Something that a daemon finds out by itself, and that a candidate shall know before it is given traffic.

    `unknown` and `total` are regular expressions; each match in the daemon's answer is one thing that is not known yet,
    or one of all. It is waited for no longer than `at_most` seconds: readiness never fails because of it.
    """

    what: str  # for the progress: "the first check of {unknown} of {total} members"
    source: Probe  # where to read: without `expect`
    unknown: str
    total: str | None = None
    at_most: float = 1.0


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Knowledge of the former active that a candidate is given before it gets traffic.

    `known` and `same` are regular expressions: the first finds in the former's answer what is to be told, the second in
    the candidate's whom it may be told of. A match is told if all named groups of `same` have equal texts in both.
    """

    source: Probe  # a socket of both: without `send` it is where the lines go
    known: str
    same: str
    tell: str  # the line, with {group} of `known`


@dataclass(frozen=True, slots=True)
class Counters:
    """A daemon's table of counters, comma separated, whose first line names the columns.

    What former generations have counted in `columns` is added, row by row: a row is known by the columns of `key`.
    """

    source: Probe
    key: tuple[str, ...]
    columns: tuple[str, ...]
    published: tuple[str, ...] = ()  # those of `columns` that are metrics, too
    session: tuple[str, ...] = ()  # lines that begin a session which the daemon answers while it finishes
    prompt: str = "\n> "  # ends each answer in it


@dataclass(frozen=True, slots=True)
class Watch:
    """A set of probes asked together every `interval` seconds; `threshold` verdicts in a row change the state."""

    probes: tuple[Probe, ...]
    interval: float
    threshold: int
    deadline: float = 30.0  # readiness of a candidate only: how long it may take
    awaited: tuple[Awaited, ...] = ()  # readiness of a candidate only, once its probes hold


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
class Count:
    """Regular expressions for one text: the numbers that their groups find are added up over all matches.

    For each text of a group called `name`, and each of one called `source`, apart. Other named groups are numbers, too:
    the name is what messages call them.
    """

    total: str
    failed: str | None = None
    answered: str | None = None
    declined: str | None = None  # servers only


@dataclass(frozen=True, slots=True)
class ErrorCounter:
    """A counter of a daemon's failed work, compared while a hand-over soaks.

    A client sees more failures than before when more than `share` of its new work failed, besides the share that
    failed with the former active. No more than `clients` of them may. See `decisions.error_rate`.
    """

    name: str  # what is counted, as a plural: requests
    source: Probe  # where to read: without `expect`
    failed: str | None
    total: str
    share: float  # 0 to 1
    minimum: int  # this many failed, before anything is said; more of one client count as this many
    answered: str | None = None  # what is neither answered nor failed after `patience` has failed
    patience: float = 0.0
    clients: float = 0.1  # 0 to 1
    servers: Count | None = None  # what other servers answered the daemon: their failures are not its own

    @property
    def parts(self) -> Count:
        return Count(self.total, self.failed, self.answered)


@dataclass(frozen=True, slots=True)
class Undertaking:
    """A thing that the daemon is to bring about with others, for each item: to have loaded it is not enough.

    `probe` says whether it is up. `call` makes the daemon try again, after `pause` at first and `longest` at most
    between two calls. It is connecting until it was not up for `patience` seconds; then it is down.
    """

    name: str  # template; unique among those of its kind
    what: str  # its kind, as a singular: tunnel
    probe: Probe
    each: str | None = None
    when: str | None = None
    call: Probe | None = None
    interval: float = 5.0  # between two looks while it is up
    patience: float = 15.0
    pause: float = 5.0
    longest: float = 60.0
    most: int = 4  # associations of each of its parts; with more it is not called


@dataclass(frozen=True, slots=True)
class Caution:
    """Something that this version may not get on with: shown by a plan when `reference` holds and `probe` does not."""

    text: str
    reference: Probe
    probe: Probe


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
    knowledge: tuple[Knowledge, ...] = ()
    counters: Counters | None = None
    sync_port: int | None = None  # isolated: TCP port at which its generations may reach each other, and nobody else
    cautions: tuple[Caution, ...] = ()
    bounds: Bounds = NO_BOUNDS  # of the configuration: a part that does not keep them is refused by name
    masquerades: bool = False  # isolated: it may connect to others, with the router's address
    undertakings: tuple[Undertaking, ...] = ()
    requires: tuple[str, ...] = ()  # services that must be in the same bundle; checked with its index


@dataclass(frozen=True, slots=True)
class ServiceDefinition:
    """A manifest with the templates that came beside it."""

    manifest: ServiceManifest
    templates: tuple[tuple[str, str], ...]  # name below templates/, text
