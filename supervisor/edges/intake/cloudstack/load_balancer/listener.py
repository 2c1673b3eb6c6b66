"""One section of the load balancer's text becomes a listener, or the page of statistics.

A directive that is not known is left out and named. One that narrows who may come in is never left out: without it the
whole listener is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network
from typing import Any

from supervisor.edges.intake.cloudstack.load_balancer.checks import health_check
from supervisor.edges.intake.cloudstack.load_balancer.options import (
    does_headers,
    header_rule,
    keeps_alive,
    name_faults,
    switches,
    with_timeout,
)
from supervisor.edges.intake.cloudstack.load_balancer.servers import BARE, WORD, backend, default_server
from supervisor.edges.intake.cloudstack.load_balancer.sticky import stickiness
from supervisor.edges.intake.cloudstack.load_balancer.text import Directive, Section, checked, number
from supervisor.edges.intake.cloudstack.load_balancer.tls import tls_of
from supervisor.edges.intake.faults import BadPartError, Faults
from supervisor.values.balancing import Balance, Listener, Statistics, StatisticsPage
from supervisor.values.bounds import Bounds
from supervisor.values.members import Backend, HeaderRule
from supervisor.values.secret import Secret

Place = tuple[IPv4Address, int]

_BALANCES = {
    "leastconn": Balance.LEAST_CONNECTIONS,
    "roundrobin": Balance.ROUND_ROBIN,
    "source": Balance.SOURCE,
}
_NARROWING = (
    "acl",
    "block",
    "disabled",
    "http-request",
    "http-response",
    "redirect",
    "tcp-request",
    "tcp-response",
    "use_backend",
)
_READ_ELSEWHERE = (
    "appsession",
    "bind",
    "cookie",
    "http-check",
    "mode",
    "no",
    "option",
    "stats",
    "stick",
    "stick-table",
)
_OURS = ("log",)  # what is logged, and where, is the supervisor's
_SERVICE_PORTS = (53, 80, 8080)
"""Where guests call names, metadata and passwords at the router's address in their network."""
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")  # no line may have one: nothing would be written
_LOOKS = ("hide-version", "refresh", "show-desc", "show-legends", "show-modules", "show-node")
"""Words of a page of statistics that change only what it looks like."""


@dataclass(frozen=True, slots=True)
class Known:
    """The settings of the sections before a listener, and the files that came beside the text."""

    own: frozenset[IPv4Address]  # addresses of the router; empty: not known yet
    services: frozenset[IPv4Address]  # those that guests call the router's own services at
    certificates: Mapping[str, Mapping[str, Any]]
    inherited: tuple[Directive, ...] = ()  # what `defaults` says for each rule


def place_of(section: Section, known: Known) -> Place:
    binds = section.all("bind")
    if len(binds) != 1 or len(binds[0].words) < 2:
        raise BadPartError(f"{section.name}: must have one bind line, not {len(binds)}")
    address, _, port = binds[0].words[1].rpartition(":")
    found = IPv4Address(address)
    if found.is_unspecified:
        raise BadPartError(f"{section.name}: {address} is not one address")
    if known.own and found not in known.own:
        raise BadPartError(f"{section.name}: {found} is no address of the router: listener refused")
    at = number(port, 1, 65535)
    if found in known.services and at in _SERVICE_PORTS:
        raise BadPartError(f"{section.name}: {found}:{at} is where guests reach the router: listener refused")
    return found, at


def is_statistics(section: Section) -> bool:
    """True if a section is the page of statistics and nothing else."""
    return bool(section.all("stats", "enable")) and not section.all("server")


def listener(own: Section, place: Place, known: Known, faults: Faults) -> Listener:
    section = Section(own.head, known.inherited + own.directives)
    mode = section.last("mode")
    is_http = mode is not None and mode.words == ("mode", "http")
    certificate, tls = tls_of(own.name, own.all("bind")[0], known.certificates, faults)
    result = Listener(
        name=checked(own.name, WORD, "a name"),
        address=place[0],
        port=place[1],
        is_http=is_http,
        balance=Balance.ROUND_ROBIN,
        backends=(),
        keep_alive=keeps_alive(section.directives),
        stickiness=stickiness(own, is_http, faults),
        allowed_sources=_allowed_sources(own),
        certificate=certificate,
        tls=tls,
        health_check=health_check(section, faults),
        header_rules=_header_rules(own, is_http, certificate is not None, faults),
        switches=switches(section.directives, is_http),
        page=_page(section, is_http, faults),
    )
    name_faults(own.directives, is_http, faults)
    for one in section.directives:
        with faults.part(one.path):
            result = _with(result, one, faults.bounds)
    return replace(result, backends=_backends(section, faults))


def _with(result: Listener, one: Directive, bounds: Bounds) -> Listener:
    match one.words:
        case ("balance", value):
            if value not in _BALANCES:
                raise BadPartError(f"balance {value!r:.40} is unknown: left out")
            return replace(result, balance=_BALANCES[value])
        case ("timeout", *_):
            return replace(result, timeouts=with_timeout(result.timeouts, one, bounds))
        case ("retries", count):
            return replace(result, retries=number(count, 0, 100))
        case ("maxconn" | "fullconn" as word, count):
            limit = number(count, 1, bounds.most_of("connections"))
            return replace(result, max_connections=limit) if word == "maxconn" else replace(result, full_load=limit)
        case ("mode", "http" | "tcp") | ("server" | "default-server", *_):
            return result
        case (word, *_) if word in (*_READ_ELSEWHERE, *_NARROWING, *_OURS):
            return result
    raise BadPartError(f"{one.words[0]!r:.40} is unknown: left out")  # the rest may be a password


def _backends(section: Section, faults: Faults) -> tuple[Backend, ...]:
    found: dict[str, Backend] = {}
    default = BARE
    for one in section.directives:
        with faults.part(one.path):
            match one.words:
                case ("default-server", *_):
                    default = default_server(one, default, faults)
                case ("server", *_):
                    member = backend(one, default, faults)
                    if member.name in found:
                        raise BadPartError(f"another server has the name {member.name}: left out")
                    found[member.name] = member
    return tuple(found.values())


def _header_rules(section: Section, is_http: bool, is_tls: bool, faults: Faults) -> tuple[HeaderRule, ...]:
    """Check each directive that narrows, too: one that does more than write headers refuses the listener."""
    found: list[HeaderRule] = []
    for one in section.directives:
        if one.words[0] not in _NARROWING or _is_source_list(one):
            continue
        if not does_headers(one):
            raise BadPartError(f"{section.name}: line {one.number}: {one.words[0]!r:.40} is unknown: listener refused")
        with faults.part(one.path):
            if not is_http:
                raise BadPartError(f"{one.words[0]} needs mode http: left out")
            if not (is_tls and one.words[2:] == ("X-Forwarded-Proto", "https")):  # each listener with TLS says so
                found.append(header_rule(one))
    return tuple(found)


def _is_source_list(one: Directive) -> bool:
    return one.starts("acl", "network_allowed", "src") or one.words == (
        "tcp-request",
        "connection",
        "reject",
        "if",
        "!network_allowed",
    )


def _allowed_sources(section: Section) -> tuple[IPv4Network, ...]:
    """The IPv4 networks of its list: nobody comes to an IPv4 address from an IPv6 one."""
    listed: list[IPv4Network | IPv6Network] = []
    for one in section.all("acl", "network_allowed", "src"):
        listed += [ip_network(word, strict=False) for word in one.words[3:]]
    found = [network for network in listed if isinstance(network, IPv4Network)]
    if (listed or section.all("tcp-request", "connection", "reject")) and not found:
        raise BadPartError(f"{section.name}: nobody is allowed: listener refused")
    return tuple(dict.fromkeys(found))


def statistics(section: Section, place: Place, faults: Faults) -> Statistics:
    if len(section.all("bind")[0].words) > 2:
        raise BadPartError(f"{section.name}: a page of statistics has nothing after its address: left out")
    for one in section.directives:
        if one.words[0] in _NARROWING:
            raise BadPartError(f"{section.name}: line {one.number}: {one.words[0]!r:.40} is unknown: page refused")
        if one.words[0] not in ("bind", "mode", "stats", "option", "no", *_OURS):
            faults.add(one.path, f"{one.words[0]!r:.40} of a page of statistics is left out")
    name_faults(section.directives, True, faults)
    page = _page_of(section, faults)
    return Statistics(
        name=checked(section.name, WORD, "a name"),
        address=place[0],
        port=place[1],
        uri=page.uri or "/admin?stats",
        realm=page.realm,
        user=page.user,
        password=page.password,
    )


def _page(section: Section, is_http: bool, faults: Faults) -> StatisticsPage | None:
    """The page that a listener shows beside what its members serve. In mode tcp there is none, as in the daemon."""
    words = section.all("stats")
    if not is_http or not any(one.words[1:2] in (("enable",), ("uri",), ("auth",)) for one in words):
        return None
    with faults.part(words[0].path):
        return _page_of(section, faults)
    return None


def _page_of(section: Section, faults: Faults) -> StatisticsPage:
    auth = section.last("stats", "auth")
    user, _, password = auth.words[2].partition(":") if auth and len(auth.words) > 2 else ("", "", "")
    if not user or not password:
        raise BadPartError(f"{section.name}: stats: a page must have a user and a password")
    for one in section.all("stats"):
        _check_page_word(one, section, auth, faults)
    if any(not word or _CONTROL.search(word) for one in section.all("stats") for word in one.words):
        raise BadPartError(f"{section.name}: stats: a word is empty or has a control character: page refused")
    uri, realm = section.last("stats", "uri"), section.last("stats", "realm")
    return StatisticsPage(
        uri=uri.words[2] if uri else None,
        realm=realm.words[2] if realm else "Statistics",
        user=user,
        password=Secret(password),
    )


def _check_page_word(one: Directive, section: Section, auth: Directive | None, faults: Faults) -> None:
    match one.words[1:]:
        case ("enable",) | ("uri" | "realm", _):
            pass
        case ("auth", _):
            if one is not auth:
                faults.add(one.path, "only the last user of a page of statistics is taken: this one is left out")
        case (word, *_) if word in _LOOKS:
            faults.add(one.path, f"stats {word} is left out")
        case _:
            raise BadPartError(f"{section.name}: line {one.number}: a word of stats is unknown: page refused")


def inherited(directives: Sequence[Directive], words: Sequence[str]) -> tuple[Directive, ...]:
    return tuple(one for one in directives if one.words[0] in words)
