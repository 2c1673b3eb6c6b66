"""Decides which sources of connections are said to be over their share, and when that is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from supervisor.values.names import ServiceName
from supervisor.values.router import RouterConfig
from supervisor.values.shares import Refusals, ServiceShare, Source, SourceKind
from supervisor.values.status import EventRecord

LEAST = 5  # connections refused before a source is named: one more than its share, tried four times, is no flood
QUIET_SECONDS = 60.0  # without a refusal: it is over
MOST_NAMED = 16  # sources of one service at once
OVER, WITHIN = "over-share", "within-share"


@dataclass(frozen=True, slots=True)
class Excess:
    """A source whose connections are refused, or were a moment ago: `refused` counts from `since`."""

    since: float
    last: float
    refused: int = 0
    is_named: bool = False


@dataclass(frozen=True, slots=True)
class Watched:
    """What is remembered from look to look. `totals` only grow, whatever becomes of the kernel's table.

    The kernel counts by share. A share of a service may go while others stay, so what is counted is compared share by
    share.
    """

    excesses: Mapping[tuple[ServiceName, Source], Excess] = field(default_factory=dict)
    counted: Mapping[ServiceShare, int] = field(default_factory=dict)
    listed: Mapping[tuple[ServiceShare, Source], int] = field(default_factory=dict)
    totals: Mapping[ServiceName, int] = field(default_factory=dict)
    crowded: frozenset[ServiceName] = frozenset()  # so many sources at once that not all are named


def after(watched: Watched, refusals: Refusals, now: float) -> Watched:
    """Return what is to be remembered after a look at the kernel's counters; a counter that went back began anew."""
    if not refusals.totals:  # there is no table at the moment
        refusals = Refusals(
            tuple(watched.counted.items()), tuple((*key, count) for key, count in watched.listed.items())
        )
    totals = dict(watched.totals)
    for of, count in refusals.totals:
        totals[of.service] = totals.get(of.service, 0) + _grown(watched.counted.get(of, 0), count)
    fresh: Counter[tuple[ServiceName, Source]] = Counter()
    for of, source, count in refusals.sources:
        fresh[of.service, source] += _grown(watched.listed.get((of, source), 0), count)
    excesses = {key: excess for key, excess in watched.excesses.items() if now - excess.last < QUIET_SECONDS}
    for key, grown in fresh.items():
        if grown:
            known = excesses.get(key, Excess(now, now))
            excesses[key] = replace(known, last=now, refused=known.refused + grown)
    excesses = _named(excesses)
    crowded = frozenset(
        service for (service, _), excess in excesses.items() if _is_over(excess) and not excess.is_named
    )
    listed = {(of, source): count for of, source, count in refusals.sources}
    return Watched(excesses, dict(refusals.totals), listed, totals, crowded)


def _grown(before: int, now: int) -> int:
    return now - before if now >= before else now


def _is_over(excess: Excess) -> bool:
    return excess.refused >= LEAST


def _named(excesses: Mapping[tuple[ServiceName, Source], Excess]) -> dict[tuple[ServiceName, Source], Excess]:
    """Name those that are over, the busiest first, while there is room."""
    named = dict(excesses)
    room = {service: MOST_NAMED for service, _ in excesses}
    for (service, _), excess in excesses.items():
        room[service] -= excess.is_named
    for key, excess in sorted(excesses.items(), key=lambda pair: -pair[1].refused):
        if _is_over(excess) and not excess.is_named and room[key[0]] > 0:
            named[key] = replace(excess, is_named=True)
            room[key[0]] -= 1
    return named


def news(before: Watched, now: Watched, router: RouterConfig, time: float) -> tuple[EventRecord, ...]:
    """Return an event for each source that came over its share or is no longer, at the epoch's second `time`."""
    events = []
    for (service, source), excess in now.excesses.items():
        known = before.excesses.get((service, source))
        if excess.is_named and not (known and known.is_named):
            text = f"{described(source, router)} is over its share: what it opens beyond is refused"
            events.append(EventRecord(time, service, OVER, text))
    for service in sorted(now.crowded - before.crowded):
        text = f"more than {MOST_NAMED} sources at once are over their share; further ones are not named"
        events.append(EventRecord(time, service, OVER, text))
    for (service, source), excess in before.excesses.items():
        later = now.excesses.get((service, source))
        if excess.is_named and not (later and later.is_named):
            seconds = max(1, round(excess.last - excess.since))
            text = f"{described(source, router)} is within its share again: {excess.refused} refused in {seconds} s"
            events.append(EventRecord(time, service, WITHIN, text))
    return tuple(events)


def over_now(watched: Watched, service: ServiceName) -> int:
    """Return how many sources are over their share of a service."""
    return sum(_is_over(excess) for (of, _), excess in watched.excesses.items() if of == service)


def described(source: Source, router: RouterConfig) -> str:
    """Return a source in words: a guest by its addresses and Ethernet address."""
    match source.kind:
        case SourceKind.CARD:
            addresses = [str(host.address) for host in router.hosts if host.mac == source.name]
            return f"{' and '.join(addresses)} ({source.name})" if addresses else source.name
        case SourceKind.ADDRESS:
            return source.name
        case SourceKind.UNKNOWN:
            return f"a machine that no configuration knows, {source.name},"
