"""A workshop with two small images and services."""

from __future__ import annotations

from pathlib import Path

import pytest

from supervisor.edges.bundle import keys
from tests.unit.bundle.bundle_workshop import Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = Workshop(tmp_path)
    keys.generate(made.key, made.trusted / "lab.pub")
    shared = bytes(range(256)) * 1024
    made.write_image("alpha", (shared, b"alpha's own" * 3000))
    made.write_image("beta", (shared, b"beta's own" * 3000))
    for name in ("alpha", "beta"):
        made.write_service(name)
    return made
