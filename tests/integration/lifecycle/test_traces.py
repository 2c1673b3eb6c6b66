"""A whole lab comes and goes: nothing of the engine is left, not even what cleans up after containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.live.router import live_router

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


def test_a_lab_that_ended_leaves_no_mount_and_no_folder() -> None:
    with live_router("vrt") as live:
        router = live.router
        assert router.state.is_dir()
    places = (str(router.state), str(router.runtime))
    assert [
        line for line in Path("/proc/mounts").read_text().splitlines() if any(place in line for place in places)
    ] == []
    assert not router.state.exists()
    assert not router.runtime.exists()
