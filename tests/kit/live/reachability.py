"""The table of docs/reachability.md, as data: what each side reaches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DOCUMENT = Path(__file__).parents[3] / "docs/reachability.md"


@dataclass(frozen=True, slots=True)
class Row:
    """A port of an address, by kind, and the sides that reach it. `port` is a number, or a word for ports of a kind."""

    address: str
    port: str
    protocol: str
    sides: frozenset[str]


def rows() -> tuple[Row, ...]:
    """Return the rows of the table, one for each kind of address."""
    lines = [_cells(line) for line in DOCUMENT.read_text().splitlines() if line.startswith("|")]
    head = next(index for index, cells in enumerate(lines) if cells[0] == "address")
    sides = lines[head][3:]
    found = []
    for cells in lines[head + 2 :]:
        assert len(cells) == len(sides) + 3, cells
        assert set(cells[3:]) <= {"yes", "-"}, cells
        port, _, protocol = cells[1].partition("/")
        reaching = frozenset(side for side, word in zip(sides, cells[3:], strict=True) if word == "yes")
        found += [Row(address, port, protocol, reaching) for address in cells[0].split(", ")]
    return tuple(found)


def sides() -> tuple[str, ...]:
    """Return the sides that the table knows, in its order."""
    lines = [_cells(line) for line in DOCUMENT.read_text().splitlines() if line.startswith("|")]
    return tuple(next(cells for cells in lines if cells[0] == "address")[3:])


def reached(address: str, protocol: str, side: str, ports: dict[str, tuple[int, ...]]) -> frozenset[int]:
    """Return the ports of a kind of address that a side reaches. `ports` says which numbers the table's words are."""
    numbers: set[int] = set()
    for row in rows():
        if (row.address, row.protocol) == (address, protocol) and side in row.sides:
            numbers.update((int(row.port),) if row.port.isdecimal() else ports.get(row.port, ()))
    return frozenset(numbers)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
