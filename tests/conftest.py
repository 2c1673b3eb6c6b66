"""What holds for every test: one that needs root says so and fails without it; none is skipped in silence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

INTEGRATION = Path(__file__).parent / "integration"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything below tests/integration touches kernels and daemons, whether its author said so or not."""
    for item in items:
        if item.path.is_relative_to(INTEGRATION) and not item.get_closest_marker("integration"):
            item.add_marker(pytest.mark.integration)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse before any fixture has touched anything."""
    needs_root = item.get_closest_marker("integration") or item.get_closest_marker("root")
    if needs_root and os.geteuid() != 0:
        pytest.fail(
            f"cannot run {item.name}: it makes namespaces or owns files, so run the tests as root", pytrace=False
        )
