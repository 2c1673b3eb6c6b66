"""What generations count is added up, whatever becomes of them."""

from __future__ import annotations

import json

import pytest

from supervisor.decisions.counters import (
    Book,
    dump,
    ended,
    load,
    noted,
    only,
    read_table,
    restarted,
    totals,
    with_others,
)
from supervisor.values.manifest import Counters, Probe, ProbeKind

COUNTERS = Counters(Probe(ProbeKind.SOCKET, ()), ("pool", "member"), ("sessions", "bytes"))
TABLE = "# pool,member,state,sessions,bytes,\nweb,FRONTEND,OPEN,7,700,\nweb,one,UP,5,,\n\n"
WEB, ONE = ("web", "FRONTEND"), ("web", "one")


def row(sessions: int, size: int = 0) -> dict[str, int]:
    return {"sessions": sessions, "bytes": size}


def test_a_table_is_read_by_the_names_of_its_columns() -> None:
    assert read_table(COUNTERS, TABLE) == {WEB: row(7, 700), ONE: row(5)}


@pytest.mark.parametrize("text", ["", "Unknown command\n", "# pool,state\nweb,UP\n", "a\rb\n", "x" * 200_000])
def test_what_is_no_such_table_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"table|list"):
        read_table(COUNTERS, text)
    assert with_others(COUNTERS, text, {WEB: row(1)}) == text


def test_others_are_added_to_the_answer_and_nothing_else_changes() -> None:
    told = with_others(COUNTERS, TABLE, {WEB: row(100, 1), ONE: row(10, 3), ("gone", "one"): row(4)})
    assert told == "# pool,member,state,sessions,bytes,\nweb,FRONTEND,OPEN,107,701,\nweb,one,UP,15,,\n\n"


def test_the_sum_goes_on_over_a_hand_over() -> None:
    book = noted(noted(Book(), 1, {WEB: row(7)}), 2, {WEB: row(2)})
    assert totals(book) == {WEB: row(9)}
    assert totals(book, without=2) == {WEB: row(7)}
    assert totals(ended(book, 1)) == {WEB: row(9)}
    assert ended(ended(book, 1), 1) == ended(book, 1)


def test_the_sum_goes_on_over_a_way_back() -> None:
    book = noted(noted(Book(), 1, {WEB: row(7)}), 2, {WEB: row(2)})
    assert totals(noted(ended(book, 2), 1, {WEB: row(8)})) == {WEB: row(10)}


def test_the_sum_goes_on_when_a_daemon_is_started_again() -> None:
    book = noted(Book(), 1, {WEB: row(7)})
    assert totals(noted(restarted(book, 1), 1, {WEB: row(9)})) == {WEB: row(16)}
    assert totals(noted(book, 1, {WEB: row(3)})) == {WEB: row(10)}  # it went back: nobody said why


def test_rows_that_nobody_has_any_more_are_forgotten() -> None:
    book = noted(noted(Book(), 1, {WEB: row(7), ONE: row(1)}), 2, {WEB: row(2)})
    assert totals(ended(book, 1)) == {WEB: row(9)}
    assert totals(ended(ended(book, 1), 2)) == {WEB: row(9)}  # nothing runs: what there was is kept for what comes


def test_versions_may_add_up_other_columns() -> None:
    book = noted(noted(Book(), 1, {WEB: {"sessions": 7}}), 2, {WEB: row(2, 5)})
    assert totals(ended(book, 1)) == {WEB: row(9, 5)}


def test_the_book_outlives_the_process() -> None:
    book = noted(noted(Book({WEB: row(1)}), 1, {WEB: row(7), ONE: row(1)}), 2, {})
    again = load(json.loads(json.dumps(dump(book))))
    assert again == book
    assert totals(only(again, [2])) == totals(again)
