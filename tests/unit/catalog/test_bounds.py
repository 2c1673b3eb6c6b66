"""Bounds in a manifest: numbers by name, at most and at least."""

from __future__ import annotations

import pytest

from supervisor.edges.catalog.schema import BOUNDS
from supervisor.values.bounds import Bounds
from supervisor.values.errors import Fault


def test_bounds_are_read() -> None:
    faults: list[Fault] = []
    document = {"most": {"connections": 9}, "least": {"lease_seconds": 120}}
    assert BOUNDS.read(document, "bounds", faults) == Bounds((("connections", 9),), (("lease_seconds", 120),))
    assert faults == []


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"most": {"connections": -1}}, "bounds.most.connections"),
        ({"most": {"connections": "many"}}, "bounds.most.connections"),
        ({"most": {"Connections!": 1}}, "bounds.most.Connections!"),
        ({"most": {"milisecond": 1}}, "bounds.most.milisecond"),  # a misspelt one would protect nobody
        ({"least": {"tls_security_level": 6}}, "bounds.least.tls_security_level"),
        ({"least": {"lease_seconds": 1 << 53}}, "bounds.least.lease_seconds"),
        ({"between": {}}, "bounds.between"),
    ],
)
def test_what_is_no_bound_is_named_by_its_path(document: dict[str, object], path: str) -> None:
    faults: list[Fault] = []
    BOUNDS.read(document, "bounds", faults)
    assert [fault.path for fault in faults] == [path]
