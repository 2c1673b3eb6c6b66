"""A jump is what failed more often than before; what is not known is never one."""

from __future__ import annotations

import pytest

from supervisor.decisions.error_rate import Tallies, base_line, by_name, jump, since, span
from supervisor.values.manifest import ErrorCounter, Probe, ProbeKind
from supervisor.values.state import Tally

COUNTER = ErrorCounter("requests", Probe(ProbeKind.SOCKET, ()), "f", "t", share=0.05, minimum=10)


def tallies(**parts: tuple[int, int]) -> Tallies:
    return by_name(Tally(name if name != "all" else "", failed, total) for name, (failed, total) in parts.items())


NOTHING: Tallies = {}
GOOD = tallies(all=(0, 1000))
FRESH = tallies(all=(0, 2))


@pytest.mark.parametrize(
    ("at_cut", "now", "former", "reason"),
    [
        pytest.param(FRESH, tallies(all=(31, 202)), [GOOD], "31 of 200 requests failed", id="a jump"),
        pytest.param(FRESH, tallies(all=(9, 11)), [GOOD], None, id="too few to say"),
        pytest.param(FRESH, tallies(all=(10, 202)), [GOOD], None, id="the bound is allowed"),
        pytest.param(FRESH, tallies(all=(11, 202)), [GOOD], "11 of 200", id="just above the bound"),
        pytest.param(FRESH, tallies(all=(31, 202)), [tallies(all=(20, 100))], None, id="it was broken before"),
        pytest.param(FRESH, tallies(all=(60, 202)), [tallies(all=(20, 100))], "60 of 200", id="worse than broken"),
        pytest.param(FRESH, tallies(all=(31, 202)), [GOOD, tallies(all=(9, 50))], None, id="broken lately"),
        pytest.param(FRESH, tallies(all=(31, 202)), [], "31 of 200", id="nothing is known of the former"),
        pytest.param(FRESH, tallies(all=(31, 202)), [tallies(all=(0, 0))], "31 of 200", id="the former had no work"),
        pytest.param(tallies(all=(50, 90)), tallies(all=(31, 202)), [GOOD], None, id="it began anew"),
        pytest.param(tallies(all=(0, 300)), tallies(all=(31, 202)), [GOOD], None, id="the total went backwards"),
        pytest.param(FRESH, NOTHING, [GOOD], None, id="nothing was read"),
        pytest.param(
            NOTHING, tallies(a=(12, 20)), [tallies(a=(0, 9))], "12 of 20 requests of a", id="new in a reading"
        ),
        pytest.param(NOTHING, tallies(b=(12, 20)), [tallies(a=(0, 9))], None, id="the former had no such part"),
        pytest.param(
            NOTHING, tallies(a=(0, 9000), b=(12, 20)), [tallies(a=(0, 9), b=(0, 9))], "of b", id="one part of many"
        ),
        pytest.param(NOTHING, tallies(a=(12, 20)), [tallies(a=(8, 4))], None, id="more failures than work"),
    ],
)
def test_a_jump_is_told(at_cut: Tallies, now: Tallies, former: list[Tallies], reason: str | None) -> None:
    found = jump(COUNTER, at_cut, now, former, is_former_known=bool(former))
    assert (found is None) if reason is None else (found is not None and reason in found)


def test_the_reason_says_what_how_much_and_what_was_allowed() -> None:
    former = [tallies(web=(2, 100))]
    found = jump(COUNTER, NOTHING, tallies(web=(31, 200)), former, is_former_known=True)
    assert found == "31 of 200 requests of web failed since the cut-over (15.5 %; bound 5 %, before it 2 %)"


@pytest.mark.parametrize(
    ("before", "after", "fresh"),
    [
        ((1, 10), (3, 20), Tally("", 2, 10)),
        ((1, 10), (1, 10), None),
        ((5, 10), (1, 20), None),
        ((0, 30), (0, 20), None),
    ],
)
def test_what_is_new(before: tuple[int, int], after: tuple[int, int], fresh: Tally | None) -> None:
    assert since(Tally("", *after), Tally("", *before)) == fresh
    assert span(tallies(all=before), tallies(all=after, b=(1, 1))) == ({"": fresh} if fresh else {})


def test_the_base_line_is_the_worst_span() -> None:
    assert base_line("", [tallies(all=(1, 100)), tallies(all=(1, 4)), NOTHING]) == 0.25
    assert base_line("other", [GOOD]) is None
