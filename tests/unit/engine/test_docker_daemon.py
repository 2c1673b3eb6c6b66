"""Daemons that cannot be used, that are upgraded under a living supervisor, or that hang in part."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from supervisor.edges.engine.docker import DockerEngine
from supervisor.edges.engine.docker_service import unreachable
from supervisor.values.errors import EngineDownError, EngineError, EngineUnavailableError, NoSuchContainerError
from supervisor.values.state import ContainerState
from tests.unit.engine.stub_daemon import INFORMATION, VERSION, StubDaemon, listening

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def daemon() -> StubDaemon:
    made = StubDaemon()
    made.answers["/containers/json"] = []
    return made


@pytest.fixture
def engine(daemon: StubDaemon, tmp_path: Path) -> Iterator[DockerEngine]:
    with listening(daemon, tmp_path / "docker.sock") as socket:
        made = DockerEngine(socket, deadline=0.5)
        yield made
        made.close()


def container(name: str, state: str = "running", **labels: str) -> dict[str, Any]:
    owned = {"io.vr-supervisor.owner": "vr", "io.vr-supervisor.name": name}
    return {
        "Id": name * 8, "Name": f"/{name}", "Image": "sha256:1", "Config": {"Labels": owned | labels},
        "HostConfig": {"NetworkMode": "host"},
        "State": {"Status": state, "Running": state == "running", "Paused": False, "Pid": 1, "ExitCode": 0,
                  "StartedAt": "2025-01-31T12:00:00.5Z"},
    }  # fmt: skip


def entry(name: str) -> dict[str, Any]:
    found = container(name)
    return {"Id": found["Id"], "Names": [f"/{name}"], "ImageID": "sha256:1", "Labels": found["Config"]["Labels"]}


@pytest.mark.parametrize(
    ("about", "changes", "cause"),
    [
        pytest.param("/info", {"SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"]}, "rootless",
                     id="rootless"),
        pytest.param("/info", {"SecurityOptions": ["name=userns"]}, "userns-remap", id="users mapped"),
        pytest.param("/info", {"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}, "containerd's store",
                     id="containerd's images"),
        pytest.param("/version", {"Components": [{"Name": "Podman Engine"}]}, "docker.sock is Podman's", id="podman"),
        pytest.param("/version", {"ApiVersion": "1.40"}, "20.10 or newer", id="too old"),
    ],
)  # fmt: skip
def test_a_daemon_that_cannot_be_used_is_refused(
    daemon: StubDaemon, engine: DockerEngine, about: str, changes: dict[str, Any], cause: str
) -> None:
    daemon.answers[about] = daemon.answers[about] | changes
    with pytest.raises(EngineUnavailableError, match=f"^cannot use Docker: .*{cause}"):
        engine.start_service()


def test_a_daemon_that_filters_no_system_calls_is_named_once(
    daemon: StubDaemon, engine: DockerEngine, caplog: pytest.LogCaptureFixture
) -> None:
    daemon.answers["/info"] = INFORMATION | {"SecurityOptions": ["name=seccomp,profile=unconfined"]}
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            engine.start_service()
    assert ["seccomp" in str(getattr(record, "reason", "")) for record in caplog.records] == [True]


def test_an_upgraded_daemon_is_spoken_to_in_its_own_version(daemon: StubDaemon, engine: DockerEngine) -> None:
    engine.start_service()
    assert engine.containers() == ()
    daemon.answers["/version"] = VERSION | {"Version": "29.0", "ApiVersion": "1.52", "MinAPIVersion": "1.44"}
    with pytest.raises(EngineUnavailableError, match="another version now"):
        engine.containers()
    engine.start_service()
    assert engine.containers() == ()
    assert daemon.asked[-1] == "GET /v1.44/containers/json"


def test_one_container_that_hangs_does_not_hide_the_others(daemon: StubDaemon, engine: DockerEngine) -> None:
    daemon.answers["/containers/json"] = [entry("one"), entry("two")]
    daemon.answers |= {f"/{name}/json": container(name) for name in ("one", "two")}
    daemon.slow = ("/one/json",)
    began = time.monotonic()
    assert [(one.name, one.state) for one in engine.containers()] == [
        ("one", ContainerState.OTHER),
        ("two", ContainerState.RUNNING),
    ]
    assert time.monotonic() - began < 1.5


def test_a_container_without_a_name_is_passed_over(daemon: StubDaemon, engine: DockerEngine) -> None:
    daemon.answers["/containers/json"] = [entry("one") | {"Names": None}, entry("two") | {"Names": []}]
    assert engine.containers() == ()
    engine.start_service()


@pytest.mark.parametrize(("exists", "is_removed"), [(True, False), (False, True)])
def test_a_holder_whose_container_was_made_since_the_list_is_no_stray(
    daemon: StubDaemon, engine: DockerEngine, exists: bool, is_removed: bool
) -> None:
    holder = entry("one.net")
    holder["Labels"]["io.vr-supervisor.holder"] = "one"
    daemon.answers["/containers/json"] = [holder]
    daemon.answers[f"/{holder['Id']}"] = None
    if exists:
        daemon.answers["/one/json"] = container("one")
    engine.start_service()
    assert (f"DELETE /v1.41/containers/{holder['Id']}" in daemon.asked) is is_removed


def test_a_dead_container_is_removed_by_its_start(daemon: StubDaemon, engine: DockerEngine) -> None:
    daemon.answers |= {"/one/json": container("one", "dead"), "/oneoneoneoneoneoneoneone": None}
    with pytest.raises(NoSuchContainerError):
        engine.start("one")
    assert f"DELETE /v1.41/containers/{'one' * 8}" in daemon.asked


def test_a_look_does_not_take_as_long_as_an_action(daemon: StubDaemon, tmp_path: Path) -> None:
    with listening(daemon, tmp_path / "other.sock") as socket:
        engine = DockerEngine(socket)
        assert engine._client._look_deadline < engine._deadline
        engine.close()


def test_what_went_wrong_first_is_what_is_said(daemon: StubDaemon, engine: DockerEngine) -> None:
    """The clean-up fails as well when the daemon is gone."""
    daemon.slow = ("/one/json",)
    with pytest.raises(EngineError, match="the first"), engine._removed_afterwards("one"):
        raise EngineError("the first")


@pytest.mark.parametrize(
    ("has_socket", "programs", "kind"),
    [
        pytest.param(False, (), EngineUnavailableError, id="not installed"),
        pytest.param(False, ("dockerd",), EngineDownError, id="installed and not started"),
        pytest.param(True, (), EngineDownError, id="a socket without an answer"),
    ],
)
def test_why_nobody_answers(
    tmp_path: Path, has_socket: bool, programs: tuple[str, ...], kind: type[EngineError]
) -> None:
    for program in programs:
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    socket = tmp_path / "docker.sock"
    if has_socket:
        socket.touch()
    error = unreachable(socket, EngineUnavailableError("cannot reach Docker: it does not run"), str(tmp_path))
    assert type(error) is kind
    assert ("apt-get install docker.io" in str(error)) is not (has_socket or bool(programs))
