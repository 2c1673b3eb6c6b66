"""Decides which state of killed daemons in the kernel (security associations) may be deleted after a takeover."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from supervisor.values.association import Association


def stale(recorded: Iterable[Association], present: Iterable[Association]) -> tuple[Association, ...]:
    """Return those of the `recorded` associations, left by a killed daemon, that are still there and were replaced.

    A daemon that starts makes its own; those that are not recorded are never touched. Old ones carry traffic until
    there are new ones between the same two addresses for as many requests as before: where not all came back, the old
    ones stay, and end with their lifetime. Requests are counted and not compared: a new daemon numbers them anew.
    """
    known = frozenset(recorded)
    before: dict[tuple[str, ...], set[int]] = defaultdict(set)
    since: dict[tuple[str, ...], set[int]] = defaultdict(set)
    listed = tuple(present)
    for association in listed:
        (before if association in known else since)[_way(association)].add(association.request)
    return tuple(
        association
        for association in listed
        if association in known and len(since[_way(association)]) >= len(before[_way(association)])
    )


def _way(association: Association) -> tuple[str, ...]:
    return (association.source, association.destination, association.protocol, association.mode)
