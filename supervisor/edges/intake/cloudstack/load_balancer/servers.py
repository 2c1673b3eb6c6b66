"""Members of a load-balancing rule: the words of `server` and `default-server` lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from supervisor.edges.intake.cloudstack.load_balancer.text import Directive, checked, interval, number
from supervisor.edges.intake.cloudstack.load_balancer.tls import cipher_list, cipher_suites, protocols, version
from supervisor.edges.intake.faults import BadPartError, Faults
from supervisor.values.bounds import Bounds
from supervisor.values.members import Backend, MemberOption, MemberValue
from supervisor.values.tls import TlsVersion

WORD = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
COOKIE = re.compile(r"[A-Za-z0-9!$%&*+.^_|~-]{1,200}")  # "#" would begin a comment
_THIS_NETWORK = IPv4Network("0.0.0.0/8")  # RFC 1122, 3.2.1.3: connections to it end at the machine that opens them
_Read = Callable[[str, Bounds], MemberValue]


def _between(least: int, most: int) -> _Read:
    return lambda text, bounds: number(text, least, most)


def _up_to(name: str, least: int = 0) -> _Read:
    return lambda text, bounds: number(text, least, bounds.most_of(name))


def _of_tls(read: Callable[[str], MemberValue]) -> _Read:
    return lambda text, bounds: read(text)


def _only(expected: str) -> _Read:
    def read(text: str, bounds: Bounds) -> None:
        if text != expected:
            raise BadPartError(f"{text!r:.40} is unknown")

    return read


_FLAGS: Mapping[str, MemberOption] = {
    "backup": MemberOption.BACKUP,
    "check-send-proxy": MemberOption.CHECK_PROXY_PROTOCOL,
    "check-ssl": MemberOption.CHECK_TLS,
    "disabled": MemberOption.DISABLED,
    "no-tls-tickets": MemberOption.TLS_WITHOUT_TICKETS,
    "send-proxy-v2": MemberOption.PROXY_PROTOCOL_2,
    "ssl": MemberOption.TLS,
}
_VALUES: Mapping[str, tuple[MemberOption, _Read]] = {
    "alpn": (MemberOption.TLS_ALPN, _of_tls(protocols)),
    "ciphers": (MemberOption.TLS_CIPHERS, _of_tls(cipher_list)),
    "ciphersuites": (MemberOption.TLS_CIPHER_SUITES, _of_tls(cipher_suites)),
    "downinter": (MemberOption.CHECK_DOWN_INTERVAL, interval),
    "fall": (MemberOption.DOWN_AFTER, _up_to("checks", 1)),
    "fastinter": (MemberOption.CHECK_CHANGING_INTERVAL, interval),
    "inter": (MemberOption.CHECK_INTERVAL, interval),
    "maxconn": (MemberOption.MAX_CONNECTIONS, _up_to("connections")),
    "maxqueue": (MemberOption.MAX_QUEUE, _up_to("connections")),
    "minconn": (MemberOption.MIN_CONNECTIONS, _up_to("connections")),
    "on-marked-down": (MemberOption.DOWN_ENDS_SESSIONS, _only("shutdown-sessions")),
    "on-marked-up": (MemberOption.UP_ENDS_BACKUP_SESSIONS, _only("shutdown-backup-sessions")),
    "port": (MemberOption.CHECK_PORT, _between(1, 65535)),
    "rise": (MemberOption.UP_AFTER, _up_to("checks", 1)),
    "slowstart": (MemberOption.SLOW_START, interval),
    "ssl-max-ver": (MemberOption.TLS_GREATEST, _of_tls(version)),
    "ssl-min-ver": (MemberOption.TLS_LEAST, _of_tls(version)),
    "verify": (MemberOption.TLS_UNVERIFIED, _only("none")),
    "weight": (MemberOption.WEIGHT, _between(0, 256)),
}
"""TLS words stand on the lines of servers that are reached in clear text too; there they have no effect."""
BARE = Backend("", IPv4Address(0), 1, is_checked=False)
"""A server of which no word was said."""


def default_server(line: Directive, before: Backend, faults: Faults) -> Backend:
    """Return the member that those after this line begin as."""
    return _after(before, line, line.words[1:], faults)


def backend(line: Directive, default: Backend, own: frozenset[IPv4Address], faults: Faults) -> Backend:
    """Return the member of a `server` line; words that are not carried out become faults. `own` are the router's.

    Raises BadPartError: there is no such member, none may be there, or it would be reached in another way than its line
    says.
    """
    if len(line.words) < 3:
        raise BadPartError("a server must have a name and an address: left out")
    address, _, port = line.words[2].rpartition(":")
    name = checked(line.words[1], WORD, "a name")
    place = replace(default, name=name, address=IPv4Address(address), port=number(port, 1, 65535))
    if reason := _no_place_of_a_guest(place.address, own, faults.links):
        raise BadPartError(f"server {name}: {place.address} is {reason}: left out")
    member = _after(place, line, line.words[3:], faults)
    settings = dict(member.settings)
    if settings.keys() & {MemberOption.TLS, MemberOption.CHECK_TLS} and MemberOption.TLS_UNVERIFIED not in settings:
        raise BadPartError(f"server {name} wants TLS, and no authority to verify it came along: left out")
    least, greatest = settings.get(MemberOption.TLS_LEAST), settings.get(MemberOption.TLS_GREATEST)
    if isinstance(least, TlsVersion) and isinstance(greatest, TlsVersion) and greatest < least:
        raise BadPartError(f"server {name} has its greatest version of TLS below the least one: left out")
    return member


def _no_place_of_a_guest(address: IPv4Address, own: frozenset[IPv4Address], links: IPv4Network) -> str | None:
    """Return the reason why no member may be at an address: its clients would reach the router past its firewall."""
    reasons = (
        (address in own, "an address of the router"),
        (address.is_loopback or address in _THIS_NETWORK, "the router itself"),
        (address in links, "where services are"),
        (address.is_link_local, "a link-local address"),
        (address.is_multicast or address.is_reserved, "no address of one machine"),
    )
    return next((reason for is_so, reason in reasons if is_so), None)


def _after(member: Backend, line: Directive, words: tuple[str, ...], faults: Faults) -> Backend:
    rest = iter(words)
    for word in rest:
        with faults.part(line.path):
            member = _with(member, word, rest, faults.bounds)
    return member


def _with(member: Backend, word: str, rest: Iterator[str], bounds: Bounds) -> Backend:
    match word:
        case "check" | "no-check":
            return replace(member, is_checked=word == "check")
        case "cookie":
            return replace(member, cookie=checked(next(rest, ""), COOKIE, "a cookie"))
        case "send-proxy":
            return replace(member, proxy_protocol=True)
        case "enabled":
            return replace(member, settings=_without(member, MemberOption.DISABLED))
        case _ if word in _FLAGS:
            return _set(member, _FLAGS[word], None)
        case _ if word in _VALUES:
            option, read = _VALUES[word]
            return _set(member, option, _read(word, read, next(rest, ""), bounds))
    raise BadPartError(f"{word!r:.40} is unknown: left out")


def _read(word: str, read: _Read, text: str, bounds: Bounds) -> MemberValue:
    try:
        return read(text, bounds)
    except BadPartError as error:
        raise BadPartError(f"{word}: {error}: left out") from None


def _set(member: Backend, option: MemberOption, value: MemberValue) -> Backend:
    return replace(member, settings=(*_without(member, option), (option, value)))


def _without(member: Backend, option: MemberOption) -> tuple[tuple[MemberOption, MemberValue], ...]:
    return tuple(setting for setting in member.settings if setting[0] is not option)
