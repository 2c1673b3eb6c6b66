"""The syntax of a manifest, declared once: its reader and its JSON Schema both come from here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from supervisor.documents import (
    Boolean,
    Choice,
    Field,
    ListOf,
    MapOf,
    Number,
    Optional,
    Record,
    Schema,
    Text,
    Version,
)
from supervisor.edges.catalog.questions import (
    ADMISSION,
    CAUTIONS,
    COUNTED,
    ERRORS,
    KNOWLEDGE,
    LIVENESS,
    READINESS,
    REPLAY,
    UNDERTAKING,
    VERIFICATION,
)
from supervisor.edges.catalog.shares import FAIR
from supervisor.edges.catalog.takeover import TAKEOVER
from supervisor.edges.catalog.vocabulary import (
    ABSOLUTE,
    CAPABILITY,
    COMMAND,
    DEVICE,
    DURATION,
    DURATION_OR_ZERO,
    EXPRESSION,
    MODE,
    NAME,
    PORT_EXPRESSION,
    PROCESSORS,
    RELATIVE,
    SIGNAL,
    SIZE,
    SOCKET_FAMILY,
    SYSCALL,
    TEMPLATE,
    USER,
    WEIGHT,
)
from supervisor.values.bounds import LEAST, MOST, Bounds
from supervisor.values.manifest import (
    Check,
    ConfigFile,
    Drain,
    Frontend,
    InsidePort,
    Limits,
    NetworkMode,
    OnChange,
    Ownership,
    Probe,
    Protocol,
    Reload,
    RuntimeFolder,
    Seccomp,
    StateSharing,
    StateVolume,
    Stop,
    Strategy,
    TmpfsMount,
    User,
)


def _tmpfs(mount: str, size: int, mode: str = "1777") -> TmpfsMount:
    return TmpfsMount(mount, size, int(mode, 8) if isinstance(mode, str) else 0)  # a refused mode is FAULTY here


def _volume(
    name: str,
    mount: str,
    sharing: StateSharing,
    user: User | None = None,
    replay: Probe | None = None,
    owned: Ownership | None = None,
    spent: bool = False,
) -> StateVolume:
    return StateVolume(name, mount, sharing, user, replay, owned, spent)  # type: ignore[arg-type]  # see `definition`


def _runtime(name: str, mount: str, user: User | None = None) -> RuntimeFolder:
    return RuntimeFolder(name, mount, user)  # type: ignore[arg-type]  # filled in by `definition`


_ON_CHANGE = Choice.of(OnChange)
CONFIG = Record(
    ConfigFile,
    (
        Field("template", RELATIVE, True, about="file below templates/"),
        Field("target", TEMPLATE, True, about="template: path below /config"),
        Field("each", EXPRESSION, about="expression giving a sequence: one file for every item"),
        Field("when", EXPRESSION, about="expression: the file is left out when it is false"),
        Field("secret", Boolean(), name="is_secret", about="mode 0600, owned by the daemon's user"),
        Field("on_add", _ON_CHANGE),
        Field("on_change", _ON_CHANGE),
        Field("on_remove", _ON_CHANGE),
    ),
)
RUNTIME = Record(_runtime, (Field("name", NAME, True), Field("mount", ABSOLUTE, True), Field("user", USER)))
TMPFS = Record(_tmpfs, (Field("mount", ABSOLUTE, True), Field("size", SIZE, True), Field("mode", MODE)))
CHECK = Record(Check, (Field("command", COMMAND, True), Field("timeout", DURATION)))
SECCOMP = Record(
    Seccomp,
    (
        Field("syscalls", ListOf(SYSCALL, is_set=True), about="names of syscalls(2)"),
        Field("families", ListOf(SOCKET_FAMILY, is_set=True), about="of sockets, beside unix, inet and inet6"),
    ),
)
RELOAD = Record(Reload, (Field("signal", SIGNAL), Field("command", COMMAND)), exactly_one_of=("signal", "command"))
FRONTEND = Record(
    Frontend,
    (
        Field("name", TEMPLATE, True, about="template; unique within the service"),
        Field("protocol", Choice.of(Protocol), True),
        Field("port", PORT_EXPRESSION, True, about="expression: the port that clients use"),
        Field("inside", PORT_EXPRESSION, True, about="isolated: expression; router: the name of a port of `ports`"),
        Field("address", EXPRESSION, about="isolated only: expression giving the address that clients use"),
        Field("interfaces", EXPRESSION, about="expression giving names of the interfaces at which clients may call"),
        Field("each", EXPRESSION, about="expression giving a sequence: one frontend for every item"),
        Field("open", EXPRESSION, about="expression: while it is false, nothing is led there"),
        Field("fair", FAIR, about="tcp only: the share of it that one source may have"),
    ),
)


def _bounds(most: Mapping[str, int] = MappingProxyType({}), least: Mapping[str, int] = MappingProxyType({})) -> Bounds:
    return Bounds(tuple(most.items()), tuple(least.items()))


def _ranges(known: Mapping[str, tuple[int, int]]) -> Record:
    return Record(dict, tuple(Field(name, Number(*allowed)) for name, allowed in known.items()))


BOUNDS = Record(_bounds, (Field("most", _ranges(MOST)), Field("least", _ranges(LEAST))))
OWNERSHIP = Record(
    Ownership,
    (
        Field("file", Text(r"[A-Za-z0-9_][A-Za-z0-9._-]*", "must be the name of a file in the volume"), True),
        Field("item", Text(), True, about="regular expression of a whole line: its groups name the owner"),
        Field("owners", Text(), True, about="target of an entry of `config`: a line for each owner"),
    ),
)
STATE = Record(
    _volume,
    (
        Field("name", NAME, True),
        Field("mount", ABSOLUTE, True),
        Field("sharing", Choice.of(StateSharing), True),
        Field("user", USER, about="owner of the folder; the service's user when absent"),
        Field(
            "spent",
            Boolean(),
            about="shared only: its folder `spent` names the items of configuration that were used up",
        ),
        Field(
            "replay", REPLAY, about="copied only: how a candidate learns what came between the last copy and the cut"
        ),
        Field("owned", OWNERSHIP, about="copied only: which lines of a file end with their owner"),
    ),
)


def _frontends_need(network: NetworkMode, key: str, never: str | None = None) -> Schema:
    item: Schema = {"required": [key], **({"not": {"required": [never]}} if never else {})}
    return {
        "if": {"properties": {"network": {"const": str(network)}}, "required": ["network"]},
        "then": {"properties": {"frontends": {"items": item}}},
    }


def _reload_needed() -> Schema:
    asks = {"anyOf": [{"properties": {key: {"const": "reload"}}, "required": [key]} for key in _ON_KEYS]}
    return {
        "if": {"properties": {"config": {"contains": asks}}, "required": ["config"]},
        "then": {"required": ["reload"]},
    }


_TAKEOVER_NEEDED: Schema = {
    "if": {"required": ["takeover"]},
    "then": {"properties": {"strategy": {"const": str(Strategy.TAKEOVER)}}},
}
_ON_KEYS = ("on_add", "on_change", "on_remove")

MANIFEST = Record(
    dict,
    (
        Field("schema", Version((1, 2)), True, about="version of this syntax; 1 is older"),
        Field("name", NAME, True, about="the name of the folder"),
        Field("summary", Text(r"[^\x00-\x1f]+", "must be one line", 200), True),
        Field("network", Choice.of(NetworkMode), True),
        Field("strategy", Choice.of(Strategy), True),
        Field("command", COMMAND, True),
        Field("user", USER, True),
        Field(
            "limits",
            Record(
                Limits,
                (
                    Field("memory", SIZE, True, "memory_bytes"),
                    Field("pids", Number(1, 1 << 22), True),
                    Field("nofile", Number(1, 1 << 20), True),
                    Field("cpu", PROCESSORS, about="processors; as many as the router allows when absent"),
                    Field("cpu_weight", WEIGHT, about="while processors are scarce; 100 when absent"),
                ),
            ),
            True,
        ),
        Field("capabilities", ListOf(CAPABILITY, is_set=True)),
        Field("devices", ListOf(DEVICE, is_set=True)),
        Field("seccomp", SECCOMP, about="what it needs beyond every daemon; absent: the engine's own profile"),
        Field(
            "environment", MapOf(Text(r"[A-Za-z_][A-Za-z0-9_]*", "must be the name of a variable"), Text(r"[^\x00]*"))
        ),
        Field("ports", MapOf(NAME, Optional(Number(1, 65535))), about="null: allocated for each generation"),
        Field("config", ListOf(CONFIG)),
        Field("state", ListOf(STATE)),
        Field("runtime", ListOf(RUNTIME)),
        Field("tmpfs", ListOf(TMPFS)),
        Field("checks", ListOf(CHECK)),
        Field("reload", RELOAD),
        Field("frontends", ListOf(FRONTEND)),
        Field("readiness", READINESS, True),
        Field("liveness", LIVENESS, True),
        Field("verification", VERIFICATION, about="after the cut-over: the path that clients take"),
        Field("admission", ADMISSION, about="a way in that clients cannot fill: what answers there is full, not hung"),
        Field("survey", LIVENESS, about="single items, some at a time: what fails is named, and changes nothing"),
        Field("stop", Record(Stop, (Field("signal", SIGNAL), Field("timeout", DURATION)))),
        Field("drain", Record(Drain, (Field("deadline", DURATION_OR_ZERO, True), Field("signal", SIGNAL))), True),
        Field("soak", DURATION_OR_ZERO),
        Field("cautions", ListOf(CAUTIONS), about="what a plan asks before, of others that the version depends on"),
        Field("errors", ListOf(ERRORS), about="counters of failed work; a jump while the hand-over soaks reverts it"),
        Field("undertakings", ListOf(UNDERTAKING), about="what it is to bring about with others, item by item"),
        Field("receive_buffer", SIZE, name="receive_buffer_bytes", about="of the daemon's UDP sockets"),
        Field("takeover", TAKEOVER, about="strategy takeover only: while one daemon takes the place of another"),
        Field("knowledge", ListOf(KNOWLEDGE), about="what a candidate is told of what the former active knows"),
        Field("counters", COUNTED, about="a table whose numbers are carried over from generation to generation"),
        Field("sync_port", Number(1, 65535), about="isolated only: where generations of the service reach each other"),
        Field("masquerades", Boolean()),
        Field("bounds", BOUNDS, about="parts of the configuration beyond these are refused by name"),
        Field("requires", ListOf(NAME, is_set=True), about="services that must be in the same bundle"),
    ),
    conditions=(
        _frontends_need(NetworkMode.ISOLATED, "address"),
        _frontends_need(NetworkMode.ROUTER, "interfaces", "address"),
        _reload_needed(),
        _TAKEOVER_NEEDED,
    ),
)


def inside_ports(pairs: tuple[tuple[str, int | None], ...]) -> tuple[InsidePort, ...]:
    """Return the ports that a manifest lists by name."""
    return tuple(InsidePort(name, number) for name, number in pairs)


def json_schema() -> Schema:
    """Return the syntax as JSON Schema. It has no words for what `rules` check: that a template exists, for one."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Service manifest of vr-supervisor",
        **MANIFEST.schema(),
    }
