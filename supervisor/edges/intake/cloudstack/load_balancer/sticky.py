"""Reads how a client stays with the member that served it: by a cookie of ours, of the application, or its address."""

from __future__ import annotations

import re

from supervisor.edges.intake.cloudstack.load_balancer.servers import COOKIE
from supervisor.edges.intake.cloudstack.load_balancer.text import Directive, Section, checked, duration, number, size
from supervisor.edges.intake.faults import BadPartError, Faults
from supervisor.values.router import (
    CookieMode,
    CookieStickiness,
    LearnedCookieStickiness,
    SourceStickiness,
    Stickiness,
)

_DOMAIN = re.compile(r"[A-Za-z0-9_.-]{1,255}")  # any other sign costs every listener
_MOST_OPTIONS = 24
_DELIMITERS = {"path-parameters": ";", "query-string": "?"}


def stickiness(section: Section, is_http: bool, faults: Faults) -> Stickiness | None:
    """BadPartError: it cannot be read. What cannot be had in this mode is named and left out."""
    for kind, read in (("cookie", _cookie), ("appsession", _learned)):
        if one := section.last(kind):
            found = read(one, faults)
            if is_http:
                return found
            faults.add(one.path, f"{kind} needs mode http: left out")
    return _source(section, faults)


def _cookie(one: Directive, faults: Faults) -> CookieStickiness:
    if len(one.words) < 3:
        raise BadPartError("a cookie must have a name and a mode")
    name, mode = checked(one.words[1], COOKIE, "a cookie"), CookieMode(one.words[2])
    options = _cookie_options(list(one.words[3:]))
    refused = [option for option in options if _is_refused(option, mode, options)]
    if refused:
        faults.add(one.path, f"{' '.join(refused)} of a cookie has no meaning with {mode}: left out")
    return CookieStickiness(name, mode, tuple(option for option in options if option not in refused))


def _is_refused(option: str, mode: CookieMode, options: tuple[str, ...]) -> bool:
    """True if the daemon would refuse all listeners for this option of a cookie."""
    if option == "indirect":
        return mode is CookieMode.REWRITE
    return option == "preserve" and mode is not CookieMode.INSERT and "indirect" not in options


def _cookie_options(words: list[str]) -> tuple[str, ...]:
    """Each option once, and the last word on its value, but for domains: a line of the daemon has so many words."""
    found: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        if word == "domain":
            domain = checked(next(rest, ""), _DOMAIN, "a domain")
            found[f"domain {domain}"] = f"domain {domain}"
        elif word in ("maxidle", "maxlife"):
            found[word] = f"{word} {duration(next(rest, ''))}"
        elif word in ("nocache", "indirect", "postonly", "preserve", "httponly", "secure"):
            found[word] = word
        else:
            raise BadPartError(f"cookie option {word!r:.40} is unknown")
    if len(found) > _MOST_OPTIONS:
        raise BadPartError(f"a cookie has at most {_MOST_OPTIONS} options")
    return tuple(found.values())


def _learned(one: Directive, faults: Faults) -> LearnedCookieStickiness:
    if len(one.words) < 2:
        raise BadPartError("appsession must name a cookie")
    length, holdtime, learns, delimiter = 52, "3h", False, None
    rest = iter(one.words[2:])
    for word in rest:
        if word == "len":
            length = number(next(rest, ""), 1, 1024)
        elif word == "timeout":
            holdtime = duration(next(rest, ""))
        elif word == "request-learn":
            learns = True
        elif word == "mode" and (mode := next(rest, "")) in _DELIMITERS:
            delimiter = _DELIMITERS[mode]
        elif word == "prefix":
            faults.add(one.path, "prefix of appsession is left out: only a cookie of just this name is followed")
        else:
            faults.add(one.path, f"{word!r:.40} of appsession is unknown: left out")
    return LearnedCookieStickiness(checked(one.words[1], COOKIE, "a cookie"), length, holdtime, learns, delimiter)


def _source(section: Section, faults: Faults) -> SourceStickiness | None:
    table = section.last("stick-table")
    on = [one for one in section.directives if one.words[0] == "stick"]
    for one in on:
        if one.words != ("stick", "on", "src"):
            faults.add(one.path, "stick by anything but src is left out")
    if not any(one.words == ("stick", "on", "src") for one in on):
        if table:
            faults.add(table.path, "stick-table has no meaning without stick on src: left out")
        return None
    return _table(table, faults) if table else SourceStickiness()


def _table(one: Directive, faults: Faults) -> SourceStickiness:
    table_size, expire = "200k", "30m"
    rest = iter(one.words[1:])
    for word in rest:
        if word == "type":
            if (kind := next(rest, "")) != "ip":
                faults.add(one.path, f"a table of {kind!r:.40} is one of ip here")
        elif word == "size":
            table_size = size(next(rest, ""))
        elif word == "expire":
            expire = duration(next(rest, ""))
        else:
            faults.add(one.path, f"{word!r:.40} of stick-table is unknown: left out")
    return SourceStickiness(table_size, expire)
