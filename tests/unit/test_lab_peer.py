"""What the lab's other end of the tunnel says happened to it."""

from __future__ import annotations

import pytest

from lab.peer import deletes

UP = "1795692359 09[IKE] IKE_SA site[{0}] state change: CONNECTING => ESTABLISHED"
DELETED = "1795692371 12[IKE] received DELETE for IKE_SA site[{0}]"
GONE = "1795692371 12[IKE] IKE_SA site[{0}] state change: DELETING => DESTROYING"


@pytest.mark.parametrize(
    ("what", "lives", "expected"),
    [
        ("nothing happened", [UP, 1], 0),
        ("the other end said goodbye", [UP, 1, DELETED, 1, GONE, 1], 1),
        ("it forgot its end, and made another one", [UP, 1, GONE, 1, UP, 2], 0),
        ("both began at once: the older one goes", [UP, 2, UP, 1, DELETED, 2, GONE, 2], 0),
        ("a goodbye in that moment", [UP, 2, UP, 1, DELETED, 2, GONE, 2, DELETED, 1, GONE, 1], 1),
        ("both are told at once", [UP, 1, UP, 2, DELETED, 2, DELETED, 1, GONE, 2, GONE, 1], 1),
        ("two goodbyes", [UP, 1, DELETED, 1, GONE, 1, UP, 2, DELETED, 2, GONE, 2], 2),
        ("one that was never up", [DELETED, 3, GONE, 3], 1),
    ],
)
def test_a_delete_counts_while_nothing_stands_in_for_what_it_ends(
    what: str, lives: list[str | int], expected: int
) -> None:
    lines = [str(lives[at]).format(lives[at + 1]) for at in range(0, len(lives), 2)]
    assert deletes("\n".join(lines)) == expected, what
