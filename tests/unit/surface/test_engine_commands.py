"""`vrctl migrate-engine`, and its former name: it asks the supervisor that runs, which shows what it does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from supervisor.surface.api.server import ApiServer
from supervisor.surface.cli.root import vrctl
from supervisor.surface.daemon import cli
from supervisor.values.errors import SupervisorError
from tests.kit.fakes.control import FakeControl


@pytest.fixture
def control(tmp_path: Path) -> Iterator[FakeControl]:
    made = FakeControl()
    server = ApiServer(made, tmp_path / "api.sock")
    server.start()
    yield made
    server.stop()


def migrate(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(vrctl, ["--socket", str(folder / "api.sock"), "migrate-engine", *arguments])


def migrate_by_former_name(folder: Path, to: str, engine: str = "auto") -> Result:
    settings = folder / "supervisor.yaml"
    settings.write_text(f"engine: {engine}\napi_socket: {folder / 'api.sock'}\n")
    return CliRunner().invoke(cli, ["migrate-engine", "--to", to, "--config", str(settings)])


def test_it_asks_and_shows(control: FakeControl, tmp_path: Path) -> None:
    done = migrate(tmp_path, "--to", "docker")
    assert done.exit_code == 0
    assert "alpha" in done.output
    assert "the router runs on docker" in done.output
    assert control.calls == [("migrate_engine", "docker", True)]


def test_whether_to_wait_reaches_the_supervisor(control: FakeControl, tmp_path: Path) -> None:
    assert migrate(tmp_path, "--to", "docker", "--no-wait").exit_code == 0
    assert control.calls == [("migrate_engine", "docker", False)]


@pytest.mark.parametrize("arguments", [(), ("--to", "lxc")])
def test_an_engine_must_be_named(control: FakeControl, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert migrate(tmp_path, *arguments).exit_code == 2
    assert control.calls == []


def test_nobody_there(tmp_path: Path) -> None:
    done = migrate(tmp_path, "--to", "docker")
    assert done.exit_code == 5
    assert "is it running?" in done.stderr


# ---------------------------------------------------------------- vr-supervisor migrate-engine


def test_the_former_name_asks_and_shows(control: FakeControl, tmp_path: Path) -> None:
    done = migrate_by_former_name(tmp_path, "docker")
    assert done.exit_code == 0
    assert "the router runs on docker" in done.output
    assert control.calls == [("migrate_engine", "docker", True)]


@pytest.mark.parametrize("engine", ["podman", "docker"])
def test_settings_that_name_an_engine_are_refused(control: FakeControl, tmp_path: Path, engine: str) -> None:
    done = migrate_by_former_name(tmp_path, "docker", engine)
    assert isinstance(done.exception, SupervisorError)
    assert f"says engine: {engine}" in str(done.exception)
    assert control.calls == []


def test_nobody_there_by_the_former_name(tmp_path: Path) -> None:
    done = migrate_by_former_name(tmp_path, "docker")
    assert isinstance(done.exception, SupervisorError)
    assert "is it running?" in str(done.exception)
