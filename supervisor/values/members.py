"""Members of a load-balancing rule, and the checks that say whether they are up. Times are milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address

from supervisor.values.secret import Secret
from supervisor.values.tls import TlsVersion


class MemberOption(StrEnum):
    """A property of a member; the type of its value stands beside it, where it has one."""

    BACKUP = "backup"  # used while no other member is up
    CHECK_CHANGING_INTERVAL = "check-changing-interval"  # milliseconds
    CHECK_DOWN_INTERVAL = "check-down-interval"  # milliseconds
    CHECK_INTERVAL = "check-interval"  # milliseconds
    CHECK_PORT = "check-port"  # port
    CHECK_PROXY_PROTOCOL = "check-proxy-protocol"
    CHECK_TLS = "check-tls"
    DISABLED = "disabled"
    DOWN_ENDS_SESSIONS = "down-ends-sessions"
    DOWN_AFTER = "down-after"  # checks that fail
    MAX_CONNECTIONS = "max-connections"  # count
    MAX_QUEUE = "max-queue"  # count
    MIN_CONNECTIONS = "min-connections"  # count
    PROXY_PROTOCOL_2 = "proxy-protocol-2"
    SLOW_START = "slow-start"  # milliseconds
    TLS = "tls"
    TLS_ALPN = "tls-alpn"  # names of protocols
    TLS_CIPHERS = "tls-ciphers"  # names of ciphers up to TLS 1.2
    TLS_CIPHER_SUITES = "tls-cipher-suites"  # names of cipher suites from TLS 1.3
    TLS_GREATEST = "tls-greatest"  # TlsVersion
    TLS_LEAST = "tls-least"  # TlsVersion
    TLS_UNVERIFIED = "tls-unverified"
    TLS_WITHOUT_TICKETS = "tls-without-tickets"
    UP_AFTER = "up-after"  # checks that succeed
    UP_ENDS_BACKUP_SESSIONS = "up-ends-backup-sessions"
    WEIGHT = "weight"  # share of the connections


MemberValue = int | TlsVersion | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Backend:
    """A member of a listener. `settings` has each option once, in the order of the source."""

    name: str
    address: IPv4Address
    port: int
    cookie: str | None = None
    proxy_protocol: bool = False
    is_checked: bool = True  # False: it is used whatever its state
    settings: tuple[tuple[MemberOption, MemberValue], ...] = ()


class Message(StrEnum):
    """A half of an HTTP exchange."""

    REQUEST = "request"
    RESPONSE = "response"


class HeaderAction(StrEnum):
    """A change of the headers of a message."""

    ADD = "add"
    SET = "set"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """A header that is added to, set in or deleted from each request or response."""

    of: Message
    action: HeaderAction
    name: str
    value: Secret | None = None  # None: deleted


class CheckKind(StrEnum):
    """The protocol in which a member is asked whether it is up."""

    HTTP = "http"
    LDAP = "ldap"
    MYSQL = "mysql"
    POSTGRESQL = "postgresql"
    REDIS = "redis"
    SMTP = "smtp"
    TLS = "tls"


class Expected(StrEnum):
    """The part of an HTTP answer that is looked at."""

    STATUS = "status"  # value: ranges of statuses
    STATUS_PATTERN = "status-pattern"  # value: regular expression
    TEXT = "text"  # value: a part of the body


@dataclass(frozen=True, slots=True)
class Expectation:
    """A condition of an HTTP answer that counts as good."""

    of: Expected
    value: str | tuple[tuple[int, int], ...]
    is_negated: bool = False


class CheckFlag(StrEnum):
    """A property of HTTP checks."""

    DRAIN_ON_404 = "drain-on-404"  # a member that answers 404 finishes, and gets nothing new
    SEND_STATE = "send-state"  # the member is sent what is known of it


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A check of members, where a connection that opens is not enough.

    `words` are the question's: method, path and version of HTTP (the last ones may be missing), the user of a database,
    the greeting of SMTP and its domain; empty: the daemon's own.
    """

    kind: CheckKind
    words: tuple[str, ...] = ()
    headers: tuple[HeaderRule, ...] = ()  # of the question
    expectations: tuple[Expectation, ...] = ()
    flags: tuple[CheckFlag, ...] = ()
