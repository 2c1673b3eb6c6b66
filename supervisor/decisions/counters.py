"""Adds up the counters of the generations of a service, so that a hand-over takes nothing back to zero.

A daemon's table is comma separated; its first line names the columns. A row is known by its key columns.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from supervisor.values.manifest import Counters

Key = tuple[str, ...]
Row = Mapping[str, int]  # by the name of the column: versions of a service may add up other ones
Sums = Mapping[Key, Row]


@dataclass(frozen=True, slots=True)
class Book:
    """The counts of a service: of generations that have ended, and of each that may go on."""

    ended: Sums = field(default_factory=dict)
    alive: Mapping[int, Sums] = field(default_factory=dict)


def read_table(counters: Counters, text: str) -> Sums:
    """Return the rows of a daemon's table; a cell that is empty or no number counts for nothing.

    Raises ValueError: when the text is no table with the key columns.
    """
    names, rows = _parsed(text)
    places = {name: names.index(name) for name in counters.columns if name in names}
    keys = [names.index(name) for name in counters.key]
    return {
        tuple(row[place] for place in keys): {name: _number(row[place]) for name, place in places.items()}
        for row in rows
    }


def with_others(counters: Counters, text: str, others: Sums) -> str:
    """Return a daemon's table with `others` added to its rows; a text that is no such table is returned as it is."""
    try:
        names, rows = _parsed(text)
        keys = [names.index(name) for name in counters.key]
    except ValueError:
        return text
    places = [(name, names.index(name)) for name in counters.columns if name in names]
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    for row in rows:
        more = others.get(tuple(row[place] for place in keys), {})
        for name, place in places:
            if row[place]:
                row[place] = str(_number(row[place]) + more.get(name, 0))
        writer.writerow(row)
    head, _, rest = text.partition("\n")
    tail = rest[len(rest.rstrip("\n")) :].removeprefix("\n")
    return f"{head}\n{written.getvalue()}{tail}"


def noted(book: Book, generation: int, sums: Sums) -> Book:
    """Return the book with a new reading of a generation. The former counts of a row that went back are added."""
    before = book.alive.get(generation, {})
    restarted = {key: row for key, row in before.items() if key in sums and _is_less(sums[key], row)}
    gone = {key: row for key, row in before.items() if key not in sums}
    return Book(_added(book.ended, restarted, gone), {**book.alive, generation: sums})


def restarted(book: Book, generation: int) -> Book:
    """Return the book after a generation's daemon was started again: it counts from zero."""
    if generation not in book.alive:
        return book
    return Book(_added(book.ended, book.alive[generation]), {**book.alive, generation: {}})


def ended(book: Book, generation: int) -> Book:
    """Return the book without a generation; its counts stay, for rows that another generation still has."""
    if generation not in book.alive:
        return book
    alive = {number: sums for number, sums in book.alive.items() if number != generation}
    total = _added(book.ended, book.alive[generation])
    known: set[Key] = {key for sums in alive.values() for key in sums}
    return Book({key: row for key, row in total.items() if key in known} if known else total, alive)


def only(book: Book, generations: Collection[int]) -> Book:
    """Return the book after the end of all generations but these."""
    for generation in [number for number in book.alive if number not in generations]:
        book = ended(book, generation)
    return book


def totals(book: Book, without: int | None = None) -> Sums:
    """Return the sums of all generations; `without` leaves one out, whose own table is at hand."""
    return _added(book.ended, *(sums for number, sums in book.alive.items() if number != without))


def dump(book: Book) -> object:
    """Return the book as values that JSON has."""
    alive = {str(generation): _pairs(sums) for generation, sums in book.alive.items()}
    return {"ended": _pairs(book.ended), "alive": alive}


def load(document: Mapping[str, object]) -> Book:
    """Return the book that `dump` was given. Raises ValueError, TypeError or AttributeError: when it is none."""
    book = Book(_unpaired(document.get("ended")))
    alive = document.get("alive")
    generations = alive.items() if isinstance(alive, Mapping) else ()
    return replace(book, alive={int(generation): _unpaired(pairs) for generation, pairs in generations})


def _pairs(sums: Sums) -> list[object]:
    return [[list(key), dict(row)] for key, row in sums.items()]


def _unpaired(pairs: object) -> Sums:
    rows = pairs if isinstance(pairs, list) else []
    return {tuple(map(str, key)): {str(name): int(number) for name, number in row.items()} for key, row in rows}


def _added(*parts: Sums) -> Sums:
    total: dict[Key, Row] = {}
    for part in parts:
        for key, row in part.items():
            known = total.get(key, {})
            total[key] = {name: known.get(name, 0) + row.get(name, 0) for name in {**known, **row}}
    return total


def _is_less(now: Row, before: Row) -> bool:
    return any(now.get(name, 0) < number for name, number in before.items())


def _parsed(text: str) -> tuple[list[str], list[list[str]]]:
    try:
        lines = list(csv.reader(io.StringIO(text.lstrip("# ").rstrip("\n") + "\n")))
    except csv.Error as error:
        raise ValueError(f"no table: {error}") from None
    if not lines:
        raise ValueError("no table")
    names = [name.strip() for name in lines[0]]
    return names, [row for row in lines[1:] if len(row) == len(names)]


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
