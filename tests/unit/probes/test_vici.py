"""What an IKE daemon lists of a connection, as a sighting of it."""

from __future__ import annotations

from typing import Any

import pytest

from supervisor.edges.probes.vici import sighting
from supervisor.values.undertaking import Sighting


def child(name: str, number: int, state: str = "INSTALLED") -> dict[str, Any]:
    return {
        f"{name}-{number}": {
            "name": name.encode(),
            "uniqueid": str(number).encode(),
            "state": state.encode(),
            "install-time": b"3",
        }
    }


def ike(number: int, state: str, *children: dict[str, Any], **more: Any) -> dict[str, Any]:
    kept = {key: value for one in children for key, value in one.items()}
    return {"uniqueid": str(number).encode(), "state": state.encode(), "established": b"9", "child-sas": kept, **more}


NOTHING = "2 of 2 CHILD_SAs are missing (a, b); "


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param([], Sighting(False, f"{NOTHING}no IKE_SA", ("a", "b"), parts=2), id="nothing"),
        pytest.param(
            [ike(1, "CONNECTING")],
            Sighting(False, f"{NOTHING}IKE_SA connecting", ("a", "b"), ("1",), parts=2),
            id="it calls",
        ),
        pytest.param(
            [ike(1, "ESTABLISHED", child("a", 4), child("b", 5))],
            Sighting(True, associations=2, newest="5", parts=2, age=9.0),
            id="up",
        ),
        pytest.param(
            [ike(1, "ESTABLISHED", child("a", 4, "REKEYING"), child("a", 5, "CREATED"), child("b", 6))],
            Sighting(True, associations=3, newest="6", parts=2, age=9.0),
            id="renews its keys",
        ),
        pytest.param(
            [ike(1, "ESTABLISHED", child("a", 4), **{"tasks-queued": [b"CHILD_CREATE"]})],
            Sighting(
                False,
                "1 of 2 CHILD_SAs are missing (b); IKE_SA established",
                ("b",),
                is_busy=True,
                associations=1,
                newest="4",
                parts=2,
            ),
            id="negotiates the rest",
        ),
        pytest.param(
            [ike(1, "DELETING", child("a", 4, "DELETING"))],
            Sighting(
                False, f"{NOTHING}IKE_SA deleting", ("a", "b"), associations=1, newest="4", parts=2
            ),
            id="goes away",
        ),
        pytest.param(
            [ike(1, "ESTABLISHED", child("a", 4)), ike(2, "ESTABLISHED", child("b", 5), established=b"2")],
            Sighting(True, associations=2, newest="5", parts=2, age=9.0),
            id="over two",
        ),
    ],
)  # fmt: skip
def test_sighting(found: list[dict[str, Any]], expected: Sighting) -> None:
    assert sighting(("a", "b"), found) == expected


def test_one_child_needs_no_count() -> None:
    assert sighting(("a",), []).message == "no CHILD_SA; no IKE_SA"
