"""Probes: the kinds of questions that can be put to a daemon, and the arguments that each takes, declared once.

The catalog reads manifests by these declarations and the probing edge checks the arguments that it is given, so a new
kind is a declaration here and a module of that edge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class ProbeKind(StrEnum):
    """The protocol in which a daemon is asked."""

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


class Use(StrEnum):
    """The purpose of a question."""

    ASK = "ask"  # it holds or it does not: readiness, liveness, verification, survey, cautions
    LOOK = "look"  # the state of an undertaking; a kind without arguments of its own for it is asked
    CALL = "call"  # the daemon is to try an undertaking again
    READ = "read"  # the daemon's counters, as a text
    LINES = "lines"  # facts, tables and lines of a daemon that answers line by line
    REPLAY = "replay"  # changes that one generation has and the next one lacks


class Form(StrEnum):
    """The form of an argument's text, where the text is no template."""

    TEXT = "text"
    PORT = "port"
    PATTERN = "pattern"  # a regular expression
    STATUS = "status"  # of HTTP
    COMMAND = "command"  # words, split as a shell would
    RUNTIME = "runtime"  # the name of one of the service's runtime folders
    FILE = "file"  # the name of a file in a volume


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a probe."""

    name: str
    form: Form = Form.TEXT
    words: tuple[str, ...] = ()  # if there are any: the texts that it may have; the first is the default
    is_required: bool = False
    is_prefix: bool = False  # there may be several, whose names begin with `name`; one such argument a kind


def _need(*arguments: Argument) -> tuple[Argument, ...]:
    return tuple(replace(argument, is_required=True) for argument in arguments)


_ADDRESS, _PORT, _NAME, _MAC = Argument("address"), Argument("port", Form.PORT), Argument("name"), Argument("mac")
_PATH, _EXPECT, _PATTERN = Argument("path"), Argument("expect"), Argument("expect", Form.PATTERN)
_RUNTIME, _SEND, _COMMAND = Argument("runtime", Form.RUNTIME), Argument("send"), Argument("command", Form.COMMAND)
_METHOD = Argument("method", words=("GET", "HEAD", "POST", "PUT", "OPTIONS"))
_HTTP = (_ADDRESS, _METHOD, Argument("status", Form.STATUS))
_HEADER = Argument("header_", is_prefix=True)
_TRANSPORT = Argument("protocol", words=("udp", "tcp"))
_CONNECTION, _CHILDREN = Argument("connection"), Argument("children")

_ARGUMENTS: Mapping[ProbeKind, Mapping[Use, tuple[Argument, ...]]] = {
    ProbeKind.DNS: {
        Use.ASK: (
            *_need(_PORT, _NAME),
            *(_ADDRESS, Argument("type"), _TRANSPORT, _EXPECT, Argument("codes"), Argument("edns")),
        ),
    },
    ProbeKind.DHCP: {Use.ASK: (*_need(_ADDRESS, _PORT, _MAC), _EXPECT)},
    ProbeKind.HTTP: {
        Use.ASK: (*_need(_PORT, _PATH), *_HTTP, _PATTERN, _HEADER),
        Use.READ: (*_need(_PORT, _PATH), *_HTTP, _HEADER),
    },
    ProbeKind.TCP: {Use.ASK: (*_need(_PORT), _ADDRESS)},
    ProbeKind.TLS: {Use.ASK: (*_need(_PORT, Argument("file")), _ADDRESS, _NAME)},
    ProbeKind.SOCKET: {
        Use.ASK: (*_need(_RUNTIME, _PATH), _SEND, _PATTERN),
        Use.READ: (*_need(_RUNTIME, _PATH), _SEND),
        Use.LINES: _need(_RUNTIME, _PATH, _SEND),
    },
    ProbeKind.VICI: {
        Use.ASK: (*_need(_RUNTIME, _PATH), Argument("connections")),
        Use.LOOK: _need(_RUNTIME, _PATH, _CONNECTION, _CHILDREN),
        Use.CALL: _need(_RUNTIME, _PATH, _CONNECTION),
    },
    ProbeKind.EXEC: {
        Use.ASK: (*_need(_COMMAND), _PATTERN),
        Use.READ: _need(_COMMAND),
        Use.CALL: _need(_COMMAND),
    },
    ProbeKind.ANSWERS: {Use.READ: (*_need(_PORT), Argument("servers"))},
    ProbeKind.LEASES: {Use.REPLAY: _need(Argument("file", Form.FILE), Argument("network"), _ADDRESS, _PORT)},
}


ROUTER_ONLY = frozenset({ProbeKind.ANSWERS})
"""Kinds that only a service in the router's own network namespace can be asked in."""


def arguments_of(kind: ProbeKind, use: Use) -> tuple[Argument, ...] | None:
    """Return the arguments that a question of this kind takes; None: the kind has no such use."""
    uses = _ARGUMENTS[kind]
    return uses.get(use, uses.get(Use.ASK) if use is Use.LOOK else None)


def kinds_for(use: Use) -> Iterator[tuple[ProbeKind, tuple[Argument, ...]]]:
    """Yield the kinds that have this use, with the arguments that each takes, in the order of ProbeKind."""
    for kind in ProbeKind:
        if (arguments := arguments_of(kind, use)) is not None:
            yield kind, arguments


class Needs(StrEnum):
    """The number of probes that have to hold, of those that one entry with `each` gives."""

    ALL = "all"
    ONE = "one"  # the others are named where a survey asks for them: one item does not decide for all


@dataclass(frozen=True, slots=True)
class Probe:
    """A question to the daemon. `arguments` are templates by name; `timeout` is in seconds."""

    kind: ProbeKind
    arguments: tuple[tuple[str, str], ...]
    timeout: float = 1.0
    each: str | None = None
    when: str | None = None
    needs: Needs = Needs.ALL
