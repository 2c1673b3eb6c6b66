"""Podman's own service on a disk that takes nothing: an error of the engine, which whoever asked knows how to take."""

from __future__ import annotations

from pathlib import Path

import pytest

from supervisor.edges.engine.podman_files import PodmanFiles
from supervisor.edges.engine.podman_service import PodmanService
from supervisor.values.errors import EngineUnavailableError
from tests.kit.live.podman import monitors, podman_world

pytestmark = [pytest.mark.root, pytest.mark.programs]


def test_a_log_that_cannot_be_written_is_an_engine_that_cannot_be_started(tmp_path: Path) -> None:
    files = PodmanFiles(tmp_path / "state", tmp_path / "run")
    files.log.mkdir(parents=True)
    with pytest.raises(EngineUnavailableError, match=r"cannot start the engine: .*Is a directory"):
        PodmanService(files, lambda: None).start()


def test_a_service_that_cannot_be_recorded_is_ended() -> None:
    with podman_world() as (state, runtime):
        files = PodmanFiles(state, runtime)
        files.record.mkdir(parents=True)
        with pytest.raises(EngineUnavailableError, match=r"cannot start the engine: .*Is a directory"):
            PodmanService(files, lambda: None).start()
        left = monitors(state.parent)
        files.record.rmdir()
    assert left == []
