"""`vr-supervisor run` where it cannot run: in a bare namespace of its own, with folders of its own."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.dockerd import Dockerd
from lab.router import program
from lab.tools import inside
from tests.kit.live.router import LiveRouter, assert_one_line, bare_namespace

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@dataclass(frozen=True, slots=True)
class Bare:
    namespace: str
    folder: Path

    def settings(self, **values: object) -> Path:
        path = self.folder / "settings.yaml"
        own = {"state_dir": str(self.folder / "state"), "runtime_dir": str(self.folder / "run")}
        path.write_text(yaml.safe_dump({**own, "api_socket": str(self.folder / "run" / "api.sock"), **values}))
        return path

    def run(self, path: Path, *wrap: str, command: str = "run") -> subprocess.CompletedProcess[str]:
        argv = [*wrap, program("vr-supervisor"), command, "--config", str(path)]
        return subprocess.run(
            inside(self.namespace, argv), capture_output=True, text=True, timeout=60, check=False, cwd="/"
        )

    def status_once(self, is_so: Callable[[dict[str, Any]], bool], patience: float = 30.0) -> dict[str, Any]:
        """Wait until the supervisor reports this of itself; return it."""
        words = [program("vrctl"), "--socket", str(self.folder / "run" / "api.sock"), "status", "--json"]
        limit, done = time.monotonic() + patience, None
        while time.monotonic() < limit:
            done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
            if done.returncode == 0 and is_so(found := json.loads(done.stdout)["supervisor"]):
                return dict(found)
            time.sleep(0.1)
        raise AssertionError(f"it never was so; the last answer: {done}")

    def is_untouched(self) -> bool:
        listed = subprocess.run(
            inside(self.namespace, ["nft", "list", "ruleset"]), capture_output=True, text=True, check=True
        )
        return listed.stdout == "" and str(self.folder) not in Path("/proc/mounts").read_text()


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    with bare_namespace("vrr-bare") as name:
        yield name


@pytest.fixture
def bare(namespace: str) -> Iterator[Bare]:
    """Return a folder below /run, which every user may open: a test as nobody has to fail for the right reason."""
    folder = Path("/run") / namespace
    folder.mkdir()
    try:
        yield Bare(namespace, folder)
    finally:
        subprocess.run(["umount", str(folder / "run")], capture_output=True, check=False)
        shutil.rmtree(folder)


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1, done.stderr
    assert_one_line(done.stderr, "error: cannot ", *words)


def test_no_settings_file(bare: Bare) -> None:
    path = bare.folder / "absent.yaml"
    assert_refused(bare.run(path), str(path), "No such file")
    assert bare.is_untouched()


@pytest.mark.parametrize("command", ["run", "teardown"])
def test_every_fault_of_the_settings_file(bare: Bare, command: str) -> None:
    path = bare.settings(engine="lxc", metrics_port=0, state_dir="here", media="x.iso", coulour=1, pool="300.0.0.0/8")
    words = ["engine: ", "metrics_port: ", "state_dir: ", "media: ", "coulour: ", "pool: "]
    assert_refused(bare.run(path, command=command), str(path), *words)
    assert bare.is_untouched()


@pytest.mark.parametrize("text", ["a: [1", "- a list", "\x00", "a: b: c"])
def test_a_settings_file_that_is_no_mapping(bare: Bare, text: str) -> None:
    path = bare.settings()
    path.write_text(text)
    assert_refused(bare.run(path), str(path))
    assert bare.is_untouched()


def test_not_root(bare: Bare) -> None:
    assert_refused(bare.run(bare.settings(), *NOBODY), "root")
    assert not (bare.folder / "state").exists()
    assert bare.is_untouched()


def test_teardown_not_root(bare: Bare) -> None:
    assert_refused(bare.run(bare.settings(), *NOBODY, command="teardown"), "root")


@pytest.mark.parametrize(
    ("engine", "hidden", "words"),
    [
        pytest.param(
            "auto", ("podman", "dockerd"), ("neither podman nor dockerd", "apt-get install podman"), id="none"
        ),
        pytest.param("podman", ("podman",), ("podman not found", "apt-get install podman"), id="podman"),
        pytest.param("docker", ("dockerd",), ("reach Docker", "apt-get install docker.io"), id="docker"),
    ],
)
def test_the_engine_is_not_installed(bare: Bare, engine: str, hidden: tuple[str, ...], words: tuple[str, ...]) -> None:
    """The program is missing in the mount namespace of the supervisor."""
    hide = "".join(f'mount --bind /dev/null "$(command -v {path})"; ' for path in hidden)
    settings = bare.settings(engine=engine, engine_socket=str(bare.folder / "docker.sock"))
    assert_refused(bare.run(settings, "unshare", "--mount", "sh", "-c", f'{hide} exec "$@"', "sh"), *words)
    assert bare.is_untouched()


def test_the_engine_is_broken(bare: Bare) -> None:
    broken = bare.folder / "broken"
    broken.write_text("#!/bin/sh\necho 'cannot reach the moon' >&2\nexit 3\n")
    broken.chmod(0o755)
    swap = f'mount --bind {broken} "$(command -v podman)" && exec "$@"'
    done = bare.run(bare.settings(), "unshare", "--mount", "sh", "-c", swap, "sh")
    assert_refused(done, "engine", "cannot reach the moon")
    assert not (bare.folder / "state" / "engine").exists()  # the next start may be with another one
    assert bare.is_untouched()


def test_an_engine_that_comes_later_is_waited_for(bare: Bare) -> None:
    """As at a boot: the router's daemon comes when the network is online, and that is when the supervisor is up."""
    folders = bare.folder / "docker-data", bare.folder / "docker"
    dockerd = Dockerd(*folders, bare.namespace)
    path = bare.settings(engine="docker", engine_socket=str(dockerd.socket), metrics_port=19531)
    daemon = subprocess.Popen(inside(bare.namespace, [program("vr-supervisor"), "run", "--config", str(path)]))
    try:
        status = bare.status_once(lambda found: "cannot reach Docker" in found["message"])
        assert (status["engine"], status["engine_version"]) == ("docker", "")
        dockerd.start()
        status = bare.status_once(lambda found: found["message"] == "")
        assert status["engine_version"]
    finally:
        daemon.send_signal(signal.SIGTERM)
        try:
            assert daemon.wait(30) == 0
        finally:
            daemon.kill()
            daemon.wait(10)
            dockerd.start()
            done = bare.run(path, command="teardown")
            dockerd.stop()
    assert (done.returncode, done.stderr) == (0, "")


def test_teardown_without_the_engine_removes_the_rest_and_says_so(bare: Bare) -> None:
    path = bare.settings(engine="docker", engine_socket=str(bare.folder / "docker.sock"))
    made = ["nft", "add", "table", "inet", "vr_supervisor"]
    subprocess.run(inside(bare.namespace, made), check=True, timeout=10)
    assert_refused(bare.run(path, command="teardown"), "tear down everything", "reach Docker")
    assert bare.is_untouched()


def test_second_supervisor_on_one_state_folder(live: LiveRouter, bare: Bare) -> None:
    before = live.snapshot()
    for command in ("run", "teardown"):
        done = live.run(program("vr-supervisor"), command, "--config", str(live.router.settings))
        assert_refused(done, str(live.router.state), f"process {daemon_pid(live)}")
    path = bare.settings(state_dir=str(live.router.state))
    assert_refused(bare.run(path), str(live.router.state))
    assert live.snapshot() == before


def daemon_pid(live: LiveRouter) -> int:
    record = live.router.processes.find("supervisor")
    assert record is not None
    return record.pid
