"""Bounds of the configuration that the services of this repository have together."""

from __future__ import annotations

from pathlib import Path

from supervisor.edges.catalog import load_definition
from supervisor.values.bounds import narrowest

SERVICES = Path(__file__).parents[3] / "services"
BOUNDS = narrowest(load_definition(path.parent).manifest.bounds for path in sorted(SERVICES.glob("*/manifest.yaml")))
