"""Decides which single items of a service (a name, a tunnel, say), asked in turns, are in trouble."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from supervisor.values.state import ProbeResult, ResolvedProbe

MOST = 100  # troubles that are remembered; with so many the readiness of the whole service says what is wrong
NAMED = 3  # troubles in one line


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
        left = {other: message for other, message in findings.troubles.items() if other != probe}
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
    troubles = {probe: message for probe, message in findings.troubles.items() if probe in asked}
    return Findings(troubles, {probe: count for probe, count in findings.doubts.items() if probe in asked})


def news(before: Findings, now: Findings) -> tuple[tuple[str, str], ...]:
    """Return an event and its text for every item that came into trouble or out of it."""
    came = [("item-in-trouble", text) for probe, text in now.troubles.items() if probe not in before.troubles]
    went = [("item-out-of-trouble", text) for probe, text in before.troubles.items() if probe not in now.troubles]
    return (*came, *((name, f"no more: {text}") for name, text in went))


def summary(findings: Findings) -> str:
    """Return one line about the items in trouble; empty when none is."""
    texts = list(findings.troubles.values())
    if not texts:
        return ""
    more = f"; and {len(texts) - NAMED} more" if len(texts) > NAMED else ""
    return f"{len(texts)} item{'s' if len(texts) > 1 else ''} in trouble: " + "; ".join(texts[:NAMED]) + more
