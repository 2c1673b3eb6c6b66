"""Decides why other servers do not help a daemon: by themselves, or because of the way in which it asks.

A server that did the same before, or whose answers depend on what its clients want to know, says nothing against the
daemon. A server that answered the former active well and lets the candidate down does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from supervisor.decisions.work import Key, Span, Work, sum_kinds

MINIMUM = 3  # questions that a server was asked, before anything is said of it
RISE = 0.2  # of its answers may be worse than before
WELL, HARDLY = 0.5, 0.05  # it answered so many before, and so few now


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict on other servers: `excused` failures are theirs; `blamed` are those that the candidate fails with."""

    excused: int
    blamed: tuple[str, ...] = ()


def judge(fresh: Mapping[Key, Work], former: Sequence[Span], concerned: int) -> Judgement:
    """Return which failures are the servers', when `concerned` clients see failures.

    A daemon asks the next server when one fails: a client sees only what failed with all of those that it asks.
    """
    busy = max((work.total for work in fresh.values()), default=0)
    asked = {key: work for key, work in fresh.items() if 2 * work.total >= busy > 0}
    changed = {key: work for key, work in asked.items() if _is_changed(key, work, former, concerned)}
    excused = 0 if changed else min((work.bad for work in asked.values()), default=0)
    return Judgement(excused, tuple(_describe(key, work) for key, work in sorted(changed.items())))


def _is_changed(key: Key, work: Work, former: Sequence[Span], concerned: int) -> bool:
    if work.total < MINIMUM:
        return False
    past = [span.servers[key] for span in former if key in span.servers and span.servers[key].total]
    if not past:  # it may never have answered anybody, but what cannot be read is no question of names
        return work.failed / work.total > RISE
    if _unread(work) > max(map(_unread, past)) + RISE:
        return True
    had_answered = 1 - min(before.share for before in past) >= WELL
    return concerned > 1 and had_answered and 1 - work.share < HARDLY


def _unread(work: Work) -> float:
    """Return the share that the server did not understand, or did not answer."""
    return (work.failed + work.unanswered) / work.total


def _describe(key: Key, work: Work) -> str:
    kinds = ", ".join(f"{kind} {count}" for kind, count in sum_kinds((work,)))
    return f"server {key[0]} does not answer this version as it did the former: {work.bad} of {work.total} ({kinds})"
