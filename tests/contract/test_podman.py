"""What only a real Podman can show: every field reaches the kernel, and containers outlive whoever made them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.processes import freeze
from supervisor.edges.engine import make_engine
from supervisor.edges.engine.podman import PodmanEngine
from supervisor.edges.engine.podman_service import require_programs
from supervisor.edges.engine.processes import Process
from supervisor.values.errors import EngineError, EngineUnavailableError
from supervisor.values.names import Digest
from supervisor.values.state import ContainerSpec, ContainerState, Tmpfs
from tests.contract.kernel import CAPABILITIES, check_disk, check_process, full_spec, mounts_of
from tests.kit.live.podman import monitors, podman_world
from tests.kit.live.tiny_image import TinyImage, build

pytestmark = pytest.mark.integration

SLEEP = ("/bin/sleep", "1000")


@pytest.fixture(scope="module")
def image() -> TinyImage:
    return build("podman")


@pytest.fixture(scope="module")
def folders() -> Iterator[tuple[Path, Path]]:
    with podman_world() as made:
        yield made


@pytest.fixture
def engine(folders: tuple[Path, Path], image: TinyImage) -> Iterator[PodmanEngine]:
    made = PodmanEngine(*folders)
    made.start_service()
    made.load(image.stream())
    yield made
    made.start_service()
    for container in made.containers():
        made.remove(container.name)
    made.close()


def spec_of(image: TinyImage, name: str = "one", command: tuple[str, ...] = SLEEP, **fields: object) -> ContainerSpec:
    plain: dict[str, object] = {
        "labels": (), "uid": 100, "gid": 101, "network": None, "memory_bytes": 32 << 20, "pids": 16, "nofile": 512,
    }  # fmt: skip
    return ContainerSpec(name=name, image=Digest(image.id), command=command, **(plain | fields))  # type: ignore[arg-type]


def await_end(engine: PodmanEngine, name: str = "one") -> None:
    """Wait until a container has ended by itself: one that is stopped at once may not have done anything yet."""
    for _ in range(500):
        if engine.inspect(name).state is ContainerState.EXITED:
            return
        time.sleep(0.02)
    raise AssertionError(f"{name} did not end in 10 s")


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"vrt-engine-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True, timeout=10)
    yield f"/run/netns/{name}"
    subprocess.run(["ip", "netns", "del", name], check=True, timeout=10)


def test_every_field_reaches_the_kernel(engine: PodmanEngine, image: TinyImage, namespace: str, tmp_path: Path) -> None:
    plain = spec_of(image)
    spec = replace(plain, **full_spec(plain, namespace, tmp_path))  # type: ignore[arg-type]
    engine.create(spec)
    pid = engine.start("one").pid
    assert pid is not None
    check_process(spec, pid)
    check_disk(engine, spec, pid)
    ambient = re.search(r"CapAmb:\t(\w+)", Path(f"/proc/{pid}/status").read_text())
    assert ambient
    assert int(ambient[1], 16) == 1 << CAPABILITIES["CAP_NET_BIND_SERVICE"] | 1 << CAPABILITIES["CAP_NET_ADMIN"]

    mounts = mounts_of(pid)
    assert mounts["/config"][5].split(",")[:4] == ["ro", "nosuid", "nodev", "noexec"]
    assert mounts["/state"][5].split(",")[:4] == ["rw", "nosuid", "nodev", "noexec"]
    assert "/etc/hosts" not in mounts
    assert "/etc/resolv.conf" not in mounts

    inspected = engine._requests.inspected("one")
    assert inspected["HostConfig"]["LogConfig"]["Type"] == "k8s-file"
    assert inspected["HostConfig"]["LogConfig"]["Size"] == "1.049MB"
    assert inspected["HostConfig"]["RestartPolicy"]["Name"] in ("", "no")
    assert inspected["Config"].get("Healthcheck", {}).get("Test", ["NONE"]) == ["NONE"]
    assert inspected["Config"]["StopSignal"] == signal.SIGUSR1
    assert inspected["Config"]["StopTimeout"] == 3
    assert inspected["Config"]["Labels"]["io.vr-supervisor.service"] == "echo"


def test_without_a_namespace_it_joins_the_network_of_the_supervisor(engine: PodmanEngine, image: TinyImage) -> None:
    engine.create(spec_of(image))
    pid = engine.start("one").pid
    assert os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net")


def test_temporary_folders_have_their_mode_in_checks_and_after_a_restart(
    engine: PodmanEngine, image: TinyImage
) -> None:
    show = ("/bin/sh", "-c", "ls -ld /tmp /state; touch /tmp/x")
    spec = spec_of(image, command=show, tmpfs=(Tmpfs("/tmp", 1 << 20, 0o1777), Tmpfs("/state", 1 << 20, 0o750)))
    lines = engine.run(spec, 10).stdout.decode().splitlines()
    assert [line.split()[0] for line in lines] == ["drwxr-x---", "drwxrwxrwt"]
    engine.create(spec)
    for _ in range(2):
        engine.start("one")
        await_end(engine)
    assert len([line for line in engine.logs("one", 100, follow=False) if b"drwxrwxrwt" in line]) == 2


def test_the_log_file_stays_bounded(engine: PodmanEngine, image: TinyImage) -> None:
    engine.create(spec_of(image, command=("/bin/sh", "-c", "yes 0123456789 | head -c 6000000")))
    engine.start("one")
    await_end(engine)
    log = engine._requests.inspected("one")["HostConfig"]["LogConfig"]["Path"]
    assert Path(log).stat().st_size <= 1024 * 1024 + 4096
    assert len(list(engine.logs("one", 10, follow=False))) == 10


def test_following_a_silent_log_hands_the_caller_the_word(engine: PodmanEngine, image: TinyImage) -> None:
    engine.create(spec_of(image, command=("/bin/sh", "-c", "echo first; sleep 1000")))
    engine.start("one")
    followed = engine.logs("one", 5, follow=True)
    seen = [next(followed), next(followed)]
    assert b"first\n" in seen
    assert b"" in seen
    followed.close()  # type: ignore[attr-defined]
    assert engine.ping()


def test_a_container_that_died_with_its_monitor_is_seen_started_and_removed(
    engine: PodmanEngine, image: TinyImage, folders: tuple[Path, Path]
) -> None:
    def kill_both() -> None:
        process = Process.find(engine.inspect("one").pid or 0)
        monitor = Process.find(int(engine._requests.inspected("one")["State"]["ConmonPid"]))
        assert process
        assert monitor
        for victim in (monitor, process):
            victim.signal(signal.SIGKILL)
            assert victim.wait(5)

    engine.create(spec_of(image))
    first = engine.start("one")
    kill_both()
    assert [(container.state, container.pid, container.exit_code) for container in engine.containers()] == [
        (ContainerState.EXITED, None, 255)
    ]
    again = engine.start("one")
    assert again.state is ContainerState.RUNNING
    assert again.pid != first.pid
    kill_both()
    engine.remove("one")
    assert engine.containers() == ()


def test_a_container_that_lost_its_monitor_is_removed(engine: PodmanEngine, image: TinyImage) -> None:
    engine.create(spec_of(image))
    pid = engine.start("one").pid
    monitor = Process.find(int(engine._requests.inspected("one")["State"]["ConmonPid"]))
    assert monitor
    monitor.signal(signal.SIGKILL)
    assert monitor.wait(5)
    engine.stop("one", 0.2)
    engine.remove("one")
    assert engine.containers() == ()
    assert Process.find(pid or 0) is None


def test_a_hung_service_is_an_error_in_time_and_is_replaced(
    engine: PodmanEngine, folders: tuple[Path, Path], image: TinyImage
) -> None:
    engine.create(spec_of(image))
    before = engine.start("one")
    hasty = PodmanEngine(*folders, deadline=0.5)
    hasty.start_service()
    service = hasty.service.process()
    assert service is not None
    freeze(service.pid)
    for call in (
        hasty.ping,
        hasty.containers,
        lambda: hasty.inspect("one"),
        lambda: hasty.create(spec_of(image, "two")),
    ):
        began = time.monotonic()
        with pytest.raises(EngineError, match=r"did not answer within 0\.5 s"):
            call()
        assert time.monotonic() - began < 1.5
    hasty.start_service()
    assert hasty.service.process() != service
    assert not service.is_alive()
    assert hasty.inspect("one") == before
    hasty.close()


def test_a_service_that_works_is_adopted(engine: PodmanEngine, folders: tuple[Path, Path]) -> None:
    service = engine.service.process()
    other = make_engine("podman", *folders)
    other.start_service()
    assert engine.service.process() == service
    other.close()


def test_service_and_containers_survive_the_supervisor(image: TinyImage) -> None:
    """Killed with its whole process group, as a terminal or a careless init system would."""
    with podman_world() as (state, runtime):
        program = f"""
            import os, signal
            from pathlib import Path
            from tests.contract.test_podman import spec_of
            from tests.kit.live.tiny_image import build
            from supervisor.edges.engine.podman import PodmanEngine
            engine = PodmanEngine(Path({str(state)!r}), Path({str(runtime)!r}))
            engine.start_service()
            image = build("podman")
            engine.load(image.stream())
            engine.create(spec_of(image))
            print(engine.start("one").pid, engine.service.process().pid, flush=True)
            os.killpg(0, signal.SIGKILL)
        """
        child = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)],
            capture_output=True, text=True, timeout=60, start_new_session=True, check=False,
        )  # fmt: skip
        assert child.returncode == -signal.SIGKILL, child.stderr
        pid, service = (int(word) for word in child.stdout.split())

        engine = PodmanEngine(state, runtime)
        engine.start_service()
        adopted = engine.service.process()
        assert adopted is not None
        assert adopted.pid == service
        assert [container.pid for container in engine.containers()] == [pid]
        engine.remove("one")
        assert Process.find(pid) is None
        engine.close()


def test_stopping_the_service_leaves_nothing_behind(image: TinyImage) -> None:
    with podman_world() as (state, runtime):
        engine = PodmanEngine(state, runtime)
        engine.start_service()
        engine.load(image.stream())
        engine.run(spec_of(image, command=("/bin/true",)), 10)
        service = engine.service.process()
        engine.stop_service()
        engine.stop_service()
        assert service is not None
        assert not service.is_alive()
        assert str(state) not in Path("/proc/mounts").read_text()
        assert str(runtime) not in Path("/proc/mounts").read_text()
        assert monitors(state.parent) == []
        engine.close()


def test_a_service_in_another_network_is_replaced(
    engine: PodmanEngine, folders: tuple[Path, Path], namespace: str
) -> None:
    """The supervisor was started in another namespace: router-mode containers must join that one."""
    before = engine.service.process()
    program = f"""
        from pathlib import Path
        from supervisor.edges.engine.podman import PodmanEngine
        engine = PodmanEngine(Path({str(folders[0])!r}), Path({str(folders[1])!r}))
        engine.start_service()
        print(engine.service.process().namespace("net"))
    """
    command = ["nsenter", f"--net={namespace}", sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == f"net:[{Path(namespace).stat().st_ino}]"
    engine.start_service()
    assert engine.service.process() != before
    assert engine.ping()


def test_no_space_is_said_before_anything_is_written(folders: tuple[Path, Path], image: TinyImage) -> None:
    engine = PodmanEngine(*folders, space_reserve=1 << 60)
    engine.start_service()
    with pytest.raises(EngineError, match=r"cannot load an image: .* MiB free below"):
        engine.load(image.stream())
    engine.close()


def test_truncated_and_foreign_archives_are_refused(engine: PodmanEngine, image: TinyImage) -> None:
    for archive in (image.archive[: len(image.archive) // 2], b"not an archive" * 100):
        with pytest.raises(EngineError, match="cannot load an image"):
            engine.load(iter([archive]))
    assert engine.load(image.stream()) == image.id


def test_missing_programs_are_named_with_their_packages(tmp_path: Path) -> None:
    (tmp_path / "podman").write_text("#!/bin/sh\n")
    (tmp_path / "podman").chmod(0o755)
    with pytest.raises(EngineUnavailableError, match=r"runc, conmon not found; .* apt-get install runc conmon"):
        require_programs(str(tmp_path), str(tmp_path))


def test_a_socket_path_too_long_is_refused(tmp_path: Path) -> None:
    engine = PodmanEngine(tmp_path, tmp_path / ("x" * 100))
    with pytest.raises(EngineUnavailableError, match="longer than 107 bytes"):
        engine.start_service()
    engine.close()


def test_a_configuration_the_engine_refuses_is_said_with_its_last_words() -> None:
    with podman_world() as (state, runtime):
        engine = PodmanEngine(state, runtime)
        for folder in ("podman", "podman-2"):  # with one alone its storage would be taken for damaged, and laid aside
            (runtime / folder).mkdir(parents=True)
            (runtime / folder / "run").write_text("in the way")
        with pytest.raises(EngineUnavailableError, match=r"cannot start the engine: it ended: .*not a directory"):
            engine.start_service()
        assert monitors(state.parent) == []
        engine.close()


def test_only_root_may_start_it(tmp_path: Path) -> None:
    program = """
        import os
        from pathlib import Path
        from supervisor.edges.engine.podman import PodmanEngine
        engine = PodmanEngine(Path("/nowhere"), Path("/nowhere"))
        os.setuid(65534)
        engine.start_service()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60, check=False
    )
    assert "EngineUnavailableError: cannot start the engine: it needs root" in done.stderr
