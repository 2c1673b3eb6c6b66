"""What only a real Docker can show: every field reaches kernel and engine, and namespaces are joined all the same."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.dockerd import Dockerd
from supervisor.edges.engine import make_engine
from supervisor.edges.engine.docker import DockerEngine
from supervisor.edges.engine.docker_ownership import Ownership
from supervisor.edges.engine.processes import Process
from supervisor.values.errors import EngineError, EngineUnavailableError, NameTakenError, NoSuchContainerError
from supervisor.values.names import Digest
from supervisor.values.state import ContainerSpec, ContainerState, Tmpfs
from tests.contract.kernel import check_disk, check_process, full_spec
from tests.kit.live.docker import docker_world
from tests.kit.live.tiny_image import TinyImage, build

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

SLEEP = ("/bin/sleep", "1000")


@pytest.fixture(scope="module")
def image() -> TinyImage:
    return build("docker")


@pytest.fixture(scope="module")
def daemon() -> Iterator[Dockerd]:
    with docker_world() as made:
        yield made


@pytest.fixture
def engine(daemon: Dockerd, image: TinyImage) -> Iterator[DockerEngine]:
    daemon.start()
    made = DockerEngine(daemon.socket)
    made.start_service()
    made.load(image.stream())
    yield made
    daemon.start()
    for container in made.containers():
        made.remove(container.name)
    assert docker(daemon, "ps", "-aq").stdout == ""  # no holder stays behind
    made.close()


def docker(daemon: Dockerd, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["docker", f"--host=unix://{daemon.socket}", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def names(daemon: Dockerd) -> list[str]:
    """Of every container, whoever's."""
    return sorted(docker(daemon, "ps", "-a", "--format={{.Names}}").stdout.split())


def inspected(daemon: Dockerd, name: str) -> Any:
    return json.loads(docker(daemon, "inspect", name).stdout)[0]


def spec_of(image: TinyImage, name: str = "one", command: tuple[str, ...] = SLEEP, **fields: object) -> ContainerSpec:
    plain: dict[str, object] = {
        "labels": (), "uid": 0, "gid": 0, "network": None, "memory_bytes": 32 << 20, "pids": 16, "nofile": 512,
    }  # fmt: skip
    return ContainerSpec(name=name, image=Digest(image.id), command=command, **(plain | fields))  # type: ignore[arg-type]


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"vrt-docker-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True, timeout=10)
    yield f"/run/netns/{name}"
    subprocess.run(["ip", "netns", "del", name], check=True, timeout=10)


def test_every_field_reaches_kernel_and_engine(
    engine: DockerEngine, daemon: Dockerd, image: TinyImage, namespace: str, tmp_path: Path
) -> None:
    plain = spec_of(image)
    spec = replace(plain, **full_spec(plain, namespace, tmp_path))  # type: ignore[arg-type]
    engine.create(spec)
    pid = engine.start("one").pid
    assert pid is not None
    check_process(spec, pid)
    check_disk(engine, spec, pid)

    found = inspected(daemon, "one")
    config, host = found["Config"], found["HostConfig"]
    assert (config["StopSignal"], config["StopTimeout"]) == ("SIGUSR1", 3)
    assert config["Healthcheck"] == {"Test": ["NONE"]}
    assert config["Labels"]["io.vr-supervisor.service"] == "echo"
    assert (config["Image"], config["User"]) == (image.id, "0:0")
    assert host["RestartPolicy"]["Name"] == "no"
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-file": "2", "max-size": "524288"}}
    assert (host["CapDrop"], sorted(host["CapAdd"])) == (["ALL"], ["CAP_NET_ADMIN", "CAP_NET_BIND_SERVICE"])
    assert (host["Memory"], host["MemorySwap"], host["PidsLimit"]) == (48 << 20, 48 << 20, 20)
    assert (host["ReadonlyRootfs"], host["Privileged"], host["AutoRemove"], host["Init"]) == (True, False, False, False)
    assert host["SecurityOpt"] == ["no-new-privileges", f"seccomp={spec.seccomp}"]
    assert host["CgroupnsMode"] == "private"
    assert {mount["Propagation"] for mount in found["Mounts"] if mount["Type"] == "bind"} == {"rprivate"}


def test_a_user_other_than_root(engine: DockerEngine, image: TinyImage, namespace: str) -> None:
    spec = spec_of(image, uid=100, gid=101, network=namespace)
    engine.create(spec)
    check_process(spec, engine.start("one").pid or 0)


def test_capabilities_of_another_user_are_refused(engine: DockerEngine, image: TinyImage) -> None:
    with pytest.raises(EngineError, match="Docker gives capabilities to root only, and user 100 is to have NET_RAW"):
        engine.create(spec_of(image, uid=100, capabilities=("NET_RAW",)))


def test_without_a_namespace_it_joins_the_network_of_the_supervisor(engine: DockerEngine, image: TinyImage) -> None:
    engine.create(spec_of(image))
    pid = engine.start("one").pid
    assert os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net")


def test_a_daemon_in_another_network_is_found_out(image: TinyImage, namespace: str) -> None:
    with docker_world() as elsewhere:
        elsewhere.stop()
        moved = replace(elsewhere, namespace=Path(namespace).name)
        moved.start()
        engine = DockerEngine(moved.socket)
        engine.start_service()
        engine.load(image.stream())
        engine.create(spec_of(image))
        with pytest.raises(EngineError, match="is its daemon in another namespace"):
            engine.start("one")
        assert engine.inspect("one").state is ContainerState.EXITED
        engine.close()


def test_a_restart_finds_the_same_namespace_and_no_holder_is_left_running(
    engine: DockerEngine, daemon: Dockerd, image: TinyImage, namespace: str
) -> None:
    engine.create(spec_of(image, network=namespace))
    for _ in range(3):
        pid = engine.start("one").pid
        assert Path(f"/proc/{pid}/ns/net").stat().st_ino == Path(namespace).stat().st_ino
        assert docker(daemon, "ps", "--format={{.Names}}").stdout.split() == ["one"]
        engine.kill("one", "SIGKILL")
    assert [container.name for container in engine.containers()] == ["one"]
    for call in (engine.inspect, engine.start):
        with pytest.raises(NoSuchContainerError):
            call("one.net")


def test_a_namespace_that_was_made_anew_is_joined_by_its_name(
    engine: DockerEngine, image: TinyImage, namespace: str
) -> None:
    """As after a boot: the name is the same, the namespace is not."""
    engine.create(spec_of(image, network=namespace))
    engine.start("one")
    engine.kill("one", "SIGKILL")
    for verb in ("del", "add"):
        subprocess.run(["ip", "netns", verb, Path(namespace).name], check=True, timeout=10)
    pid = engine.start("one").pid
    assert Path(f"/proc/{pid}/ns/net").stat().st_ino == Path(namespace).stat().st_ino


def test_a_namespace_that_is_not_there_is_said(engine: DockerEngine, image: TinyImage, namespace: str) -> None:
    with pytest.raises(EngineError, match="there is no network namespace /run/netns/nowhere"):
        engine.create(spec_of(image, network="/run/netns/nowhere"))
    assert engine.containers() == ()
    engine.create(spec_of(image, network=namespace))
    subprocess.run(["ip", "netns", "del", Path(namespace).name], check=True, timeout=10)
    try:
        with pytest.raises(EngineError, match="cannot start"):
            engine.start("one")
    finally:
        subprocess.run(["ip", "netns", "add", Path(namespace).name], check=True, timeout=10)


def test_a_container_whose_holder_was_taken_away_is_made_again(
    engine: DockerEngine, daemon: Dockerd, image: TinyImage, namespace: str
) -> None:
    spec = spec_of(image, network=namespace)
    engine.create(spec)
    docker(daemon, "rm", "-f", "one.net")
    with pytest.raises(NoSuchContainerError):
        engine.start("one")
    engine.create(spec)
    assert engine.start("one").state is ContainerState.RUNNING


def test_holders_of_nobody_are_removed(engine: DockerEngine, daemon: Dockerd, image: TinyImage, namespace: str) -> None:
    engine.create(spec_of(image, network=namespace))
    docker(daemon, "rm", "-f", "one")
    assert names(daemon) == ["one.net"]
    engine.start_service()
    assert names(daemon) == []


def test_two_supervisors_of_one_daemon_do_not_meet(
    daemon: Dockerd, image: TinyImage, namespace: str, tmp_path: Path
) -> None:
    pair = [
        make_engine("docker", tmp_path, tmp_path, daemon.socket, namespaces)
        for namespaces in ("vrt-left-", "vrt-right-")
    ]
    for each in pair:
        each.start_service()
        each.load(image.stream())
        each.create(spec_of(image, network=namespace))
        each.start("one")
    left, right = pair
    spared = right.inspect("one")
    assert names(daemon) == ["vrt-left-one", "vrt-left-one.net", "vrt-right-one", "vrt-right-one.net"]
    assert [container.name for container in left.containers()] == ["one"]
    left.start_service()
    assert left.run(spec_of(image, network=namespace, command=("/bin/true",)), 20).exit_code == 0
    left.remove_image(Digest(image.id))
    left.stop_service()
    assert (left.containers(), left.images()) == ((), ())
    assert (right.containers(), right.images()) == ((spared,), (image.id,))
    right.kill("one", "SIGKILL")
    assert right.start("one").pid
    assert right.execute("one", ["/bin/true"], 5).exit_code == 0
    assert list(right.logs("one", 1, follow=False)) == []
    right.remove("one")
    right.remove_image(Digest(image.id))
    right.stop_service()
    assert names(daemon) == []
    assert "vrt-" not in docker(daemon, "images", "--format={{.Repository}}").stdout
    for each in pair:
        each.close()


def test_a_holder_of_another_owner_is_not_touched(
    engine: DockerEngine, daemon: Dockerd, image: TinyImage, namespace: str
) -> None:
    others = DockerEngine(daemon.socket, Ownership("others"))
    others.start_service()
    others.create(spec_of(image, network=namespace))
    engine.remove("one")
    assert names(daemon) == ["one", "one.net"]
    docker(daemon, "rm", "-f", "one")
    with pytest.raises(NameTakenError, match=r"one\.net"):
        engine.create(spec_of(image, network=namespace))
    assert names(daemon) == ["one.net"]
    others.start_service()
    assert names(daemon) == []
    others.stop_service()
    others.close()


def test_labels_that_an_image_passed_on_make_nothing_ours(
    engine: DockerEngine, daemon: Dockerd, image: TinyImage, namespace: str
) -> None:
    """`docker commit` puts the labels of a container into the image."""
    engine.create(spec_of(image, network=namespace))
    engine.create(spec_of(image, "two", labels=(("io.vr-supervisor.holder", "x"),)))
    copied = [docker(daemon, "commit", name).stdout.strip() for name in ("one", "one.net", "two")]
    made = [docker(daemon, "create", f"--name=copy{number}", one, "/bin/true") for number, one in enumerate(copied)]
    try:
        assert [one.returncode for one in made] == [0, 0, 0]
        assert [container.name for container in engine.containers()] == ["one", "two"]
        with pytest.raises(NoSuchContainerError):
            engine.inspect("copy0")
        engine.remove("copy0")
        engine.remove("two")
        engine.remove("one")
        engine.start_service()
        assert names(daemon) == ["copy0", "copy1", "copy2"]
        engine.create(replace(spec_of(image, "three"), image=Digest(copied[0])))  # says io.vr-supervisor.network
        assert engine.start("three").state is ContainerState.RUNNING
        engine.remove("three")
    finally:
        docker(daemon, "rm", "-f", "copy0", "copy1", "copy2")
        docker(daemon, "rmi", *copied)


def test_a_start_that_was_interrupted_is_finished_by_the_next_one(
    engine: DockerEngine, daemon: Dockerd, image: TinyImage, namespace: str
) -> None:
    """Killed between Docker's start and what is put right after it."""
    show = ("/bin/sh", "-c", "sleep 1; ls -ld /state; sleep 1000")
    engine.create(spec_of(image, command=show, network=namespace, tmpfs=(Tmpfs("/state", 1 << 20, 0o750),)))
    docker(daemon, "start", "one.net")
    entered = Process.find(inspected(daemon, "one.net")["State"]["Pid"])
    assert entered
    for _ in range(250):
        if entered.namespace("net") == f"net:[{Path(namespace).stat().st_ino}]":
            break
        time.sleep(0.02)
    docker(daemon, "start", "one")
    pid = engine.start("one").pid
    folder = Path("/proc", str(pid), "root", "state")
    assert f"{folder.stat().st_mode & 0o7777:o}" == "750"
    assert entered.wait(5)
    assert docker(daemon, "ps", "--format={{.Names}}").stdout.split() == ["one"]


def test_a_holder_that_is_being_made_is_no_stray(
    engine: DockerEngine, daemon: Dockerd, image: TinyImage, namespace: str
) -> None:
    holder = engine._images.holder()
    with engine._holders.made("one", namespace, holder):
        engine.start_service()  # as another service's thread does
        assert names(daemon) == ["one.net"]
    with pytest.raises(EngineError, match="first"), engine._holders.made("one", namespace, holder):
        raise EngineError("the first")
    assert names(daemon) == []


def test_temporary_folders_have_their_mode_after_every_start(engine: DockerEngine, image: TinyImage) -> None:
    show = ("/bin/sh", "-c", "sleep 0.3; ls -ld /tmp /state; touch /tmp/x")
    spec = spec_of(image, command=show, tmpfs=(Tmpfs("/tmp", 1 << 20, 0o1777), Tmpfs("/state", 1 << 20, 0o750)))
    for _ in range(2):
        lines = engine.run(spec, 10).stdout.decode().splitlines()
        assert [line.split()[0] for line in lines] == ["drwxr-x---", "drwxrwxrwt"]


def test_the_log_files_stay_bounded(engine: DockerEngine, daemon: Dockerd, image: TinyImage) -> None:
    engine.create(spec_of(image, command=("/bin/sh", "-c", "yes 0123456789 | head -c 3000000")))
    engine.start("one")
    for _ in range(1000):
        if engine.inspect("one").state is ContainerState.EXITED:
            break
        time.sleep(0.02)
    folder = Path(inspected(daemon, "one")["LogPath"]).parent
    assert sum(path.stat().st_size for path in folder.glob("*-json.log*")) <= 1024 * 1024 + 65536
    assert len(list(engine.logs("one", 10, follow=False))) == 10


def test_an_image_of_ours_survives_the_clean_up_of_others_and_keeps_their_names(
    engine: DockerEngine, daemon: Dockerd, image: TinyImage
) -> None:
    assert docker(daemon, "image", "prune", "-f").returncode == 0
    assert engine.images() == (image.id,)
    docker(daemon, "tag", image.id, "their/name:1")
    engine.remove_image(Digest(image.id))
    assert engine.images() == ()
    left = docker(daemon, "images", "--format={{.Repository}}", "--no-trunc").stdout.split()
    docker(daemon, "rmi", "their/name:1")
    assert [name for name in left if not name.endswith("/holder")] == ["their/name"]


def test_what_the_holders_need_goes_with_the_supervisor(
    engine: DockerEngine, daemon: Dockerd, image: TinyImage, namespace: str
) -> None:
    engine.create(spec_of(image, network=namespace))
    assert engine.images() == (image.id,)
    engine.remove("one")
    engine.remove_image(Digest(image.id))
    engine.stop_service()
    engine.stop_service()
    assert docker(daemon, "images", "-aq").stdout == ""
    assert engine.ping()


def test_a_container_that_lost_its_monitor_is_seen_started_and_removed(
    engine: DockerEngine, daemon: Dockerd, image: TinyImage
) -> None:
    engine.create(spec_of(image))
    pid = engine.start("one").pid
    monitor = Process.find(int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]))
    assert monitor
    monitor.signal(9)
    assert monitor.wait(5)
    for _ in range(250):
        if engine.inspect("one").state is ContainerState.EXITED:
            break
        time.sleep(0.02)
    assert Process.find(pid or 0) is None
    assert engine.start("one").state is ContainerState.RUNNING
    engine.remove("one")


@pytest.mark.parametrize("is_killed", [False, True], ids=["restarted", "killed"])
def test_without_live_restore_containers_end_with_the_daemon_and_start_again(
    engine: DockerEngine, daemon: Dockerd, image: TinyImage, namespace: str, is_killed: bool
) -> None:
    trap = ("/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.02; done")
    engine.create(spec_of(image, command=trap, network=namespace))
    pid = engine.start("one").pid
    if is_killed:
        daemon.kill()
    else:
        daemon.processes.stop("dockerd", patience=20.0)
    with pytest.raises(EngineUnavailableError):
        engine.inspect("one")
    daemon.start()
    engine.start_service()
    assert engine.inspect("one").state is ContainerState.EXITED
    assert Process.find(pid or 0) is None
    assert engine.start("one").pid
    engine.stop("one", 2)


def test_truncated_and_foreign_archives_are_refused(engine: DockerEngine, image: TinyImage) -> None:
    for archive in (image.archive[: len(image.archive) // 2], b"not an archive" * 100):
        with pytest.raises(EngineError, match="cannot load an image"):
            engine.load(iter([archive]))
    assert engine.load(image.stream()) == image.id


def test_no_space_is_said_before_anything_is_written(engine: DockerEngine, daemon: Dockerd, image: TinyImage) -> None:
    full = DockerEngine(daemon.socket, space_reserve=1 << 60)
    full.start_service()
    with pytest.raises(EngineError, match=r"cannot load an image: .* MiB free below"):
        full.load(image.stream())
    full.close()


def test_following_a_silent_log_hands_the_caller_the_word(engine: DockerEngine, image: TinyImage) -> None:
    engine.create(spec_of(image, command=("/bin/sh", "-c", "echo first; sleep 1000")))
    engine.start("one")
    followed = engine.logs("one", 5, follow=True)
    seen = [next(followed), next(followed)]
    assert b"first\n" in seen
    assert b"" in seen
    followed.close()  # type: ignore[attr-defined]
    assert engine.ping()


def test_no_daemon_is_said_with_what_to_do(tmp_path: Path) -> None:
    engine = make_engine("docker", tmp_path, tmp_path, socket=tmp_path / "no.sock")
    with pytest.raises(EngineUnavailableError, match=r"cannot reach Docker: .*is it started\?"):
        engine.start_service()
    engine.close()
