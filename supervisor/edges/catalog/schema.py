"""The syntax of a manifest, said once: the parser and the JSON Schema both come from here."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from supervisor.edges.catalog.shapes import (
    Boolean,
    Choice,
    Exactly,
    Field,
    ListOf,
    MapOf,
    Number,
    Optional,
    Quantity,
    Record,
    Schema,
    Tagged,
    Text,
)
from supervisor.values.manifest import (
    Awaited,
    Caution,
    Check,
    ConfigFile,
    Count,
    Counters,
    Drain,
    ErrorCounter,
    Frontend,
    InsidePort,
    Knowledge,
    Limits,
    Needs,
    NetworkMode,
    OnChange,
    Ownership,
    Probe,
    ProbeKind,
    Protocol,
    Reload,
    RuntimeFolder,
    StateSharing,
    StateVolume,
    Stop,
    Strategy,
    Takeover,
    TmpfsMount,
    Undertaking,
    User,
    Watch,
)

CAPABILITIES = (
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
)
"""capabilities(7), without the prefix."""
SIGNALS = tuple(sorted(item.name for item in signal.Signals if item.name not in {"SIGRTMIN", "SIGRTMAX"}))

NAME = Text(r"[a-z][a-z0-9-]{0,30}", "must be a name: lower case letters, digits and dashes, at most 31")
TEMPLATE = Text()
EXPRESSION = Text()
ARGUMENT = Text(takes_numbers=True)
PORT_EXPRESSION = Text(takes_numbers=True)
ABSOLUTE = Text(
    r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._@:+-]+)+", "must be an absolute path without '..', '//' or a slash at its end"
)
DEVICE = Text(r"/dev(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._:-]+)+", "must be a path below /dev")
RELATIVE = Text(
    r"(?!\.)[A-Za-z0-9._@:+-]+(?:/(?!\.)[A-Za-z0-9._@:+-]+)*",
    "must be a path below templates/, of letters, digits and ._@:+-",
)
_TIME_UNITS = (("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0))
DURATION = Quantity("duration", "30s", _TIME_UNITS, 86400.0)
DURATION_OR_ZERO = Quantity("duration", "30s", _TIME_UNITS, 86400.0, may_be_zero=True)
SIZE = Quantity("size", "64MiB", (("KiB", 1024), ("MiB", 1 << 20), ("GiB", 1 << 30)), float(1 << 40), is_whole=True)
SHARE = Quantity("share", "5%", (("%", 0.01),), 1.0)
COMMAND = ListOf(Text(), minimum=1)
SIGNAL = Choice(SIGNALS)
_ID = Number(0, 65535)
USER = Record(User, (Field("uid", _ID, True), Field("gid", _ID, True)))
MODE = Text(r"[0-7]{3,4}", 'must be an octal mode in quotes, like "1777"')


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
RELOAD = Record(Reload, (Field("signal", SIGNAL), Field("command", COMMAND)), exactly_one_of=("signal", "command"))
FRONTEND = Record(
    Frontend,
    (
        Field("name", TEMPLATE, True, about="template; unique within the service"),
        Field("protocol", Choice.of(Protocol), True),
        Field("port", PORT_EXPRESSION, True, about="expression: the port that clients use"),
        Field("inside", PORT_EXPRESSION, True, about="isolated: expression; router: the name of a port of `ports`"),
        Field("address", EXPRESSION, about="isolated only: expression giving the address that clients use"),
        Field("interfaces", EXPRESSION, about="router only: expression giving names of interfaces"),
        Field("each", EXPRESSION, about="expression giving a sequence: one frontend for every item"),
        Field("open", EXPRESSION, about="expression: while it is false, nothing is led there"),
    ),
)

TAKEOVER = Record(
    Takeover,
    (
        Field("encapsulation", Number(1, 65535), about="UDP port of encapsulated ESP: held while no daemon listens"),
        Field(
            "associations",
            Boolean(),
            name="clears_associations",
            about="what a killed daemon left in the kernel is deleted once it has been replaced",
        ),
    ),
)


def _arguments(required: str, optional: str, extra: tuple[Text, Text] | None = None) -> Record:
    named = [Field(name, ARGUMENT, True) for name in required.split()]
    named += [Field(name, ARGUMENT) for name in optional.split()]
    common = (
        Field("timeout", DURATION),
        Field("each", EXPRESSION),
        Field("when", EXPRESSION),
        Field("needs", Choice.of(Needs), about="with `each`: must all of them hold, or one?"),
    )
    return Record(dict, (*named, *common), extra=extra)


PROBES = {
    ProbeKind.DNS: _arguments("port name", "address type protocol expect codes edns"),
    ProbeKind.DHCP: _arguments("address port mac", "expect"),
    ProbeKind.HTTP: _arguments(
        "port path", "address method status expect", (Text(r"header_[A-Za-z][A-Za-z0-9_-]*"), ARGUMENT)
    ),
    ProbeKind.TCP: _arguments("port", "address"),
    ProbeKind.TLS: _arguments("port file", "address name"),
    ProbeKind.SOCKET: _arguments("runtime path", "send expect"),
    ProbeKind.VICI: _arguments("runtime path", "connections"),
    ProbeKind.EXEC: _arguments("command", "expect"),
}
COUNTERS = {kind: PROBES[kind] for kind in (ProbeKind.HTTP, ProbeKind.SOCKET, ProbeKind.EXEC)} | {
    ProbeKind.ANSWERS: _arguments("port", "servers")
}
"""What answers with a text."""
LOOKS = PROBES | {ProbeKind.VICI: _arguments("runtime path connection children", "")}
CALLS = {ProbeKind.VICI: _arguments("runtime path connection", ""), ProbeKind.EXEC: _arguments("command", "")}


def _probe(kind: str, found: Mapping[str, Any]) -> Probe:
    own = {key: found[key] for key in ("timeout", "each", "when", "needs") if key in found}
    return Probe(ProbeKind(kind), tuple((key, text) for key, text in found.items() if key not in own), **own)


PROBE = Tagged(tuple((str(kind), shape) for kind, shape in PROBES.items()), _probe)
SOURCE = Tagged(((str(ProbeKind.SOCKET), _arguments("runtime path send", "")),), _probe)
COUNTER = Tagged(tuple((str(kind), shape) for kind, shape in COUNTERS.items()), _probe)
LOOK = Tagged(tuple((str(kind), shape) for kind, shape in LOOKS.items()), _probe)
CALL = Tagged(tuple((str(kind), shape) for kind, shape in CALLS.items()), _probe)
REPLAY = Tagged(((str(ProbeKind.LEASES), _arguments("file network address port", "")),), _probe)
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
_WATCH = (Field("interval", DURATION, True), Field("threshold", Number(1, 1000), True))
_PROVED = (Field("probes", ListOf(PROBE, minimum=1), True), *_WATCH, Field("deadline", DURATION))
AWAITED = Record(
    Awaited,
    (
        Field("what", Text(r"[^\x00-\x1f]+", "must be one line", 100), True, about="with {unknown} and {total}"),
        Field("source", SOURCE, True, about="where the daemon tells what it does not know yet"),
        Field("unknown", Text(), True, about="regular expression: each match is one thing that is not known yet"),
        Field("total", Text(), about="regular expression: each match is one of all"),
        Field("at_most", DURATION, True, about="then it is given traffic all the same"),
    ),
)
KNOWLEDGE = Record(
    Knowledge,
    (
        Field("source", SOURCE, True, about="where both tell what they know; `tell` goes to the same socket"),
        Field("known", Text(), True, about="regular expression with named groups: what the former active knows"),
        Field("same", Text(), True, about="regular expression: its groups must have equal texts in both answers"),
        Field("tell", Text(r"[^\x00-\x1f]+", "must be one line", 200), True, about="a line, with {group} of `known`"),
    ),
)
_COLUMN = Text(r"[A-Za-z_][A-Za-z0-9_]*", "must be the name of a column")
COUNTED = Record(
    Counters,
    (
        Field("source", SOURCE, True, about="where the daemon prints its table, comma separated, names first"),
        Field("key", ListOf(_COLUMN, minimum=1, is_set=True), True, about="columns by which a row is known"),
        Field("columns", ListOf(_COLUMN, minimum=1, is_set=True), True, about="columns that are added up"),
        Field("published", ListOf(_COLUMN, is_set=True), about="those of `columns` that are metrics, too"),
        Field("session", ListOf(Text()), about="lines that begin a session which is answered while it finishes"),
        Field("prompt", Text(), about="ends each answer in a session"),
    ),
)
READINESS = Record(Watch, (*_PROVED, Field("awaited", ListOf(AWAITED), about="what a candidate finds out by itself")))
VERIFICATION = Record(Watch, _PROVED)
LIVENESS = Record(Watch, (Field("probes", ListOf(PROBE), True), *_WATCH))


def _error_counter(failed: str | None = None, **others: Any) -> ErrorCounter:
    return ErrorCounter(failed=failed, **others)


_COUNTS = (
    Field("failed", Text(), about="regular expression: its groups are numbers, added up over all matches"),
    Field("total", Text(), True, about="the same for all that was asked for"),
    Field("answered", Text(), about="the same for what was answered well: what is neither failed"),
)
SERVERS = Record(
    Count,
    (*_COUNTS, Field("declined", Text(), about="the same for answers that depend on what was asked, not on how")),
)
ERRORS = Record(
    _error_counter,
    (
        Field("name", Text(r"[a-z][a-z -]{0,30}", "must be lower case words"), True, about="what is counted: requests"),
        Field("source", COUNTER, True, about="where the daemon tells its counters"),
        *_COUNTS,
        Field("patience", DURATION_OR_ZERO, about="so long something may be under way before it counts as unanswered"),
        Field("share", SHARE, True, about="of a client's new work so much may have failed, besides the share before"),
        Field("clients", SHARE, about="so many clients may see more failures than that; 10 % when absent"),
        Field("minimum", Number(1, 1 << 31), True, about="this many failed before anything is said"),
        Field("servers", SERVERS, about="the same of servers that the daemon asks: their failures are not its own"),
    ),
)

UNDERTAKING = Record(
    Undertaking,
    (
        Field("name", TEMPLATE, True, about="template; unique among those of its kind"),
        Field("what", Text(r"[a-z][a-z -]{0,30}", "must be lower case words"), True, about="its kind: tunnel"),
        Field("probe", LOOK, True, about="holds while it is up"),
        Field("each", EXPRESSION, about="expression giving a sequence: one for every item"),
        Field("when", EXPRESSION, about="expression: it is left out when it is false"),
        Field("call", CALL, about="makes the daemon try again"),
        Field("interval", DURATION, about="between two looks while it is up"),
        Field("patience", DURATION_OR_ZERO, about="not up for longer: it is down"),
        Field("pause", DURATION, about="between the first two calls; then twice as long each time"),
        Field("longest", DURATION, about="between two calls"),
        Field("most", Number(1, 1000), about="associations of each of its parts; with more it is not called"),
    ),
)


CAUTIONS = Record(
    Caution,
    (
        Field("text", Text(r"[^\x00-\x1f]+", "must be one line", 200), True, about="what this version does otherwise"),
        Field("reference", PROBE, True, about="what holds with the version before"),
        Field("probe", PROBE, True, about="the same as this version asks: a plan warns when it does not hold"),
    ),
)


def _frontends_need(network: NetworkMode, key: str, never: str) -> Schema:
    item = {"required": [key], "not": {"required": [never]}}
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
        Field("schema", Exactly(1), True, about="version of this syntax"),
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
                ),
            ),
            True,
        ),
        Field("capabilities", ListOf(Choice(CAPABILITIES), is_set=True)),
        Field("devices", ListOf(DEVICE, is_set=True)),
        Field("environment", MapOf(Text(r"[A-Za-z_][A-Za-z0-9_]*", "is no name of a variable"), Text(r"[^\x00]*"))),
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
        Field("requires", ListOf(NAME, is_set=True), about="services that must be in the same bundle"),
    ),
    conditions=(
        _frontends_need(NetworkMode.ISOLATED, "address", "interfaces"),
        _frontends_need(NetworkMode.ROUTER, "interfaces", "address"),
        _reload_needed(),
        _TAKEOVER_NEEDED,
    ),
)


def inside_ports(pairs: tuple[tuple[str, int | None], ...]) -> tuple[InsidePort, ...]:
    return tuple(InsidePort(name, number) for name, number in pairs)


def json_schema() -> Schema:
    """The syntax as JSON Schema; what it cannot say (a template exists, a name refers) is left to `rules`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Service manifest of vr-supervisor",
        **MANIFEST.schema(),
    }
