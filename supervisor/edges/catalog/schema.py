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
    Check,
    ConfigFile,
    Drain,
    ErrorCounter,
    Frontend,
    InsidePort,
    Limits,
    Needs,
    NetworkMode,
    OnChange,
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
    name: str, mount: str, sharing: StateSharing, user: User | None = None, replay: Probe | None = None
) -> StateVolume:
    return StateVolume(name, mount, sharing, user, replay)  # type: ignore[arg-type]  # filled in by `definition`


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
    ProbeKind.DNS: _arguments("port name", "address type protocol expect"),
    ProbeKind.DHCP: _arguments("address port mac", "expect"),
    ProbeKind.HTTP: _arguments(
        "port path", "address method status expect", (Text(r"header_[A-Za-z][A-Za-z0-9_-]*"), ARGUMENT)
    ),
    ProbeKind.TCP: _arguments("port", "address"),
    ProbeKind.SOCKET: _arguments("runtime path", "send expect"),
    ProbeKind.VICI: _arguments("runtime path", "connections"),
    ProbeKind.EXEC: _arguments("command", "expect"),
}
COUNTERS = {kind: PROBES[kind] for kind in (ProbeKind.HTTP, ProbeKind.SOCKET, ProbeKind.EXEC)} | {
    ProbeKind.ANSWERS: _arguments("port", "")
}
"""What answers with a text."""


def _probe(kind: str, found: Mapping[str, Any]) -> Probe:
    own = {key: found[key] for key in ("timeout", "each", "when", "needs") if key in found}
    return Probe(ProbeKind(kind), tuple((key, text) for key, text in found.items() if key not in own), **own)


PROBE = Tagged(tuple((str(kind), shape) for kind, shape in PROBES.items()), _probe)
COUNTER = Tagged(tuple((str(kind), shape) for kind, shape in COUNTERS.items()), _probe)
REPLAY = Tagged(((str(ProbeKind.LEASES), _arguments("file network address port", "")),), _probe)
STATE = Record(
    _volume,
    (
        Field("name", NAME, True),
        Field("mount", ABSOLUTE, True),
        Field("sharing", Choice.of(StateSharing), True),
        Field("user", USER, about="owner of the folder; the service's user when absent"),
        Field(
            "replay", REPLAY, about="copied only: how a candidate learns what came between the last copy and the cut"
        ),
    ),
)
_WATCH = (Field("interval", DURATION, True), Field("threshold", Number(1, 1000), True))
READINESS = Record(Watch, (Field("probes", ListOf(PROBE, minimum=1), True), *_WATCH, Field("deadline", DURATION)))
LIVENESS = Record(Watch, (Field("probes", ListOf(PROBE), True), *_WATCH))

ERRORS = Record(
    ErrorCounter,
    (
        Field("name", Text(r"[a-z][a-z -]{0,30}", "must be lower case words"), True, about="what is counted: requests"),
        Field("source", COUNTER, True, about="where the daemon tells its counters"),
        Field("failed", Text(), True, about="regular expression: its groups are numbers, added up over all matches"),
        Field("total", Text(), True, about="the same for all that was done, failed or not"),
        Field("share", SHARE, True, about="of what is new so much may have failed, besides the share before"),
        Field("minimum", Number(1, 1 << 31), True, about="this many failed before anything is said"),
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
        Field("verification", READINESS, about="after the cut-over: the path that clients take"),
        Field("survey", LIVENESS, about="single items, some at a time: what fails is named, and changes nothing"),
        Field("stop", Record(Stop, (Field("signal", SIGNAL), Field("timeout", DURATION)))),
        Field("drain", Record(Drain, (Field("deadline", DURATION_OR_ZERO, True), Field("signal", SIGNAL))), True),
        Field("soak", DURATION_OR_ZERO),
        Field("errors", ListOf(ERRORS), about="counters of failed work; a jump while the hand-over soaks reverts it"),
        Field("receive_buffer", SIZE, name="receive_buffer_bytes", about="of the daemon's UDP sockets"),
        Field("takeover", TAKEOVER, about="strategy takeover only: while one daemon takes the place of another"),
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
