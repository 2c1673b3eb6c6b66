"""A section of the load balancer's text becomes a listener, or the page of statistics.

A directive that is not known is left out and named. One that narrows who may come in is never left out: without it the
whole listener is refused.
"""

from __future__ import annotations

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
from supervisor.edges.intake.cloudstack.load_balancer.statistics import page_beside
from supervisor.edges.intake.cloudstack.load_balancer.sticky import stickiness
from supervisor.edges.intake.cloudstack.load_balancer.text import (
    LOGGED,
    NARROWING,
    Directive,
    Place,
    Section,
    checked,
    number,
)
from supervisor.edges.intake.cloudstack.load_balancer.tls import tls_of
from supervisor.edges.intake.faults import BadPartError, Faults
from supervisor.values.balancing import Balance, Listener
from supervisor.values.bounds import Bounds
from supervisor.values.members import Backend, HeaderRule

_BALANCES = {
    "leastconn": Balance.LEAST_CONNECTIONS,
    "roundrobin": Balance.ROUND_ROBIN,
    "source": Balance.SOURCE,
}
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
_SERVICE_PORTS = (53, 80, 8080)
"""Where guests call names, metadata and passwords at the router's address in their network."""


@dataclass(frozen=True, slots=True)
class Known:
    """The settings of the sections before a listener, and the files that came beside the text."""

    own: frozenset[IPv4Address]  # addresses of the router; empty: not known yet
    services: frozenset[IPv4Address]  # those that guests call the router's own services at
    certificates: Mapping[str, Mapping[str, Any]]
    inherited: tuple[Directive, ...] = ()  # what `defaults` says for each rule


def place_of(section: Section, known: Known) -> Place:
    """Return the address and port that a section binds. Raises BadPartError: they are not a rule's to have."""
    binds = section.all("bind")
    if len(binds) != 1 or len(binds[0].words) < 2:
        raise BadPartError(f"{section.name}: must have one bind line, not {len(binds)}")
    address, _, port = binds[0].words[1].rpartition(":")
    place = IPv4Address(address)
    if place.is_unspecified:
        raise BadPartError(f"{section.name}: {address} is not one address")
    if known.own and place not in known.own:
        raise BadPartError(f"{section.name}: {place} is no address of the router: listener refused")
    at = number(port, 1, 65535)
    if place in known.services and at in _SERVICE_PORTS:
        raise BadPartError(f"{section.name}: {place}:{at} is where guests reach the router: listener refused")
    return place, at


def listener(own: Section, place: Place, known: Known, faults: Faults) -> Listener:
    """Return the listener of a section. Raises BadPartError: it would let in more than its text says, or is none."""
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
        page=page_beside(section, is_http, faults),
    )
    name_faults(own.directives, is_http, faults)
    for line in section.directives:
        with faults.part(line.path):
            result = _with(result, line, faults.bounds)
    return replace(result, backends=_backends(section, known.own, faults))


def _with(result: Listener, line: Directive, bounds: Bounds) -> Listener:
    match line.words:
        case ("balance", value):
            if value not in _BALANCES:
                raise BadPartError(f"balance {value!r:.40} is unknown: left out")
            return replace(result, balance=_BALANCES[value])
        case ("timeout", *_):
            return replace(result, timeouts=with_timeout(result.timeouts, line, bounds))
        case ("retries", count):
            return replace(result, retries=number(count, 0, 100))
        case ("maxconn" | "fullconn" as word, count):
            limit = number(count, 1, bounds.most_of("connections"))
            return replace(result, max_connections=limit) if word == "maxconn" else replace(result, full_load=limit)
        case ("mode", "http" | "tcp") | ("server" | "default-server", *_):
            return result
        case (word, *_) if word in (*_READ_ELSEWHERE, *NARROWING, *LOGGED):
            return result
    raise BadPartError(f"{line.words[0]!r:.40} is unknown: left out")  # the rest may be a password


def _backends(section: Section, own: frozenset[IPv4Address], faults: Faults) -> tuple[Backend, ...]:
    members: dict[str, Backend] = {}
    default = BARE
    for line in section.directives:
        with faults.part(line.path):
            match line.words:
                case ("default-server", *_):
                    default = default_server(line, default, faults)
                case ("server", *_):
                    member = backend(line, default, own, faults)
                    if member.name in members:
                        raise BadPartError(f"another server has the name {member.name}: left out")
                    members[member.name] = member
    return tuple(members.values())


def _header_rules(section: Section, is_http: bool, is_tls: bool, faults: Faults) -> tuple[HeaderRule, ...]:
    """Check each directive that narrows, too: one that does more than write headers refuses the listener."""
    rules: list[HeaderRule] = []
    for line in section.directives:
        if line.words[0] not in NARROWING or _is_source_list(line):
            continue
        if not does_headers(line):
            raise BadPartError(
                f"{section.name}: line {line.number}: {line.words[0]!r:.40} is unknown: listener refused"
            )
        with faults.part(line.path):
            if not is_http:
                raise BadPartError(f"{line.words[0]} needs mode http: left out")
            if not (is_tls and line.words[2:] == ("X-Forwarded-Proto", "https")):  # each listener with TLS says so
                rules.append(header_rule(line))
    return tuple(rules)


def _is_source_list(line: Directive) -> bool:
    return line.starts("acl", "network_allowed", "src") or line.words == (
        "tcp-request",
        "connection",
        "reject",
        "if",
        "!network_allowed",
    )


def _allowed_sources(section: Section) -> tuple[IPv4Network, ...]:
    """Return the IPv4 networks of its list: nobody comes to an IPv4 address from an IPv6 one."""
    listed: list[IPv4Network | IPv6Network] = []
    for line in section.all("acl", "network_allowed", "src"):
        listed += [ip_network(word, strict=False) for word in line.words[3:]]
    networks = [network for network in listed if isinstance(network, IPv4Network)]
    if (listed or section.all("tcp-request", "connection", "reject")) and not networks:
        raise BadPartError(f"{section.name}: nobody is allowed: listener refused")
    return tuple(dict.fromkeys(networks))


def inherited(directives: Sequence[Directive], words: Sequence[str]) -> tuple[Directive, ...]:
    """Return the directives that begin with one of these words."""
    return tuple(line for line in directives if line.words[0] in words)
