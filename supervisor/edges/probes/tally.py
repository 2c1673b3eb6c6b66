"""Counts of failed work: the numbers that regular expressions find in a daemon's own counters.

A text that was cut short is not added up: half of the counters would look like an error that went away, or like work
that was never done.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict

from supervisor.edges.probes.answer import excerpt
from supervisor.values.errors import ProbeError
from supervisor.values.manifest import Count
from supervisor.values.tally import Tally

KEY_GROUPS = ("name", "source")


def count(text: str, expressions: Count) -> tuple[Tally, ...]:
    """Return the sums of the numbers that the expressions find, for each name and client apart.

    Raises ProbeError: an expression is none, or finds what is no number.
    """
    whole, failed = _sums(text, expressions.total), _sums(text, expressions.failed)
    answered, declined = _sums(text, expressions.answered), _sums(text, expressions.declined)
    return tuple(
        Tally(
            name,
            sum(failed[name, source].values()),
            sum(whole[name, source].values()),
            source,
            sum(answered[name, source].values()) if expressions.answered else None,
            sum(declined[name, source].values()),
            tuple(sorted((kind, n) for kind, n in (failed[name, source] + declined[name, source]).items() if kind)),
        )
        for name, source in sorted(whole)
    )


def _sums(text: str, expression: str | None) -> defaultdict[tuple[str, str], Counter[str]]:
    """Return the sums by name and client, and within them by the names of the groups."""
    sums: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    if expression is None:
        return sums
    try:
        pattern = re.compile(expression)
    except re.error as error:
        raise ProbeError(f"cannot read counters: {expression!r} is not a regular expression: {error}") from None
    kinds = {number: kind for kind, number in pattern.groupindex.items()}
    for match in pattern.finditer(text):
        key = tuple(match[group] or "" if group in pattern.groupindex else "" for group in KEY_GROUPS)
        of_key = sums[key[0], key[1]]
        for group in range(1, pattern.groups + 1):
            if kinds.get(group) not in KEY_GROUPS and match[group]:
                of_key[kinds.get(group, "")] += _number(match[group])
    return sums


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ProbeError(f"cannot read counters: {excerpt(text, 40)} is not a number")
    return int(text)
