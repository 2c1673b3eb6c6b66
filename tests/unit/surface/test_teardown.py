"""What an uninstallation says when engines do not answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from supervisor.edges.engine.choice import leaving, record, recorded
from supervisor.surface.teardown import empty_engines
from supervisor.values.settings import Settings


@pytest.mark.programs
def test_each_of_two_engines_is_tried_and_named_and_not_forgotten(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("no folder for Podman")
    record(tmp_path, "docker", "podman")
    settings = Settings(state_dir=tmp_path, runtime_dir=tmp_path / "run", engine_socket=tmp_path / "no.sock")
    docker, podman = empty_engines(settings, images=True)
    assert "reach Docker" in docker
    assert str(tmp_path / "run") in podman
    assert (recorded(tmp_path), leaving(tmp_path)) == ("docker", "podman")
