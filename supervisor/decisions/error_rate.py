"""Decides whether a candidate fails more of its work than the former active did, from what both count themselves.

Counters only ever say "worse than before": one that cannot be read, that went backwards because the daemon was started
again, or that the former active did not have, says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from supervisor.values.manifest import ErrorCounter
from supervisor.values.state import Tally

Tallies = Mapping[str, Tally]  # by the names that the daemon gives its parts


def by_name(tallies: Iterable[Tally]) -> Tallies:
    return {tally.name: tally for tally in tallies}


def jump(
    counter: ErrorCounter, at_cut: Tallies, now: Tallies, former: Sequence[Tallies], *, is_former_known: bool
) -> str | None:
    """Say what failed too often since the cut-over; None: nothing that is worse than before.

    `former` are spans of the former active's work (its whole life, its last minutes): the worst of them is the base
    line. A part that it did not have has none, and is passed over, unless nothing is known of the former at all.
    """
    for name, tally in sorted(now.items()):
        fresh = since(tally, at_cut.get(name))
        if fresh is None or fresh.failed < counter.minimum:
            continue
        base = base_line(name, former)
        if base is None:
            if is_former_known:
                continue
            base = 0.0
        if share(fresh) > base + counter.share:
            part = f" of {name}" if name else ""
            return (
                f"{fresh.failed} of {fresh.total} {counter.name}{part} failed since the cut-over"
                f" ({_percent(share(fresh))}; bound {_percent(counter.share)}, before it {_percent(base)})"
            )
    return None


def since(tally: Tally, before: Tally | None) -> Tally | None:
    """What is new; None when the counters began anew, or nothing was done.

    What was under way at the first reading may fail after it: more failures than pieces of work are as many.
    """
    fresh = Tally(tally.name, tally.failed - before.failed, tally.total - before.total) if before else tally
    return replace(fresh, total=max(fresh.failed, fresh.total)) if fresh.failed >= 0 and fresh.total > 0 else None


def span(before: Tallies, after: Tallies) -> Tallies:
    """What came between two readings of one daemon."""
    found = {name: since(tally, before[name]) for name, tally in after.items() if name in before}
    return {name: tally for name, tally in found.items() if tally}


def base_line(name: str, spans: Sequence[Tallies]) -> float | None:
    """The worst share that failed in any of the spans; None when the part was unknown. Without work nothing failed."""
    known = [tallies[name] for tallies in spans if name in tallies]
    return max((share(tally) for tally in known), default=None)


def share(tally: Tally) -> float:
    """More failures than pieces of work are possible: some daemons count one of them twice."""
    return min(1.0, tally.failed / tally.total) if tally.total > 0 else 0.0


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"
