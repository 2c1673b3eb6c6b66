"""Ways in which a client stays with the member that served it. Times are milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CookieMode(StrEnum):
    """The cookie that a client brings back: one of ours, or the application's, rewritten or with a prefix."""

    INSERT = "insert"
    REWRITE = "rewrite"
    PREFIX = "prefix"


class CookieOption(StrEnum):
    """A property of a cookie; the type of its value stands beside it, where it has one."""

    DOMAIN = "domain"  # name; may be there several times
    HIDDEN_FROM_MEMBERS = "hidden-from-members"
    HTTP_ONLY = "http-only"
    MAX_IDLE = "max-idle"  # milliseconds
    MAX_LIFE = "max-life"  # milliseconds
    NOT_CACHED = "not-cached"
    ONLY_AFTER_POST = "only-after-post"
    PRESERVED = "preserved"  # one that a member sets is left as it is
    SECURE = "secure"


@dataclass(frozen=True, slots=True)
class CookieStickiness:
    """A client stays with a member by a cookie that the load balancer writes."""

    name: str
    mode: CookieMode
    settings: tuple[tuple[CookieOption, int | str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class SourceStickiness:
    """A client stays with a member by its address."""

    entries: int = 200 * 1024  # as many addresses are remembered
    expire_ms: int = 30 * 60_000  # since the last connection


@dataclass(frozen=True, slots=True)
class LearnedCookieStickiness:
    """A client stays with a member by a cookie that the application itself sets."""

    name: str
    length: int = 52
    hold_ms: int = 3 * 3_600_000
    learns_from_requests: bool = False  # also a cookie that no response of ours set
    url_delimiter: str | None = None  # a client without cookies brings it in the URL, after this sign


Stickiness = CookieStickiness | SourceStickiness | LearnedCookieStickiness
