"""Makers of releases with a key each, and a time that stands still."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.simulation.signed import Makers

NOW = 1_800_000_000.0


@pytest.fixture
def makers(tmp_path: Path) -> Makers:
    return Makers(tmp_path / "makers", NOW)
