"""`vr-supervisor migrate-engine`: asks the supervisor that runs, unless the settings insist on one engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from supervisor.surface.api.server import ApiServer
from supervisor.surface.daemon import cli
from supervisor.values.errors import SupervisorError
from tests.fakes.control import FakeControl


@pytest.fixture
def control(tmp_path: Path) -> Iterator[FakeControl]:
    made = FakeControl()
    server = ApiServer(made, tmp_path / "api.sock")
    server.start()
    yield made
    server.stop()


def migrate(folder: Path, to: str, engine: str = "auto") -> Result:
    settings = folder / "supervisor.yaml"
    settings.write_text(f"engine: {engine}\napi_socket: {folder / 'api.sock'}\n")
    return CliRunner().invoke(cli, ["migrate-engine", "--to", to, "--config", str(settings)])


def test_it_asks_and_shows(control: FakeControl, tmp_path: Path) -> None:
    done = migrate(tmp_path, "docker")
    assert done.exit_code == 0
    assert "alpha" in done.output
    assert "the router runs on docker" in done.output
    assert control.calls == [("migrate_engine", "docker", True)]


@pytest.mark.parametrize("engine", ["podman", "docker"])
def test_settings_that_name_an_engine_are_refused(control: FakeControl, tmp_path: Path, engine: str) -> None:
    done = migrate(tmp_path, "docker", engine)
    assert isinstance(done.exception, SupervisorError)
    assert f"says engine: {engine}" in str(done.exception)
    assert control.calls == []


def test_nobody_there(tmp_path: Path) -> None:
    done = migrate(tmp_path, "docker")
    assert isinstance(done.exception, SupervisorError)
    assert "is it running?" in str(done.exception)
