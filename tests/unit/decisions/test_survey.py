"""A single item is in trouble after some failures, and out of it after one success."""

from __future__ import annotations

from supervisor.decisions import survey
from supervisor.decisions.survey import Findings
from supervisor.values.state import ProbeResult, ResolvedProbe

GOOD, BAD = ProbeResult(True, "good", 0.0), ProbeResult(False, "no offer", 0.0)
UNTOLD = ProbeResult(False, "no such address", 0.0, is_telling=False)


def probe(name: str) -> ResolvedProbe:
    return ResolvedProbe("dhcp", (("mac", name),), 1.0)


A = probe("a")


def found(*results: ProbeResult, known: Findings | None = None, of: ResolvedProbe = A) -> Findings:
    known = known or Findings()
    for result in results:
        known = survey.after(known, of, result, 3)
    return known


def test_an_item_is_in_trouble_after_so_many_failures_in_a_row() -> None:
    assert found(BAD, BAD).troubles == {}
    assert found(BAD, BAD, GOOD, BAD, BAD) == Findings(doubts={A: 2})
    assert found(BAD, UNTOLD, BAD) == Findings(doubts={A: 2})
    assert found(BAD, BAD, BAD) == found(BAD, BAD, BAD, BAD) == Findings(troubles={A: "no offer"})
    assert found(BAD, BAD, BAD, UNTOLD) == Findings(troubles={A: "no offer"})
    assert found(BAD, BAD, BAD, GOOD) == Findings()


def test_it_is_told_once_that_it_came_and_once_that_it_went() -> None:
    ill = found(BAD, BAD, BAD)
    assert survey.news(Findings(), ill) == (("item-in-trouble", "no offer"),)
    assert survey.news(ill, ill) == ()
    assert survey.news(ill, Findings()) == (("item-out-of-trouble", "no more: no offer"),)


def test_items_that_are_asked_for_no_more_are_forgotten() -> None:
    ill = found(BAD, known=found(BAD, BAD, BAD), of=probe("b"))
    assert survey.only(ill, frozenset({A})) == Findings(troubles={A: "no offer"})
    assert survey.only(ill, frozenset()) == Findings()


def test_many_in_trouble_are_one_line_and_a_bounded_number() -> None:
    known = Findings()
    for number in range(2 * survey.MOST):
        known = found(BAD, BAD, BAD, known=known, of=probe(str(number)))
    assert len(known.troubles) == survey.MOST
    assert len(known.doubts) == 0
    assert survey.summary(known) == "100 items in trouble: no offer; no offer; no offer; and 97 more"
    assert survey.summary(found(BAD, BAD, BAD)) == "1 item in trouble: no offer"
    assert survey.summary(Findings()) == ""
