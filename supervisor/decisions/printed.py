"""The words and notation in which a configuration is printed: a surface that others read, so it stays.

`config show` prints it, and templates of manifests of schema 1 see it. The words are those of the management server's
own texts. A field without an entry here is printed by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from supervisor.values.balancing import Balance, Listener, Switch, TimeLimit
from supervisor.values.members import (
    Backend,
    CheckFlag,
    CheckKind,
    Expectation,
    Expected,
    HeaderAction,
    HealthCheck,
    MemberOption,
)
from supervisor.values.router import SiteToSite
from supervisor.values.secret import Secret
from supervisor.values.stickiness import CookieOption, CookieStickiness, LearnedCookieStickiness, SourceStickiness
from supervisor.values.tls import Tls, TlsVersion

_WORDS: Mapping[type[Enum], Mapping[Any, str]] = {
    Balance: {Balance.ROUND_ROBIN: "roundrobin", Balance.LEAST_CONNECTIONS: "leastconn"},
    TlsVersion: {version: f"TLSv{version}" for version in TlsVersion},
    CheckKind: {
        CheckKind.HTTP: "httpchk",
        CheckKind.LDAP: "ldap-check",
        CheckKind.MYSQL: "mysql-check",
        CheckKind.POSTGRESQL: "pgsql-check",
        CheckKind.REDIS: "redis-check",
        CheckKind.SMTP: "smtpchk",
        CheckKind.TLS: "ssl-hello-chk",
    },
    CheckFlag: {CheckFlag.DRAIN_ON_404: "disable-on-404"},
    Expected: {Expected.STATUS_PATTERN: "rstatus", Expected.TEXT: "string"},
    HeaderAction: {HeaderAction.ADD: "add-header", HeaderAction.SET: "set-header", HeaderAction.DELETE: "del-header"},
    TimeLimit: {
        TimeLimit.CLIENT_CLOSING: "client-fin",
        TimeLimit.KEEP_ALIVE: "http-keep-alive",
        TimeLimit.REQUEST: "http-request",
        TimeLimit.SERVER_CLOSING: "server-fin",
    },
    Switch: {
        Switch.ABORT_WHEN_CLIENT_CLOSES: "abortonclose",
        Switch.ALL_BACKUPS: "allbackups",
        Switch.BUFFER_REQUEST: "http-buffer-request",
        Switch.CLIENT_TCP_KEEP_ALIVE: "clitcpka",
        Switch.CLOSE_TO_SERVER: "http-server-close",
        Switch.DELAY_ACCEPT_ACK: "tcp-smart-accept",
        Switch.DELAY_CONNECT_ACK: "tcp-smart-connect",
        Switch.INDEPENDENT_DIRECTIONS: "independent-streams",
        Switch.NO_HTTP_DELAY: "http-no-delay",
        Switch.NO_LINGER: "nolinger",
        Switch.PERSIST_TO_DOWN_MEMBERS: "persist",
        Switch.PRETEND_KEEP_ALIVE: "http-pretend-keepalive",
    },
    CookieOption: {
        CookieOption.HIDDEN_FROM_MEMBERS: "indirect",
        CookieOption.HTTP_ONLY: "httponly",
        CookieOption.MAX_IDLE: "maxidle",
        CookieOption.MAX_LIFE: "maxlife",
        CookieOption.NOT_CACHED: "nocache",
        CookieOption.ONLY_AFTER_POST: "postonly",
        CookieOption.PRESERVED: "preserve",
    },
    MemberOption: {
        MemberOption.CHECK_CHANGING_INTERVAL: "fastinter",
        MemberOption.CHECK_DOWN_INTERVAL: "downinter",
        MemberOption.CHECK_INTERVAL: "inter",
        MemberOption.CHECK_PORT: "port",
        MemberOption.CHECK_PROXY_PROTOCOL: "check-send-proxy",
        MemberOption.CHECK_TLS: "check-ssl",
        MemberOption.DOWN_AFTER: "fall",
        MemberOption.DOWN_ENDS_SESSIONS: "on-marked-down shutdown-sessions",
        MemberOption.MAX_CONNECTIONS: "maxconn",
        MemberOption.MAX_QUEUE: "maxqueue",
        MemberOption.MIN_CONNECTIONS: "minconn",
        MemberOption.PROXY_PROTOCOL_2: "send-proxy-v2",
        MemberOption.SLOW_START: "slowstart",
        MemberOption.TLS: "ssl",
        MemberOption.TLS_ALPN: "alpn",
        MemberOption.TLS_CIPHERS: "ciphers",
        MemberOption.TLS_CIPHER_SUITES: "ciphersuites",
        MemberOption.TLS_GREATEST: "ssl-max-ver",
        MemberOption.TLS_LEAST: "ssl-min-ver",
        MemberOption.TLS_UNVERIFIED: "verify none",
        MemberOption.TLS_WITHOUT_TICKETS: "no-tls-tickets",
        MemberOption.UP_AFTER: "rise",
        MemberOption.UP_ENDS_BACKUP_SESSIONS: "on-marked-up shutdown-backup-sessions",
    },
}
_TIMES = {
    CookieOption.MAX_IDLE,
    CookieOption.MAX_LIFE,
    MemberOption.CHECK_CHANGING_INTERVAL,
    MemberOption.CHECK_DOWN_INTERVAL,
    MemberOption.CHECK_INTERVAL,
    MemberOption.SLOW_START,
}
_UNITS = ((3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms"))


def word(value: Enum) -> object:
    """Return the word that a value of a closed set is printed as."""
    return _WORDS.get(type(value), {}).get(value, value.value)


def printed_fields(value: Any) -> Iterator[tuple[str, object]]:
    """Yield names and values of a dataclass as they are printed, in its order."""
    names, notations = _NAMES.get(type(value), {}), _NOTATIONS.get(type(value), {})
    for field in fields(value):
        content = getattr(value, field.name)
        write = notations.get(field.name)
        yield names.get(field.name, field.name), content if write is None or content is None else write(content)


class Printed:
    """A part of a configuration as templates of schema 1 see it: printed words and texts, by the printed names.

    Equal to another view of an equal part. Properties of the part are there too, and secrets stay secrets.
    """

    __slots__ = ("_part",)

    def __init__(self, part: Any) -> None:
        self._part = part

    def __getattr__(self, name: str) -> Any:
        for printed_name, content in printed_fields(self._part):
            if printed_name == name:
                return _seen(content)
        if name in {field.name for field in fields(self._part)}:  # it has another name in print
            raise AttributeError(name)
        return _seen(getattr(self._part, name))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Printed) and self._part == other._part

    def __hash__(self) -> int:
        return hash(self._part)

    def __repr__(self) -> str:
        return repr(self._part)


class _Word(str):
    """The printed word of a closed set's value, with the name that the value has in the set."""

    __slots__ = ("name",)
    name: str

    @classmethod
    def of(cls, member: Enum) -> _Word:
        self = cls(word(member))
        self.name = member.name
        return self

    @property
    def value(self) -> str:
        return str(self)


def _seen(content: Any) -> Any:
    if isinstance(content, Enum):
        return _Word.of(content)
    if isinstance(content, tuple):
        return tuple(map(_seen, content))
    return Printed(content) if is_dataclass(content) and not isinstance(content, Secret) else content


def _time(milliseconds: int) -> str:
    size, unit = next(item for item in _UNITS if milliseconds % item[0] == 0)
    return f"{milliseconds // size}{unit}" if milliseconds else "0"


def _count(number: int) -> str:
    for size, unit in ((1024**2, "m"), (1024, "k")):
        if number % size == 0:
            return f"{number // size}{unit}"
    return str(number)


def _settings(settings: tuple[tuple[MemberOption | CookieOption, Any], ...]) -> tuple[str, ...]:
    return tuple(_setting(option, value) for option, value in settings)


def _setting(option: MemberOption | CookieOption, value: Any) -> str:
    if value is None:
        return str(word(option))
    if isinstance(value, tuple):
        text = ("," if option is MemberOption.TLS_ALPN else ":").join(value)
    elif isinstance(value, Enum):
        text = str(word(value))
    else:
        text = _time(value) if option in _TIMES else str(value)
    return f"{word(option)} {text}"


def _expectations(expectations: tuple[Expectation, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (*(("!",) if expected.is_negated else ()), str(word(expected.of)), _expected(expected.value))
        for expected in expectations
    )


def _expected(value: str | tuple[tuple[int, int], ...]) -> str:
    if isinstance(value, str):
        return value
    return ",".join(f"{first:03}" if first == last else f"{first:03}-{last:03}" for first, last in value)


def _joined(separator: str) -> Callable[[tuple[str, ...]], str | None]:
    return lambda words: separator.join(words) or None


def _proposals(proposals: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    return tuple("-".join(proposal) for proposal in proposals)


_NAMES: Mapping[type, Mapping[str, str]] = {
    Backend: {"settings": "options"},
    CookieStickiness: {"settings": "options"},
    HealthCheck: {"words": "arguments"},
    LearnedCookieStickiness: {"hold_ms": "holdtime"},
    Listener: {"switches": "options"},
    SourceStickiness: {"entries": "table_size", "expire_ms": "expire"},
}
"""Names of fields that are printed as another one."""
_NOTATIONS: Mapping[type, Mapping[str, Callable[[Any], object]]] = {
    Backend: {"settings": _settings},
    CookieStickiness: {"settings": _settings},
    HealthCheck: {"expectations": _expectations},
    LearnedCookieStickiness: {"hold_ms": _time},
    SiteToSite: {"ike_proposals": _proposals, "esp_proposals": _proposals},
    SourceStickiness: {"entries": _count, "expire_ms": _time},
    Tls: {"ciphers": _joined(":"), "cipher_suites": _joined(":"), "protocols": _joined(",")},
}
"""Fields that are printed as a text of their own."""
