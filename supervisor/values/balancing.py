"""Load balancing in neutral types: outside addresses and ports, and what a rule asks for; parts in the modules named.

Times are milliseconds, of which 0 is no limit. Closed sets are enums in words of our own: the notation of a daemon is
its template's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network

from supervisor.values.members import Backend, HeaderRule, HealthCheck
from supervisor.values.secret import Secret
from supervisor.values.stickiness import Stickiness
from supervisor.values.tls import Certificate, Tls


class Balance(StrEnum):
    """The way in which the next member is chosen."""

    ROUND_ROBIN = "round-robin"
    LEAST_CONNECTIONS = "least-connections"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Statistics:
    """A page of counters at an address and port of its own, with a password."""

    name: str
    address: IPv4Address
    port: int
    uri: str
    realm: str
    user: str
    password: Secret


@dataclass(frozen=True, slots=True)
class StatisticsPage:
    """A page of counters of a listener, beside what its members serve."""

    uri: str | None  # None: where the daemon shows it by itself
    realm: str
    user: str
    password: Secret


class TimeLimit(StrEnum):
    """A wait that has a limit."""

    CHECK = "check"
    CLIENT = "client"
    CLIENT_CLOSING = "client-closing"
    CONNECT = "connect"
    KEEP_ALIVE = "keep-alive"
    QUEUE = "queue"
    REQUEST = "request"
    SERVER = "server"
    SERVER_CLOSING = "server-closing"
    TARPIT = "tarpit"
    TUNNEL = "tunnel"


class Switch(StrEnum):
    """A behaviour of a listener that is on."""

    ABORT_WHEN_CLIENT_CLOSES = "abort-when-client-closes"
    ALL_BACKUPS = "all-backups"  # not only the first
    BUFFER_REQUEST = "buffer-request"  # a member is chosen when the body has come
    CLIENT_TCP_KEEP_ALIVE = "client-tcp-keep-alive"
    CLOSE_TO_SERVER = "close-to-server"  # after each response
    DELAY_ACCEPT_ACK = "delay-accept-ack"
    DELAY_CONNECT_ACK = "delay-connect-ack"
    INDEPENDENT_DIRECTIONS = "independent-directions"  # what is written does not count as activity
    NO_HTTP_DELAY = "no-http-delay"
    NO_LINGER = "no-linger"
    PERSIST_TO_DOWN_MEMBERS = "persist-to-down-members"
    PREFER_LAST_SERVER = "prefer-last-server"
    PRETEND_KEEP_ALIVE = "pretend-keep-alive"


@dataclass(frozen=True, slots=True)
class Listener:
    """A load-balancing rule: an outside address and port, and where its connections go.

    What is None, empty or not among `timeouts` is as `LoadBalancing` says, or as the daemon does by itself.
    """

    name: str
    address: IPv4Address
    port: int
    is_http: bool
    balance: Balance
    backends: tuple[Backend, ...]
    keep_alive: bool = True
    stickiness: Stickiness | None = None
    allowed_sources: tuple[IPv4Network, ...] = ()  # empty: everybody
    certificate: Certificate | None = None
    tls: Tls | None = None
    timeouts: tuple[tuple[TimeLimit, int], ...] = ()
    retries: int | None = None
    max_connections: int | None = None
    full_load: int | None = None  # as many connections are a full load for its members
    health_check: HealthCheck | None = None
    header_rules: tuple[HeaderRule, ...] = ()
    switches: tuple[Switch, ...] = ()
    page: StatisticsPage | None = None


@dataclass(frozen=True, slots=True)
class LoadBalancing:
    """All listeners, and what they have in common."""

    max_connections: int = 4096
    connect_timeout_ms: int = 5000
    client_timeout_ms: int | None = 50000  # None: no limit
    server_timeout_ms: int | None = 50000
    timeouts: tuple[tuple[TimeLimit, int], ...] = ()  # the others
    retries: int = 3
    listeners: tuple[Listener, ...] = ()
    statistics: tuple[Statistics, ...] = ()
