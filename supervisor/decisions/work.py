"""Computes how much of a daemon's work failed between two readings of its counters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from supervisor.values.router import RouterConfig
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


def by_client(reading: Reading, router: RouterConfig) -> Reading:
    """Return a reading by the clients that count each for itself, which one machine alone cannot be many of.

    What the router asked for itself, the supervisor's probes included, is no client's: a probe of any address of an
    interface comes from the interface's first one (kernel: `prefsrc` of local routes). Addresses of a guest network
    that no guest has are one client together, as they have one share together; so are those of a /64 of IPv6.
    """
    own, networks = router.own_addresses, tuple(network.network for network in router.networks)
    guests = frozenset(host.address for host in router.hosts)
    merged: dict[Key, Tally] = {}
    for tally in reading.parts:
        address = _address(tally.source)
        if address in own:
            continue
        source = tally.source
        if isinstance(address, IPv6Address):
            source = str(IPv6Network((int(address), 64), strict=False))
        elif address is not None and address not in guests:
            source = next((f"strangers in {network}" for network in networks if address in network), source)
        key = (tally.name, source)
        merged[key] = _sum(merged[key], tally) if key in merged else replace(tally, source=source)
    return Reading(tuple(merged.values()), reading.servers)


def _address(source: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(source)
    except ValueError:  # clients are not told apart
        return None


def _sum(one: Tally, other: Tally) -> Tally:
    kinds = Counter(dict(one.kinds))
    kinds.update(dict(other.kinds))
    answered = None if one.answered is None or other.answered is None else one.answered + other.answered
    return replace(
        one,
        failed=one.failed + other.failed,
        total=one.total + other.total,
        answered=answered,
        declined=one.declined + other.declined,
        kinds=tuple(kinds.items()),
    )


def _by_key(tallies: Sequence[Tally]) -> dict[Key, Tally]:
    return {(tally.name, tally.source): tally for tally in tallies}


def _works(before: Mapping[Key, Tally], after: Sequence[Tally], due: Mapping[Key, Tally]) -> dict[Key, Work]:
    works = {key: since(tally, before.get(key), due.get(key)) for key, tally in _by_key(after).items()}
    return {key: work for key, work in works.items() if work}
