"""Settings of a load-balancing rule beyond where its connections go; parts of `router.Listener`."""

from __future__ import annotations

from dataclasses import dataclass

from supervisor.values.secret import Secret


@dataclass(frozen=True, slots=True)
class StatisticsPage:
    """Where a listener shows counters, and to whom."""

    uri: str | None  # None: where the daemon shows it by itself
    realm: str
    user: str
    password: Secret


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS settings of a listener with a certificate. None: the daemon's own."""

    ciphers: str | None = None  # up to TLS 1.2
    cipher_suites: str | None = None  # from TLS 1.3
    least_version: str = "TLSv1.2"
    greatest_version: str | None = None
    protocols: str | None = None  # offered by ALPN: "h2,http/1.1"


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """A header that is added to, set in or deleted from each request or response."""

    of: str  # "request" or "response"
    action: str  # "add-header", "set-header" or "del-header"
    name: str
    value: Secret | None = None  # None: deleted


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A check of members, where a connection that opens is not enough."""

    kind: str  # the daemon's option: "httpchk", "redis-check"
    arguments: tuple[str, ...] = ()  # "GET", "/health", "HTTP/1.1"
    headers: tuple[HeaderRule, ...] = ()  # of the question
    expectations: tuple[tuple[str, ...], ...] = ()  # ("status", "200-299"), ("!", "string", "sorry")
    flags: tuple[str, ...] = ()  # "disable-on-404", "send-state"
