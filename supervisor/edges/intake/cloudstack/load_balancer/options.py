"""Switches, limits and headers of a load-balancing rule. What has no effect here stands below, with the reason."""

from __future__ import annotations

from collections.abc import Sequence

from supervisor.edges.intake.cloudstack.load_balancer.checks import HEADER, KINDS, header_value
from supervisor.edges.intake.cloudstack.load_balancer.text import Directive, checked, milliseconds
from supervisor.edges.intake.faults import BadPartError, Faults
from supervisor.values.balancing import HeaderRule

_SWITCHES = (
    "abortonclose",
    "allbackups",
    "clitcpka",
    "independent-streams",
    "nolinger",
    "persist",
    "tcp-smart-accept",
    "tcp-smart-connect",
)
_HTTP_SWITCHES = (
    "http-buffer-request",
    "http-no-delay",
    "http-pretend-keepalive",
    "http-server-close",
    "prefer-last-server",
)
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
_TIMEOUTS = (
    "check",
    "client",
    "client-fin",
    "connect",
    "http-keep-alive",
    "http-request",
    "queue",
    "server",
    "server-fin",
    "tarpit",
    "tunnel",
)
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
    """The last word on it counts; none is the daemon's default."""
    result = True
    for one in directives:
        match one.words:
            case ("option", "httpclose" | "forceclose", *_):
                result = False
            case ("option", "http-keep-alive" | "http-server-close", *_) | ("no", "option", "httpclose", *_):
                result = True
    return result


def switches(directives: Sequence[Directive], is_http: bool) -> tuple[str, ...]:
    """The daemon's switches that are on at the end, each once."""
    found: dict[str, None] = {}
    for one in directives:
        match one.words:
            case ("option", name) if (plain := _plain(name)) in (*_SWITCHES, *_HTTP_SWITCHES):
                found[plain] = None
            case ("option", "httpclose" | "forceclose" | "http-keep-alive", *_):
                found.pop("http-server-close", None)
            case ("no", "option", name, *_):
                found.pop(_plain(name), None)
    return tuple(name for name in found if is_http or name not in _HTTP_SWITCHES)


def _plain(name: str) -> str:
    return "clitcpka" if name == "tcpka" else name  # towards members it is always on


def check_option(one: Directive, is_http: bool) -> None:
    """Raise BadPartError for an `option` or `no option` line that is not carried out in full."""
    match one.words:
        case ("option", name) if _plain(name) in _HTTP_SWITCHES and not is_http:
            raise BadPartError(f"option {name} needs mode http: left out")
        case ("option", name) if _plain(name) in (*_SWITCHES, *_HTTP_SWITCHES, "tcp-check"):
            pass  # tcp-check alone is a connection that opens, as any check
        case ("option", name, *_) if name in (*_LOGGING, *_QUICKNESS, *_CLOSING, *KINDS):
            pass  # those of checks are read elsewhere
        case ("option", name) if name in _ALWAYS:
            pass
        case ("no", "option", name, *_) if name in _ALWAYS:
            raise BadPartError(f"option {name} cannot be turned off: left out")
        case ("no", "option", name, *_) if _plain(name) in _known():
            pass
        case ("no", "log", *_):
            pass
        case ("option", name, *more) if more and _plain(name) in _known():
            raise BadPartError(f"option {name} with more words is unknown: left out")
        case _:
            raise BadPartError(f"{' '.join(one.words[:3])!r:.60} is unknown: left out")


def _known() -> tuple[str, ...]:
    return (*_SWITCHES, *_HTTP_SWITCHES, *_LOGGING, *_QUICKNESS, *_CLOSING, *_ALWAYS, *KINDS, "tcp-check")


def with_timeout(before: tuple[tuple[str, int], ...], one: Directive) -> tuple[tuple[str, int], ...]:
    """Return the time limits, in milliseconds, with that of a line; 0 is no limit."""
    match one.words:
        case ("timeout", name, text) if name in _TIMEOUTS:
            return (*(item for item in before if item[0] != name), (name, milliseconds(text) or 0))
    raise BadPartError(f"{' '.join(one.words[:2])!r:.60} is unknown: left out")


def does_headers(one: Directive) -> bool:
    """True if a line does nothing but write headers, so that nobody comes in without it who should not."""
    return one.words[0] in ("http-request", "http-response") and one.words[1:2] in (
        ("add-header",),
        ("set-header",),
        ("del-header",),
    )


def header_rule(one: Directive) -> HeaderRule:
    match one.words[1:]:
        case ("add-header" | "set-header" as action, name, value):
            return HeaderRule(one.words[0][5:], action, checked(name, HEADER, "a header"), header_value(value))
        case ("del-header" as action, name):
            return HeaderRule(one.words[0][5:], action, checked(name, HEADER, "a header"))
    raise BadPartError(f"{one.words[0]} with these words is unknown: left out")


def name_faults(directives: Sequence[Directive], is_http: bool, faults: Faults) -> None:
    """Name each switch that is not carried out in full."""
    for one in directives:
        if one.words[0] in ("option", "no"):
            with faults.part(one.path):
                check_option(one, is_http)
