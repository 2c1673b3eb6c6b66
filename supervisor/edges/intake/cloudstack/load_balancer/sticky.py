"""Stickiness of a load-balancing rule: by a cookie of ours, by one of the application, or by the client's address."""

from __future__ import annotations

import re
from dataclasses import replace

from supervisor.edges.intake.cloudstack.load_balancer.servers import COOKIE
from supervisor.edges.intake.cloudstack.load_balancer.text import (
    Directive,
    Section,
    checked,
    milliseconds,
    number,
    size,
)
from supervisor.edges.intake.faults import BadPartError, Faults
from supervisor.values.bounds import Bounds
from supervisor.values.stickiness import (
    CookieMode,
    CookieOption,
    CookieStickiness,
    LearnedCookieStickiness,
    SourceStickiness,
    Stickiness,
)

_DOMAIN = re.compile(r"[A-Za-z0-9_.-]{1,255}")
_OPTIONS = {
    "httponly": CookieOption.HTTP_ONLY,
    "indirect": CookieOption.HIDDEN_FROM_MEMBERS,
    "nocache": CookieOption.NOT_CACHED,
    "postonly": CookieOption.ONLY_AFTER_POST,
    "preserve": CookieOption.PRESERVED,
    "secure": CookieOption.SECURE,
}
_TIMES = {"maxidle": CookieOption.MAX_IDLE, "maxlife": CookieOption.MAX_LIFE}
_DELIMITERS = {"path-parameters": ";", "query-string": "?"}

_Setting = tuple[CookieOption, int | str | None]


def stickiness(section: Section, is_http: bool, faults: Faults) -> Stickiness | None:
    """Return how clients stay; None: they do not. What cannot be had in this mode becomes a fault.

    Raises BadPartError: it cannot be read.
    """
    for kind, read in (("cookie", _cookie), ("appsession", _learned)):
        if line := section.last(kind):
            way = read(line, faults)
            if is_http:
                return way
            faults.add(line.path, f"{kind} needs mode http: left out")
    return _source(section, faults)


def _cookie(line: Directive, faults: Faults) -> CookieStickiness:
    if len(line.words) < 3:
        raise BadPartError("a cookie must have a name and a mode")
    name, mode = checked(line.words[1], COOKIE, "a cookie"), CookieMode(line.words[2])
    settings = _settings(line.words[3:], faults.bounds)
    options = {option for option, _ in settings}
    refused = [word for word, option in _OPTIONS.items() if option in options and _is_refused(option, mode, options)]
    if refused:
        faults.add(line.path, f"{' '.join(refused)} of a cookie has no meaning with {mode}: left out")
    left = tuple(setting for setting in settings if setting[0] not in {_OPTIONS[word] for word in refused})
    return CookieStickiness(name, mode, left)


def _is_refused(option: CookieOption, mode: CookieMode, options: set[CookieOption]) -> bool:
    """True if an option of a cookie contradicts the mode."""
    if option is CookieOption.HIDDEN_FROM_MEMBERS:
        return mode is CookieMode.REWRITE
    is_hidden = CookieOption.HIDDEN_FROM_MEMBERS in options
    return option is CookieOption.PRESERVED and mode is not CookieMode.INSERT and not is_hidden


def _settings(words: tuple[str, ...], bounds: Bounds) -> tuple[_Setting, ...]:
    """Return each option once, with its last value, but for domains: there may be several.

    A time without a unit is seconds here.
    """
    settings: dict[tuple[CookieOption, str], int | str | None] = {}
    rest = iter(words)
    for word in rest:
        if word == "domain":
            domain = checked(next(rest, ""), _DOMAIN, "a domain")
            settings[CookieOption.DOMAIN, domain] = domain
        elif word in _TIMES:
            settings[_TIMES[word], ""] = milliseconds(next(rest, ""), bounds, "s")
        elif word in _OPTIONS:
            settings[_OPTIONS[word], ""] = None
        else:
            raise BadPartError(f"cookie option {word!r:.40} is unknown")
    if len(settings) > (most := bounds.most_of("cookie_options")):
        raise BadPartError(f"a cookie has at most {most} options")
    return tuple((option, value) for (option, _), value in settings.items())


def _learned(line: Directive, faults: Faults) -> LearnedCookieStickiness:
    if len(line.words) < 2:
        raise BadPartError("appsession must name a cookie")
    way = LearnedCookieStickiness(line.words[1])
    rest = iter(line.words[2:])
    for word in rest:
        if word == "len":
            way = replace(way, length=number(next(rest, ""), 1, 1024))
        elif word == "timeout":
            way = replace(way, hold_ms=milliseconds(next(rest, ""), faults.bounds))
        elif word == "request-learn":
            way = replace(way, learns_from_requests=True)
        elif word == "mode" and (mode := next(rest, "")) in _DELIMITERS:
            way = replace(way, url_delimiter=_DELIMITERS[mode])
        elif word == "prefix":
            faults.add(line.path, "prefix of appsession is left out: only a cookie of just this name is followed")
        else:
            faults.add(line.path, f"{word!r:.40} of appsession is unknown: left out")
    checked(way.name, COOKIE, "a cookie")
    return way


def _source(section: Section, faults: Faults) -> SourceStickiness | None:
    table = section.last("stick-table")
    on = [line for line in section.directives if line.words[0] == "stick"]
    for line in on:
        if line.words != ("stick", "on", "src"):
            faults.add(line.path, "stick by anything but src is left out")
    if not any(line.words == ("stick", "on", "src") for line in on):
        if table:
            faults.add(table.path, "stick-table has no meaning without stick on src: left out")
        return None
    return _table(table, faults) if table else SourceStickiness()


def _table(line: Directive, faults: Faults) -> SourceStickiness:
    way = SourceStickiness()
    rest = iter(line.words[1:])
    for word in rest:
        if word == "type":
            if (kind := next(rest, "")) != "ip":
                faults.add(line.path, f"a table of {kind!r:.40} is one of ip here")
        elif word == "size":
            way = replace(way, entries=size(next(rest, ""), faults.bounds))
        elif word == "expire":
            way = replace(way, expire_ms=milliseconds(next(rest, ""), faults.bounds))
        else:
            faults.add(line.path, f"{word!r:.40} of stick-table is unknown: left out")
    return way
