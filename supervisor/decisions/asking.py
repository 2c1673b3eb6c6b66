"""Decides which probes of a watch need to be asked, and which of their answers count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from supervisor.values.state import ProbeResult, ResolvedProbe

Asked = Sequence[tuple[ResolvedProbe, ProbeResult]]
"""Probes of one watch with their results, in the order in which they were asked."""


def is_needed(probe: ResolvedProbe, asked: Asked) -> bool:
    """True unless an alternative of the probe holds already."""
    return not any(
        other.alternative is not None and other.alternative == probe.alternative and result.is_good
        for other, result in asked
    )


def is_settled(asked: Asked) -> bool:
    """True if a probe does not hold that has no alternatives: no other answer changes that."""
    return any(_is_bad(result) and probe.alternative is None for probe, result in asked)


def results(asked: Asked) -> tuple[ProbeResult, ...]:
    """Return the results that count: of alternatives the result of the one that holds, or else those of all.

    A probe that could not be asked is left out. Empty means that none could be asked.
    """
    return tuple(_counting(asked))


def _counting(asked: Asked) -> Iterator[ProbeResult]:
    held = {probe.alternative for probe, result in asked if result.is_good}
    for probe, result in asked:
        is_replaced = probe.alternative is not None and probe.alternative in held
        if result.is_telling and (result.is_good or not is_replaced):
            yield result


def _is_bad(result: ProbeResult) -> bool:
    return result.is_telling and not result.is_good
