"""Decides which security associations in the kernel have outlived their purpose after a takeover."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from supervisor.values.association import Association


def stale(recorded: Iterable[Association], present: Iterable[Association]) -> tuple[Association, ...]:
    """Return what is there of `recorded` (what a killed daemon left) and has been replaced.

    A daemon that starts knows nothing of them and makes its own; whoever made them, the ones that are not recorded are
    never touched. Old ones carry traffic until there are new ones between the same two addresses for as many requests
    as before: a tunnel that did not come back as a whole keeps its old ones, which end with their lifetime. Requests
    are counted and not compared, for a new daemon numbers them anew.
    """
    known = frozenset(recorded)
    before: dict[tuple[str, ...], set[int]] = defaultdict(set)
    since: dict[tuple[str, ...], set[int]] = defaultdict(set)
    listed = tuple(present)
    for one in listed:
        (before if one in known else since)[_way(one)].add(one.request)
    return tuple(one for one in listed if one in known and len(since[_way(one)]) >= len(before[_way(one)]))


def _way(one: Association) -> tuple[str, ...]:
    return (one.source, one.destination, one.protocol, one.mode)
