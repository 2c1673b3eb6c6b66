"""Decides which single items, asked in turns, are in trouble."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from supervisor.values.state import ProbeResult, ResolvedProbe

MOST = 100  # troubles that are kept; with so many the readiness of the whole says what is wrong
NAMED = 3  # of them in one line


@dataclass(frozen=True, slots=True)
class Findings:
    """The findings about items of one service; `doubts` have failed fewer times in a row than it takes."""

    troubles: Mapping[ResolvedProbe, str] = field(default_factory=dict)
    doubts: Mapping[ResolvedProbe, int] = field(default_factory=dict)


def after(findings: Findings, probe: ResolvedProbe, result: ProbeResult, threshold: int) -> Findings:
    """Return the findings after one answer. A probe that could not be asked changes nothing."""
    if not result.is_telling:
        return findings
    others = {other: count for other, count in findings.doubts.items() if other != probe}
    if result.is_good:
        left = {other: told for other, told in findings.troubles.items() if other != probe}
        return Findings(left, others)
    if probe in findings.troubles:
        return replace(findings, troubles={**findings.troubles, probe: result.message})
    if len(findings.troubles) >= MOST:
        return findings
    count = findings.doubts.get(probe, 0) + 1
    if count < threshold:
        return replace(findings, doubts={**others, probe: count})
    return Findings({**findings.troubles, probe: result.message}, others)


def only(findings: Findings, asked: frozenset[ResolvedProbe]) -> Findings:
    """Return the findings about items that a whole round has asked; others are in no configuration any more."""
    kept = {probe: told for probe, told in findings.troubles.items() if probe in asked}
    return Findings(kept, {probe: count for probe, count in findings.doubts.items() if probe in asked})


def news(before: Findings, now: Findings) -> tuple[tuple[str, str], ...]:
    """Return an event and its text for every item that came into trouble or out of it."""
    came = [("item-in-trouble", told) for probe, told in now.troubles.items() if probe not in before.troubles]
    went = [("item-out-of-trouble", told) for probe, told in before.troubles.items() if probe not in now.troubles]
    return (*came, *((name, f"no more: {told}") for name, told in went))


def summary(findings: Findings) -> str:
    """Return one line about those in trouble; empty when none is."""
    told = list(findings.troubles.values())
    if not told:
        return ""
    more = f"; and {len(told) - NAMED} more" if len(told) > NAMED else ""
    return f"{len(told)} item{'s' if len(told) > 1 else ''} in trouble: " + "; ".join(told[:NAMED]) + more
