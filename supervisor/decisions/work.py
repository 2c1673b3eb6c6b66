"""Computes how much of a daemon's work failed between two readings of its counters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from supervisor.values.tally import Reading, Tally

Key = tuple[str, str]  # the part (or server), the client


@dataclass(frozen=True, slots=True)
class Work:
    """Pieces of work that are over, by how they ended."""

    failed: int
    total: int
    unanswered: int = 0
    declined: int = 0
    kinds: tuple[tuple[str, int], ...] = ()

    @property
    def bad(self) -> int:
        """The pieces that did not succeed."""
        return self.failed + self.unanswered + self.declined

    @property
    def share(self) -> float:
        """The share that failed. Without work nothing did."""
        return self.bad / self.total if self.total > 0 else 0.0

    @property
    def all_kinds(self) -> tuple[tuple[str, int], ...]:
        """The number of failures of each kind, no answer included."""
        return (*self.kinds, ("unanswered", self.unanswered)) if self.unanswered else self.kinds


@dataclass(frozen=True, slots=True)
class Span:
    """All the work between two readings of one counter."""

    parts: Mapping[Key, Work]
    servers: Mapping[Key, Work]


@dataclass(frozen=True, slots=True)
class Soaked:
    """Readings of one counter in a soak: the first one, and those that the next comparison needs."""

    first: Reading | None = None
    recent: tuple[tuple[float, Reading], ...] = ()  # with their times, oldest first; at most one is over its patience

    def after(self, now: float, reading: Reading, patience: float) -> Soaked:
        """Return the readings after one more; what was asked for `patience` seconds ago should be answered."""
        recent = (*self.recent, (now, reading))
        is_over = sum(at <= now - patience for at, _ in recent)
        return Soaked(self.first or reading, recent[max(0, is_over - 1) :])

    def span(self) -> Span:
        """Return the work since the first reading. There must be one."""
        assert self.first, "a counter is read before it is compared"
        return span(self.first, self.recent[-1][1], self.recent[0][1])


def span(before: Reading | None, after: Reading, due: Reading | None = None) -> Span:
    """Return the work between two readings; `before` None: since the daemon began.

    `due` is an earlier reading than `after`: what had been asked for by then should have been answered by now.
    """
    return Span(
        _works(_by_key(before.parts) if before else {}, after.parts, _by_key((due or after).parts)),
        _works(_by_key(before.servers) if before else {}, after.servers, _by_key((due or after).servers)),
    )


def since(now: Tally, before: Tally | None, due: Tally | None) -> Work | None:
    """Return the work since `before` (None: since the daemon began); None when the counters began anew.

    Pieces that were under way at the first reading may fail after it: more failures than pieces count as so many.
    """
    before = before or Tally(now.name, 0, 0)
    failed, declined, total = now.failed - before.failed, now.declined - before.declined, now.total - before.total
    if failed < 0 or total < 0 or declined < 0:
        return None
    past = dict(before.kinds)
    kinds = tuple((kind, count - past.get(kind, 0)) for kind, count in now.kinds if count > past.get(kind, 0))
    if now.answered is None:
        return Work(failed, max(failed, total), kinds=kinds)
    over = now.answered - (before.answered or 0) + failed + declined
    unanswered = max(0, (due.total if due else before.total) - before.total - over)
    return Work(failed, max(over, 0) + unanswered, unanswered, declined, kinds)


def sum_kinds(works: Iterable[Work]) -> tuple[tuple[str, int], ...]:
    """Return how often each kind of failure was counted, most frequent first."""
    counts: Counter[str] = Counter()
    for work in works:
        counts.update(dict(work.all_kinds))
    return tuple(sorted(counts.items(), key=lambda kind: (-kind[1], kind[0])))


def of_others(reading: Reading, own: Collection[IPv4Address]) -> Reading:
    """Return a reading without what the router asked for itself, the supervisor's probes included: it is no client.

    A probe of any address of an interface comes from the interface's first one (kernel: `prefsrc` of local routes).
    """
    texts = {str(address) for address in own}
    return Reading(tuple(tally for tally in reading.parts if tally.source not in texts), reading.servers)


def _by_key(tallies: Sequence[Tally]) -> dict[Key, Tally]:
    return {(tally.name, tally.source): tally for tally in tallies}


def _works(before: Mapping[Key, Tally], after: Sequence[Tally], due: Mapping[Key, Tally]) -> dict[Key, Work]:
    works = {key: since(tally, before.get(key), due.get(key)) for key, tally in _by_key(after).items()}
    return {key: work for key, work in works.items() if work}
