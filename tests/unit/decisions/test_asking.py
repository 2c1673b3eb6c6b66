"""One item of many does not decide for all, and what could not be asked decides nothing."""

from __future__ import annotations

import pytest

from supervisor.decisions import asking
from supervisor.values.state import ProbeResult, ResolvedProbe

GOOD, BAD = ProbeResult(True, "good", 0.0), ProbeResult(False, "bad", 0.0)
UNTOLD = ProbeResult(False, "no such address", 0.0, is_telling=False)


def plain(name: str) -> ResolvedProbe:
    return ResolvedProbe("tcp", (("port", name),), 1.0)


def alternative(name: str, number: int = 0) -> ResolvedProbe:
    return ResolvedProbe("tcp", (("port", name),), 1.0, number)


A, B, OTHER = alternative("a"), alternative("b"), alternative("c", 1)


@pytest.mark.parametrize(
    ("asked", "told", "is_settled"),
    [
        pytest.param([], (), False, id="nothing asked"),
        pytest.param([(plain("a"), GOOD), (plain("b"), BAD)], (GOOD, BAD), True, id="one of all fails"),
        pytest.param([(A, BAD), (B, GOOD)], (GOOD,), False, id="one of the alternatives is enough"),
        pytest.param([(A, BAD), (B, BAD)], (BAD, BAD), False, id="no alternative holds"),
        pytest.param([(A, GOOD), (OTHER, BAD)], (GOOD, BAD), False, id="alternatives of another entry are no help"),
        pytest.param([(plain("a"), UNTOLD)], (), False, id="what could not be asked"),
        pytest.param([(plain("a"), UNTOLD), (plain("b"), GOOD)], (GOOD,), False, id="and is beside what could"),
    ],
)
def test_what_the_answers_come_to(
    asked: list[tuple[ResolvedProbe, ProbeResult]], told: tuple[ProbeResult, ...], is_settled: bool
) -> None:
    assert asking.results(asked) == told
    assert asking.is_settled(asked) is is_settled


def test_an_alternative_is_asked_until_one_holds() -> None:
    assert asking.is_needed(A, [])
    assert asking.is_needed(B, [(A, BAD)])
    assert not asking.is_needed(B, [(A, GOOD)])
    assert asking.is_needed(OTHER, [(A, GOOD)])
    assert asking.is_needed(plain("a"), [(plain("a"), GOOD)])
