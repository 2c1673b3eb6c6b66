"""Switches, limits and headers of a load-balancing rule. What has no effect here stands below, with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from supervisor.edges.intake.cloudstack.load_balancer.checks import HEADER, KINDS, header_value
from supervisor.edges.intake.cloudstack.load_balancer.text import Directive, checked, milliseconds
from supervisor.edges.intake.faults import BadPartError, Faults
from supervisor.values.balancing import Switch, TimeLimit
from supervisor.values.bounds import Bounds
from supervisor.values.members import HeaderAction, HeaderRule, Message

_SWITCHES: Mapping[str, Switch] = {
    "abortonclose": Switch.ABORT_WHEN_CLIENT_CLOSES,
    "allbackups": Switch.ALL_BACKUPS,
    "clitcpka": Switch.CLIENT_TCP_KEEP_ALIVE,
    "independent-streams": Switch.INDEPENDENT_DIRECTIONS,
    "nolinger": Switch.NO_LINGER,
    "persist": Switch.PERSIST_TO_DOWN_MEMBERS,
    "tcp-smart-accept": Switch.DELAY_ACCEPT_ACK,
    "tcp-smart-connect": Switch.DELAY_CONNECT_ACK,
    "tcpka": Switch.CLIENT_TCP_KEEP_ALIVE,  # towards members it is always on
}
_HTTP_SWITCHES: Mapping[str, Switch] = {
    "http-buffer-request": Switch.BUFFER_REQUEST,
    "http-no-delay": Switch.NO_HTTP_DELAY,
    "http-pretend-keepalive": Switch.PRETEND_KEEP_ALIVE,
    "http-server-close": Switch.CLOSE_TO_SERVER,
    "prefer-last-server": Switch.PREFER_LAST_SERVER,
}
_ALL_SWITCHES = {**_SWITCHES, **_HTTP_SWITCHES}
_LOGGING = (  # what is logged, and where, is the supervisor's
    "dontlog-normal",
    "dontlognull",
    "httplog",
    "httpslog",
    "log-health-checks",
    "log-separate-errors",
    "logasap",
    "tcplog",
)
_QUICKNESS = ("contstats", "socket-stats", "splice-auto", "splice-request", "splice-response")  # answers stay the same
_ALWAYS = ("forwardfor", "redispatch", "srvtcpka")  # every rule has them
_CLOSING = {  # read by `keeps_alive`; forceclose no longer exists, and that it is off means nothing
    "forceclose",
    "http-keep-alive",
    "httpclose",
}
_TIMEOUTS: Mapping[str, TimeLimit] = {
    "check": TimeLimit.CHECK,
    "client": TimeLimit.CLIENT,
    "client-fin": TimeLimit.CLIENT_CLOSING,
    "connect": TimeLimit.CONNECT,
    "http-keep-alive": TimeLimit.KEEP_ALIVE,
    "http-request": TimeLimit.REQUEST,
    "queue": TimeLimit.QUEUE,
    "server": TimeLimit.SERVER,
    "server-fin": TimeLimit.SERVER_CLOSING,
    "tarpit": TimeLimit.TARPIT,
    "tunnel": TimeLimit.TUNNEL,
}
TimeLimits = tuple[tuple[TimeLimit, int], ...]
_HEADERS = {"add-header": HeaderAction.ADD, "set-header": HeaderAction.SET, "del-header": HeaderAction.DELETE}
_MESSAGES = {"http-request": Message.REQUEST, "http-response": Message.RESPONSE}
INHERITED = (
    "balance",
    "default-server",
    "fullconn",
    "http-check",
    "maxconn",
    "mode",
    "no",
    "option",
    "stats",
)
"""Words that `defaults` says for the rules after it."""


def keeps_alive(directives: Sequence[Directive]) -> bool:
    """True if connections of clients are kept after a response: the last word on it counts; none is the default."""
    result = True
    for line in directives:
        match line.words:
            case ("option", "httpclose" | "forceclose", *_):
                result = False
            case ("option", "http-keep-alive" | "http-server-close", *_) | ("no", "option", "httpclose", *_):
                result = True
    return result


def switches(directives: Sequence[Directive], is_http: bool) -> tuple[Switch, ...]:
    """Return the switches that are on at the end, each once."""
    on: dict[Switch, None] = {}
    for line in directives:
        match line.words:
            case ("option", name) if name in _ALL_SWITCHES:
                on[_ALL_SWITCHES[name]] = None
            case ("option", "httpclose" | "forceclose" | "http-keep-alive", *_):
                on.pop(Switch.CLOSE_TO_SERVER, None)
            case ("no", "option", name, *_) if name in _ALL_SWITCHES:
                on.pop(_ALL_SWITCHES[name], None)
    return tuple(switch for switch in on if is_http or switch not in _HTTP_SWITCHES.values())


def check_option(line: Directive, is_http: bool) -> None:
    """Look at an `option` or `no option` line. Raises BadPartError: it is not carried out in full."""
    match line.words:
        case ("option", name) if name in _HTTP_SWITCHES and not is_http:
            raise BadPartError(f"option {name} needs mode http: left out")
        case ("option", name) if name in (*_ALL_SWITCHES, "tcp-check"):
            pass  # tcp-check alone is a connection that opens, as any check
        case ("option", name, *_) if name in (*_LOGGING, *_QUICKNESS, *_CLOSING, *KINDS):
            pass  # those of checks are read elsewhere
        case ("option", name) if name in _ALWAYS:
            pass
        case ("no", "option", name, *_) if name in _ALWAYS:
            raise BadPartError(f"option {name} cannot be turned off: left out")
        case ("no", "option", name, *_) if name in _known():
            pass
        case ("no", "log", *_):
            pass
        case ("option", name, *more) if more and name in _known():
            raise BadPartError(f"option {name} with more words is unknown: left out")
        case _:
            raise BadPartError(f"{' '.join(line.words[:3])!r:.60} is unknown: left out")


def _known() -> tuple[str, ...]:
    return (*_ALL_SWITCHES, *_LOGGING, *_QUICKNESS, *_CLOSING, *_ALWAYS, *KINDS, "tcp-check")


def with_timeout(before: TimeLimits, line: Directive, bounds: Bounds) -> TimeLimits:
    """Return the time limits, in milliseconds, with that of a line. Raises BadPartError: it is none."""
    match line.words:
        case ("timeout", name, text) if name in _TIMEOUTS:
            limit = _TIMEOUTS[name]
            return (*(item for item in before if item[0] is not limit), (limit, milliseconds(text, bounds)))
    raise BadPartError(f"{' '.join(line.words[:2])!r:.60} is unknown: left out")


def does_headers(line: Directive) -> bool:
    """True if a line does nothing but write headers, so that nobody comes in without it who should not."""
    return line.words[0] in _MESSAGES and line.words[1:2] in tuple((action,) for action in _HEADERS)


def header_rule(line: Directive) -> HeaderRule:
    """Return the rule of a line that writes headers. Raises BadPartError: it has a condition, or cannot be written."""
    match line.words[1:]:
        case ("add-header" | "set-header" as action, name, value):
            return HeaderRule(
                _MESSAGES[line.words[0]], _HEADERS[action], checked(name, HEADER, "a header"), header_value(value)
            )
        case ("del-header" as action, name):
            return HeaderRule(_MESSAGES[line.words[0]], _HEADERS[action], checked(name, HEADER, "a header"))
    raise BadPartError(f"{line.words[0]} with these words is unknown: left out")


def name_faults(directives: Sequence[Directive], is_http: bool, faults: Faults) -> None:
    """Name each switch that is not carried out in full."""
    for line in directives:
        if line.words[0] in ("option", "no"):
            with faults.part(line.path):
                check_option(line, is_http)
