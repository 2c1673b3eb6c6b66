"""Load balancing: sections of text become listeners. A directive that is not known is left out and named.

One that narrows who may come in is never left out: without it the whole listener is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from supervisor.edges.intake.bags import Bags
from supervisor.edges.intake.balancer_text import (
    Directive,
    Section,
    checked,
    duration,
    milliseconds,
    number,
    sections,
    size,
)
from supervisor.edges.intake.faults import BadPartError, Faults
from supervisor.edges.intake.networks import own_addresses
from supervisor.values.router import (
    Backend,
    Balance,
    Certificate,
    CookieMode,
    CookieStickiness,
    GuestNetwork,
    LearnedCookieStickiness,
    Listener,
    LoadBalancing,
    SourceStickiness,
    Statistics,
    Stickiness,
)
from supervisor.values.secret import Secret

_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
_COOKIE = re.compile(r"[A-Za-z0-9!$%&*+.^_|~-]{1,200}")  # "#" would begin a comment
_IGNORED = {  # ours to decide, or without a meaning here
    "global": ("log", "maxpipes", "chroot", "user", "group", "stats", "daemon", "tune.", "nbproc", "nbthread"),
    "defaults": ("log", "mode", "option", "no", "retries"),
    "listen": ("log", "option", "no", "timeout"),
}
_NARROWING = ("acl", "tcp-request", "http-request", "block", "use_backend", "redirect")
_SERVER_FLAGS = ("check", "no-tls-tickets")
_SERVER_VALUES = ("alpn", "ssl-min-ver", "ciphers", "ciphersuites", "inter", "fall", "rise", "weight")
"""TLS words stand on lines of servers that are reached in clear text; they have no effect there."""
_SERVICE_PORTS = (53, 80, 8080)
"""Where guests call names, metadata and passwords at the router's address in their network."""
_PATH = "loadbalancer"


@dataclass(frozen=True, slots=True)
class _Known:
    """What the sections before a listener say, and the certificates that came beside the text."""

    is_closing: bool
    own: frozenset[IPv4Address]  # addresses of the router; empty: not known yet
    services: frozenset[IPv4Address]  # those that guests call the router's own services at
    certificates: Mapping[str, Mapping[str, Any]]


def load_balancing(bags: Bags, guests: Sequence[GuestNetwork], faults: Faults) -> LoadBalancing:
    services = frozenset(address for network in guests for address in network.service_addresses)
    found = LoadBalancing()
    for rules in bags.get("loadbalancer", {}).get("config", [])[:1]:
        with faults.part(_PATH):
            found = _read(rules, services, services | own_addresses(bags), faults)
    return found


def _read(
    rules: Mapping[str, Any], services: frozenset[IPv4Address], own: frozenset[IPv4Address], faults: Faults
) -> LoadBalancing:
    result = LoadBalancing(client_timeout_ms=None, server_timeout_ms=None)
    known = _Known(False, own, services, {item["name"]: item for item in rules.get("ssl_certs") or ()})
    listeners: dict[tuple[IPv4Address, int], Listener] = {}
    statistics: dict[tuple[IPv4Address, int], Statistics] = {}
    names: set[str] = set()
    for section in sections(rules["configuration"]):
        with faults.part(_at(section.head)):
            match section.kind:
                case "global":
                    result = _global(section, result, faults)
                case "defaults":
                    result = _defaults(section, result, faults)
                    known = replace(known, is_closing=section.last("option", "httpclose") is not None)
                case "listen" if section.all("option", "transparent"):
                    pass  # stands in for rules when there are none
                case "listen":
                    place = _bind(section, known)
                    if section.name in names:
                        raise BadPartError(f"{section.name!r:.60}: another listener has this name")
                    if place in listeners or place in statistics:
                        raise BadPartError(f"{section.name}: {place[0]}:{place[1]} is bound already")
                    names.add(section.name)
                    if section.all("stats", "enable"):
                        statistics[place] = _statistics(section, place)
                    else:
                        listeners[place] = _listener(section, place, known, faults)
                case kind:
                    raise BadPartError(f"section {kind!r:.40} is unknown: left out")
    return replace(result, listeners=tuple(listeners.values()), statistics=tuple(statistics.values()))


def _global(section: Section, result: LoadBalancing, faults: Faults) -> LoadBalancing:
    for one in section.directives:
        with faults.part(_at(one)):
            if one.starts("maxconn"):
                result = replace(result, max_connections=number(one.words[1], 1, 1_000_000))
            elif not one.words[0].startswith(_IGNORED["global"]):
                raise BadPartError(f"{one.words[0]!r:.40} is unknown: left out")
    return result


def _defaults(section: Section, result: LoadBalancing, faults: Faults) -> LoadBalancing:
    for one in section.directives:
        with faults.part(_at(one)):
            match one.words:
                case ("timeout", "connect", value):
                    result = replace(result, connect_timeout_ms=milliseconds(value) or 5000)
                case ("timeout", "client", value):
                    result = replace(result, client_timeout_ms=milliseconds(value))
                case ("timeout", "server", value):
                    result = replace(result, server_timeout_ms=milliseconds(value))
                case (word, *_) if word in _IGNORED["defaults"]:
                    pass
                case _:
                    raise BadPartError(f"{one.words[0]!r:.40} is unknown: left out")  # the rest may be a password
    return result


def _listener(section: Section, place: tuple[IPv4Address, int], known: _Known, faults: Faults) -> Listener:
    result = Listener(
        name=checked(section.name, _WORD, "a name"),
        address=place[0],
        port=place[1],
        is_http=section.last("mode", "http") is not None,
        balance=Balance.ROUND_ROBIN,
        backends=(),
        keep_alive=_keep_alive(section, known),
        stickiness=_stickiness(section),
        allowed_sources=_allowed_sources(section),
        certificate=_certificate(section, known),
    )
    backends: list[Backend] = []
    for one in section.directives:
        if one.words[0] in _NARROWING and not _is_known_narrowing(one):
            raise BadPartError(f"{section.name}: line {one.number}: {one.words[0]!r:.40} is unknown: listener refused")
        with faults.part(_at(one)):
            match one.words:
                case ("balance", value):
                    result = replace(result, balance=Balance(value))
                case ("server", *_):
                    backend = _backend(one, faults)
                    if backend.name in {other.name for other in backends}:
                        raise BadPartError(f"another server has the name {backend.name}: left out")
                    backends.append(backend)
                case ("mode", "http" | "tcp") | ("bind" | "cookie" | "stick-table" | "stick" | "appsession", *_):
                    pass  # read above
                case (word, *_) if word in (*_IGNORED["listen"], *_NARROWING):
                    pass
                case _:
                    raise BadPartError(f"{one.words[0]!r:.40} is unknown: left out")  # the rest may be a password
    return replace(result, backends=tuple(backends))


def _bind(section: Section, known: _Known) -> tuple[IPv4Address, int]:
    binds = section.all("bind")
    if len(binds) != 1:
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


def _keep_alive(section: Section, known: _Known) -> bool:
    """Keeping alive is the daemon's default; `forceclose` no longer exists and `no option forceclose` means nothing."""
    if section.all("no", "option", "httpclose"):
        return True
    return not (known.is_closing or section.all("option", "httpclose"))


def _certificate(section: Section, known: _Known) -> Certificate | None:
    words = section.all("bind")[0].words
    if "ssl" not in words:
        return None
    path = words[words.index("crt") + 1]
    name = path.rpartition("/")[2].removesuffix(".pem")
    entry = known.certificates.get(name)
    if entry is None:
        raise BadPartError(f"{section.name}: certificate {name!r:.80} did not come with it: listener refused")
    if entry.get("password"):
        raise BadPartError(f"{section.name}: the key of certificate {name} is encrypted: listener refused")
    # Only now: what it needs would stay in the memory of a daemon that has no certificates.
    from supervisor.edges.intake.certificates import check_certificate  # noqa: PLC0415

    check_certificate(name, entry["cert"], entry.get("chain") or "", entry["key"])
    parts = [entry["cert"], entry.get("chain") or "", entry["key"]]
    return Certificate(name, Secret("".join(part.strip() + "\n" for part in parts if part.strip())))


def _is_known_narrowing(one: Directive) -> bool:
    return (
        one.starts("acl", "network_allowed", "src")
        or one.words == ("tcp-request", "connection", "reject", "if", "!network_allowed")
        or one.starts("http-request", "set-header", "X-Forwarded-Proto")
    )


def _allowed_sources(section: Section) -> tuple[IPv4Network, ...]:
    found: list[IPv4Network] = []
    for one in section.all("acl", "network_allowed", "src"):
        found += [IPv4Network(word, strict=False) for word in one.words[3:]]
    if section.all("tcp-request", "connection", "reject") and not found:
        raise BadPartError(f"{section.name}: nobody is allowed: listener refused")
    return tuple(dict.fromkeys(found))


def _stickiness(section: Section) -> Stickiness | None:
    if one := section.last("cookie"):
        _, name, mode, *options = one.words
        return CookieStickiness(checked(name, _COOKIE, "a cookie"), CookieMode(mode), _cookie_options(options))
    if one := section.last("appsession"):
        values = dict(zip(one.words[2:-1], one.words[3:], strict=True))
        return LearnedCookieStickiness(
            checked(one.words[1], _COOKIE, "a cookie"),
            number(values.get("len", "52"), 1, 1024),
            duration(values.get("timeout", "3h")),
        )
    if (one := section.last("stick-table")) and section.all("stick", "on", "src"):
        values = dict(zip(one.words[1:-1], one.words[2:], strict=True))
        return SourceStickiness(
            size(values.get("size", "200k")),
            duration(values.get("expire", "30m")),
        )
    return None


def _cookie_options(words: list[str]) -> tuple[str, ...]:
    found, rest = [], iter(words)
    for word in rest:
        if word == "domain":
            found.append(f"domain {checked(next(rest, ''), _WORD, 'a domain')}")
        elif word in ("nocache", "indirect", "postonly"):
            found.append(word)
        else:
            raise BadPartError(f"cookie option {word!r:.40} is unknown")
    return tuple(found)


def _backend(one: Directive, faults: Faults) -> Backend:
    address, _, port = one.words[2].rpartition(":")
    result = Backend(checked(one.words[1], _WORD, "a name"), IPv4Address(address), number(port, 1, 65535))
    rest = iter(one.words[3:])
    for word in rest:
        if word == "cookie":
            result = replace(result, cookie=checked(next(rest, ""), _COOKIE, "a cookie"))
        elif word == "send-proxy":
            result = replace(result, proxy_protocol=True)
        elif word in _SERVER_VALUES:
            next(rest, None)
        elif word not in _SERVER_FLAGS:
            faults.add(_at(one), f"{word!r:.40} is unknown: left out")
    return result


def _statistics(section: Section, place: tuple[IPv4Address, int]) -> Statistics:
    auth = section.last("stats", "auth")
    user, _, password = auth.words[2].partition(":") if auth else ("", "", "")
    if not user or not password:
        raise BadPartError(f"{section.name}: a page of statistics must have a user and a password")
    uri, realm = section.last("stats", "uri"), section.last("stats", "realm")
    return Statistics(
        name=checked(section.name, _WORD, "a name"),
        address=place[0],
        port=place[1],
        uri=uri.words[2] if uri else "/admin?stats",
        realm=realm.words[2] if realm else "Statistics",
        user=user,
        password=Secret(password),
    )


def _at(one: Directive) -> str:
    return f"{_PATH}.configuration line {one.number}"
