"""Decides how long to wait before an instance that failed is started again: longer each time, until it is stable."""

from __future__ import annotations

from dataclasses import dataclass, replace

FIRST_DELAY = 0.25
LONGEST_DELAY = 30.0
JITTER = 0.2  # so that services which failed together do not all start together
STABLE_AFTER = 60.0  # healthy this long: the pauses begin anew with the next failure
REMEMBERED = 600.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """The failures of one service. Times are monotonic seconds; `Backoff()` is a service that never failed."""

    failures: tuple[float, ...] = ()  # of the last `REMEMBERED` seconds, oldest first
    attempt: int = 0  # failures since it was last stable
    until: float = 0.0  # not to be started before
    healthy_since: float | None = None


def delay(attempt: int, jitter: float) -> float:
    """Return the seconds to wait after failure number `attempt`, from 1; `jitter` is a random number in [0, 1)."""
    doublings = min(attempt - 1, 16)  # far beyond the longest delay, and small enough for floats
    return min(FIRST_DELAY * 2.0**doublings, LONGEST_DELAY) * (1 - JITTER + 2 * JITTER * jitter)


def fail(backoff: Backoff, now: float, jitter: float) -> Backoff:
    """Record a failure; `until` of the result says when to start again."""
    attempt = 1 if is_stable(backoff, now) else backoff.attempt + 1
    return Backoff((*_recent(backoff, now), now), attempt, now + delay(attempt, jitter))


def forgive(backoff: Backoff) -> Backoff:
    """Record that the failure was not the service's: the next start waits for nothing, and the pauses begin anew."""
    return replace(backoff, attempt=0, until=0.0)


def observe(backoff: Backoff, is_healthy: bool, now: float) -> Backoff:
    """Record whether it is healthy now; call on every change (calling more often does no harm)."""
    if not is_healthy:
        return replace(backoff, healthy_since=None) if backoff.healthy_since is not None else backoff
    if backoff.healthy_since is None:
        return replace(backoff, healthy_since=now)
    return backoff


def is_stable(backoff: Backoff, now: float) -> bool:
    """True if it was healthy for so long that the pauses begin anew with the next failure."""
    return backoff.healthy_since is not None and now - backoff.healthy_since >= STABLE_AFTER


def may_start(backoff: Backoff, now: float) -> bool:
    """True if the pause after the last failure is over."""
    return now >= backoff.until


def recent_failures(backoff: Backoff, now: float) -> int:
    """Return the number of failures within the last `REMEMBERED` seconds."""
    return len(_recent(backoff, now))


def _recent(backoff: Backoff, now: float) -> tuple[float, ...]:
    return tuple(time for time in backoff.failures if now - time < REMEMBERED)
