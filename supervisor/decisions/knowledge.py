"""Decides which knowledge of the former active a candidate is given, and what it still has to find out by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

from supervisor.values.manifest import Awaited, Knowledge

TELLABLE = re.compile(r"[^\s;\"'\\\x00-\x1f\x7f]+")
"""Texts that may stand in a line for a daemon: a name that would be two words, or two commands, is passed over."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The number of things that a daemon has not found out yet, and of how many."""

    awaited: Awaited
    count: int
    total: int | None

    def __str__(self) -> str:
        return self.awaited.what.format(unknown=self.count, total="" if self.total is None else self.total)


def unknown(awaited: Awaited, answer: str) -> Unknown | None:
    """Return what the daemon has not found out yet by its `answer`; None: nothing is missing."""
    count = _count(awaited.unknown, answer)
    return Unknown(awaited, count, _count(awaited.total, answer) if awaited.total else None) if count else None


def lines(knowledge: Knowledge, former: str, candidate: str) -> tuple[str, ...]:
    """Return the lines to send to the candidate, in the order of the former's answer, none of them twice.

    Things that the candidate does not have, or has otherwise (an address that was changed), are left out.
    """
    there = {_identity(match) for match in re.finditer(knowledge.same, candidate)}
    told: dict[str, None] = {}
    for match in re.finditer(knowledge.known, former):
        groups = {name: text or "" for name, text in match.groupdict().items()}
        identity = frozenset((name, groups[name]) for name in re.compile(knowledge.same).groupindex)
        if identity in there and all(TELLABLE.fullmatch(text) for text in groups.values()):
            told[knowledge.tell.format_map(groups)] = None
    return tuple(told)


def _identity(match: re.Match[str]) -> frozenset[tuple[str, str]]:
    return frozenset((name, text or "") for name, text in match.groupdict().items())


def _count(pattern: str, answer: str) -> int:
    return sum(1 for _ in re.finditer(pattern, answer))
