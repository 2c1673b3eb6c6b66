"""Members of a load-balancing rule: the words of `server` and `default-server` lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address

from supervisor.edges.intake.cloudstack.load_balancer.text import Directive, checked, interval, number
from supervisor.edges.intake.cloudstack.load_balancer.tls import cipher_list, cipher_suites, protocols, version
from supervisor.edges.intake.faults import BadPartError, Faults
from supervisor.values.router import Backend

WORD = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
COOKIE = re.compile(r"[A-Za-z0-9!$%&*+.^_|~-]{1,200}")  # "#" would begin a comment
_Check = Callable[[str], str]


def _count(least: int, most: int) -> _Check:
    return lambda text: str(number(text, least, most))


def _only(*texts: str) -> _Check:
    def check(text: str) -> str:
        if text not in texts:
            raise BadPartError(f"{text!r:.40} is unknown")
        return text

    return check


_FLAGS = ("backup", "check-send-proxy", "check-ssl", "disabled", "no-tls-tickets", "send-proxy-v2", "ssl")
_VALUES: Mapping[str, _Check] = {
    "alpn": protocols,
    "ciphers": cipher_list,
    "ciphersuites": cipher_suites,
    "downinter": interval,
    "fall": _count(1, 1_000_000),
    "fastinter": interval,
    "inter": interval,
    "maxconn": _count(0, 1_000_000),
    "maxqueue": _count(0, 1_000_000),
    "minconn": _count(0, 1_000_000),
    "on-marked-down": _only("shutdown-sessions"),
    "on-marked-up": _only("shutdown-backup-sessions"),
    "port": _count(1, 65535),
    "rise": _count(1, 1_000_000),
    "slowstart": interval,
    "ssl-max-ver": version,
    "ssl-min-ver": version,
    "verify": _only("none"),
    "weight": _count(0, 256),
}
"""TLS words stand on the lines of servers that are reached in clear text too; there they have no effect."""
BARE = Backend("", IPv4Address(0), 1, is_checked=False)
"""A server of which no word was said."""


def default_server(one: Directive, before: Backend, faults: Faults) -> Backend:
    """Return what the servers after this line begin with."""
    return _said(before, one, one.words[1:], faults)


def backend(one: Directive, default: Backend, faults: Faults) -> Backend:
    if len(one.words) < 3:
        raise BadPartError("a server must have a name and an address: left out")
    address, _, port = one.words[2].rpartition(":")
    name = checked(one.words[1], WORD, "a name")
    place = replace(default, name=name, address=IPv4Address(address), port=number(port, 1, 65535))
    result = _said(place, one, one.words[3:], faults)
    said = dict(option.partition(" ")[::2] for option in result.options)
    if said.keys() & {"ssl", "check-ssl"} and "verify" not in said:
        raise BadPartError(f"server {result.name} wants TLS, and no authority to verify it came along: left out")
    if said.get("ssl-max-ver", "TLSv9") < said.get("ssl-min-ver", ""):
        raise BadPartError(f"server {result.name} has its greatest version of TLS below the least one: left out")
    return result


def _said(result: Backend, one: Directive, words: tuple[str, ...], faults: Faults) -> Backend:
    rest = iter(words)
    for word in rest:
        with faults.part(one.path):
            result = _with(result, word, rest)
    return result


def _with(result: Backend, word: str, rest: Iterator[str]) -> Backend:
    match word:
        case "check" | "no-check":
            return replace(result, is_checked=word == "check")
        case "cookie":
            return replace(result, cookie=checked(next(rest, ""), COOKIE, "a cookie"))
        case "send-proxy":
            return replace(result, proxy_protocol=True)
        case "enabled":
            return replace(result, options=tuple(option for option in result.options if option != "disabled"))
        case _ if word in _FLAGS:
            return _option(result, word)
        case _ if word in _VALUES:
            return _option(result, word, _value(word, next(rest, "")))
    raise BadPartError(f"{word!r:.40} is unknown: left out")


def _value(word: str, text: str) -> str:
    try:
        return _VALUES[word](text)
    except BadPartError as error:
        raise BadPartError(f"{word}: {error}: left out") from None


def _option(result: Backend, *words: str) -> Backend:
    others = tuple(option for option in result.options if option.split()[0] != words[0])
    return replace(result, options=(*others, " ".join(words)))
