"""A flood on each frontend, and hand-overs of all services in it: nobody else loses anything, nobody is healed."""

from __future__ import annotations

import pytest

from lab.floods import ORIGINS, Cell, endure, matrix
from lab.router import NEWER, Router
from lab.services import SERVICES

pytestmark = [pytest.mark.integration, pytest.mark.lab, pytest.mark.timeout(120)]

CHOSEN = {
    ("metadata", "slow headers", "1 guest, 200 addresses"),
    ("password", "slow bodies", "1 guest"),
    ("DNS over TCP", "idle", "1 guest, 200 addresses"),
    ("load balancer", "storm", "public"),
    ("statistics", "hogs", "1 guest"),
}
"""Each way in and each kind of flood once; `python -m bench.floods` has all of them."""
CELLS = [
    pytest.param(turn, cell, id=str(cell))
    for turn, cell in enumerate(cell for cell in matrix() if (cell.way_in.name, cell.kind, cell.origin) in CHOSEN)
]


def test_the_matrix_has_every_flood_of_every_way_in_from_everywhere() -> None:
    cells = [(cell.way_in.name, cell.kind, cell.origin) for cell in matrix()]
    assert len(cells) == len(set(cells)) == 5 * 5 * len(ORIGINS)
    assert set(cells) >= CHOSEN
    flooded = {cell.service for cell in matrix()}
    assert {name for name, known in SERVICES.items() if not known.ways_in} == set(SERVICES) - flooded


@pytest.mark.parametrize(("turn", "cell"), CELLS)
def test_a_flood_takes_nothing_from_others(router: Router, turn: int, cell: Cell) -> None:
    assert not (faults := endure(router, cell, turn, seconds=3.0).faults), faults


@pytest.mark.slow
@pytest.mark.parametrize(("turn", "cell"), CELLS)
def test_a_flood_takes_nothing_from_hand_overs(router: Router, turn: int, cell: Cell) -> None:
    assert not (faults := endure(router, cell, turn, NEWER, seconds=3.0).faults), faults


def test_a_flood_from_outside_does_not_reach_what_guests_are_served(router: Router) -> None:
    cells = [cell for cell in matrix() if not cell.gets_in and cell.kind == "idle"]
    assert len(cells) == 3
    for cell in cells:
        assert not (faults := endure(router, cell, seconds=1.0).faults), faults
