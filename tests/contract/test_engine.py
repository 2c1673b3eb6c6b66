"""What every engine must do: the same suite on the engine in memory, on a real Podman and on a real Docker."""

from __future__ import annotations

import io
import json
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.dockerd import Dockerd
from supervisor.edges.bundle.engine_layers import EngineLayers
from supervisor.edges.bundle.layers import Layer
from supervisor.edges.bundle.stream import docker_archive
from supervisor.edges.engine.docker import DockerEngine
from supervisor.edges.engine.podman import PodmanEngine
from supervisor.ports.engine import Engine
from supervisor.values.errors import EngineError, NameTakenError, NoSuchContainerError, NoSuchImageError
from supervisor.values.names import Digest
from supervisor.values.state import ContainerSpec, ContainerState
from tests.kit.fakes.engine import FakeEngine, Program
from tests.kit.live.docker import docker_world
from tests.kit.live.podman import podman_world
from tests.kit.live.tiny_image import TinyImage, build

OBEDIENT = ("/bin/sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.02; done")
WARNED = ("/bin/sh", "-c", "trap 'exit 7' USR1; trap '' TERM; while :; do sleep 0.02; done")
GREETER = ("/bin/sh", "-c", "echo hello; exec sleep 1000")
STUBBORN = ("/bin/sleep", "1000")  # the first process of a container ignores signals it has no handler for
REPORT = ("/bin/sh", "-c", "echo out; echo err >&2; exit 3")
CHATTER = ("/bin/sh", "-c", "for n in 1 2 3 4 5; do echo line $n; done; exit 0")
FLOOD = ("/bin/sh", "-c", "head -c 1000000 /dev/zero")
GLUTTON = ("/bin/sh", "-c", "(x=0123456789; while :; do x=$x$x; done) & wait $!")
ABSENT = ("/bin/no-such-program",)
PROGRAMS = {
    OBEDIENT: Program(exits_on={"SIGTERM": 7}),
    WARNED: Program(ignores_signals=True, exits_on={"SIGUSR1": 7}),
    GREETER: Program(b"hello\n", ignores_signals=True),
    STUBBORN: Program(ignores_signals=True),
    REPORT: Program(b"out\n", b"err\n", 3),
    CHATTER: Program(b"".join(b"line %d\n" % n for n in range(1, 6)), b"", 0),
    FLOOD: Program(b"\0" * 1_000_000, b"", 0),
    ABSENT: Program(can_start=False),
}
UNKNOWN_IMAGE = Digest("sha256:" + "0" * 64)


@pytest.fixture(scope="session")
def image() -> TinyImage:
    return build()


@pytest.fixture(scope="session")
def podman_folders() -> Iterator[tuple[Path, Path]]:
    with podman_world() as folders:
        yield folders


@pytest.fixture(scope="session")
def dockerd() -> Iterator[Dockerd]:
    with docker_world() as daemon:
        yield daemon


REAL = [pytest.param(kind, marks=pytest.mark.integration) for kind in ("podman", "docker")]


@pytest.fixture(params=["fake", *REAL])
def engine(request: pytest.FixtureRequest, image: TinyImage) -> Iterator[Engine]:
    made: FakeEngine | PodmanEngine | DockerEngine
    match request.param:
        case "fake":
            made = FakeEngine(PROGRAMS)
            made.know_archive(image.archive, image.id)
        case "podman":
            made = PodmanEngine(*request.getfixturevalue("podman_folders"))
        case _:
            made = DockerEngine(request.getfixturevalue("dockerd").socket)
    made.start_service()
    made.load(image.stream())
    yield made
    for container in made.containers():
        made.remove(container.name)
    made.close()


@pytest.fixture
def spec(image: TinyImage) -> Callable[..., ContainerSpec]:
    base = ContainerSpec(
        name="one",
        image=Digest(image.id),
        command=STUBBORN,
        labels=(("io.vr-supervisor.service", "echo"),),
        uid=100,
        gid=101,
        network=None,
        memory_bytes=64 << 20,
        pids=32,
        nofile=1024,
    )

    def make(name: str = "one", *command: str, **changes: object) -> ContainerSpec:
        return replace(base, name=name, command=command or base.command, **changes)  # type: ignore[arg-type]

    return make


Make = Callable[..., ContainerSpec]


def test_it_says_its_version(engine: Engine) -> None:
    assert engine.ping()


def test_loading_gives_the_digest_of_the_configuration_again_and_again(engine: Engine, image: TinyImage) -> None:
    assert engine.load(image.stream()) == image.id
    assert engine.load(image.stream(1000)) == image.id
    assert engine.images() == (image.id,)


def test_a_failing_source_comes_through_and_loads_nothing(engine: Engine, image: TinyImage) -> None:
    class BrokenMediumError(OSError):
        pass

    def broken() -> Iterator[bytes]:
        yield image.archive[:1000]
        raise BrokenMediumError

    with pytest.raises(BrokenMediumError):
        engine.load(broken())
    assert engine.images() == (image.id,)
    assert engine.ping()


def test_room_is_required_before_anything_is_loaded(engine: Engine) -> None:
    engine.require_room(0)
    with pytest.raises(EngineError, match="cannot load images: they take "):
        engine.require_room(1 << 60)


def test_an_empty_archive_is_refused(engine: Engine) -> None:
    with pytest.raises(EngineError, match="cannot load an image"):
        engine.load(iter([]))


def test_an_image_is_removed_once_and_only_when_unused(engine: Engine, image: TinyImage, spec: Make) -> None:
    engine.remove_image(UNKNOWN_IMAGE)
    engine.create(spec())
    with pytest.raises(EngineError, match="cannot remove image"):
        engine.remove_image(Digest(image.id))
    engine.remove("one")
    engine.remove_image(Digest(image.id))
    engine.remove_image(Digest(image.id))
    assert engine.images() == ()


def test_an_image_outlives_one_with_the_same_layers_and_more_above_them(
    engine: Engine, image: TinyImage, spec: Make
) -> None:
    longer = engine.load(build("longer", above="one").stream())
    longest = engine.load(build("longest", above="one more").stream())
    assert set(engine.images()) == {image.id, longer, longest}
    engine.remove_image(longer)
    assert set(engine.images()) == {image.id, longest}
    engine.remove_image(longest)
    assert engine.images() == (image.id,)
    engine.create(spec("one", *OBEDIENT))
    assert engine.start("one").pid


def test_an_image_whose_layers_begin_another_one_is_removed_alone(engine: Engine, image: TinyImage) -> None:
    longer = engine.load(build("longer", above="one").stream())
    engine.remove_image(Digest(image.id))
    assert engine.images() == (longer,)
    assert b"".join(engine.save(longer))
    engine.remove_image(longer)
    assert engine.images() == ()


def test_a_saved_image_is_the_same_again(engine: Engine, image: TinyImage) -> None:
    archive = b"".join(engine.save(Digest(image.id)))
    engine.remove_image(Digest(image.id))
    with pytest.raises(NoSuchImageError):
        engine.save(Digest(image.id))
    assert engine.load([archive]) == image.id
    assert b"".join(engine.save(Digest(image.id)))


def test_the_layers_of_a_saved_image_make_another_one_as_a_delta_brings_it(engine: Engine, tmp_path: Path) -> None:
    """Layers are found by their digests, whatever the engine calls them, and are loaded as they come out: unpacked."""
    wanted = build("delta", above="two")
    with tarfile.open(fileobj=io.BytesIO(wanted.archive)) as archive:
        config = archive.extractfile(f"blobs/sha256/{wanted.id.removeprefix('sha256:')}").read()  # type: ignore[union-attr]
    base = engine.load(build("base", above="two").stream())
    source = EngineLayers(lambda _: engine.save(base), tmp_path)
    layers = [source.layer("web", Digest(digest)) for digest in json.loads(config)["rootfs"]["diff_ids"]]
    content = b"".join(docker_archive(Layer(Digest(wanted.id), len(config), lambda: iter([config])), layers))
    source.close()
    if isinstance(engine, FakeEngine):
        engine.know_archive(content, wanted.id)
    assert engine.load([content]) == wanted.id
    for one in (Digest(wanted.id), base):
        engine.remove_image(one)


def test_a_container_goes_through_its_states(engine: Engine, image: TinyImage, spec: Make) -> None:
    created = engine.create(spec("one", *OBEDIENT))
    assert (created.name, created.image, created.state) == ("one", image.id, ContainerState.CREATED)
    assert (created.pid, created.exit_code) == (None, None)
    assert created.label("io.vr-supervisor.service") == "echo"
    assert created.label("io.vr-supervisor.owner") == "vr"

    running = engine.start("one")
    assert (running.id, running.state, running.exit_code) == (created.id, ContainerState.RUNNING, None)
    assert running.pid
    assert engine.start("one") == running == engine.inspect("one")
    assert engine.containers() == (running,)

    engine.stop("one", 5)
    ended = engine.inspect("one")
    assert (ended.state, ended.pid) == (ContainerState.EXITED, None)
    assert ended.exit_code
    assert engine.containers() == (ended,)
    engine.stop("one", 5)

    again = engine.start("one")
    assert again.state is ContainerState.RUNNING
    assert again.pid != running.pid
    engine.remove("one")
    engine.remove("one")
    assert engine.containers() == ()


def test_create_refuses_what_cannot_be(engine: Engine, spec: Make) -> None:
    engine.create(spec())
    with pytest.raises(NameTakenError, match="cannot create container one"):
        engine.create(spec())
    with pytest.raises(NoSuchImageError):
        engine.create(spec("two", image=UNKNOWN_IMAGE))
    with pytest.raises(EngineError, match="no command"):
        engine.create(replace(spec("two"), command=()))
    assert [container.name for container in engine.containers()] == ["one"]


def test_unknown_names(engine: Engine) -> None:
    for call in (
        lambda: engine.inspect("nobody"),
        lambda: engine.start("nobody"),
        lambda: engine.execute("nobody", ["/bin/true"], 1),
        lambda: list(engine.logs("nobody", 1, follow=False)),
        lambda: engine.usage("nobody"),
    ):
        with pytest.raises(NoSuchContainerError):
            call()
    engine.stop("nobody", 1)
    engine.kill("nobody", "SIGHUP")
    engine.pause("nobody")
    engine.unpause("nobody")
    engine.remove("nobody")


def test_the_beginning_of_an_id_is_no_name(engine: Engine, spec: Make) -> None:
    identity = engine.create(spec()).id
    with pytest.raises(NoSuchContainerError):
        engine.inspect(identity[:12])
    engine.remove(identity[:12])
    assert engine.inspect("one")


def test_a_program_that_is_not_there_fails_at_start(engine: Engine, spec: Make) -> None:
    engine.create(spec("one", *ABSENT))
    with pytest.raises(EngineError, match="cannot start container one"):
        engine.start("one")
    engine.remove("one")


def test_stop_kills_what_does_not_listen(engine: Engine, spec: Make) -> None:
    engine.create(spec())
    engine.start("one")
    engine.stop("one", 0.2)
    assert engine.inspect("one").exit_code == 137


def test_stop_sends_the_signal_that_is_declared(engine: Engine, spec: Make) -> None:
    engine.create(spec("one", *WARNED, stop_signal="SIGUSR1"))
    engine.start("one")
    time.sleep(0.3)  # until it listens
    engine.kill("one", "SIGTERM")
    assert engine.inspect("one").state is ContainerState.RUNNING
    engine.stop("one", 5)
    assert engine.inspect("one").exit_code == 7


def test_a_paused_container_does_nothing_until_it_is_thawed(engine: Engine, spec: Make) -> None:
    engine.create(spec("one", *OBEDIENT))
    engine.pause("one")
    assert engine.inspect("one").state is ContainerState.CREATED
    running = engine.start("one")
    for _ in range(2):
        engine.pause("one")
        paused = engine.inspect("one")
        assert (paused.state, paused.pid) == (ContainerState.PAUSED, running.pid)
        assert engine.containers() == (paused,)
    engine.kill("one", "SIGTERM")
    assert engine.inspect("one") == paused
    for _ in range(2):
        engine.unpause("one")
        assert engine.inspect("one") == running


def test_whatever_starts_or_ends_a_paused_container_thaws_it(engine: Engine, spec: Make) -> None:
    engine.create(spec("one", *OBEDIENT))
    running = engine.start("one")
    engine.pause("one")
    assert engine.start("one") == running
    time.sleep(0.3)  # until it listens
    engine.pause("one")
    engine.stop("one", 5)
    assert engine.inspect("one").exit_code == 7
    engine.start("one")
    engine.pause("one")
    engine.kill("one", "SIGKILL")
    assert eventually(lambda: engine.inspect("one").exit_code == 137)
    engine.start("one")
    engine.pause("one")
    began = time.monotonic()
    engine.remove("one")
    assert time.monotonic() - began < 5
    assert engine.containers() == ()


def test_what_a_container_uses(engine: Engine, spec: Make) -> None:
    engine.create(spec("one", *OBEDIENT))
    with pytest.raises(EngineError, match="cannot see what container one uses: it does not run"):
        engine.usage("one")
    engine.start("one")
    found = engine.usage("one")
    assert 0 < found.memory_bytes < 64 << 20
    assert found.memory_limit == 64 << 20
    assert 0 < found.cpu_seconds < 60
    assert found.pids in (1, 2, 3)
    engine.pause("one")
    assert engine.usage("one").memory_bytes > 0


def test_a_process_that_was_ended_for_want_of_memory_is_counted(engine: Engine, spec: Make) -> None:
    engine.create(spec())
    engine.start("one")
    assert engine.usage("one").oom_kills == 0
    if not isinstance(engine, FakeEngine):  # nothing there has a memory that it could exceed
        assert engine.execute("one", GLUTTON, 30).exit_code == 137
        assert engine.usage("one").oom_kills == 1
    assert engine.inspect("one").state is ContainerState.RUNNING


def test_kill_sends_the_signal(engine: Engine, spec: Make) -> None:
    engine.create(spec())
    engine.kill("one", "SIGKILL")
    assert engine.start("one").state is ContainerState.RUNNING
    engine.kill("one", "SIGUSR1")
    assert engine.inspect("one").state is ContainerState.RUNNING
    engine.kill("one", "SIGKILL")
    assert eventually(lambda: engine.inspect("one").state is ContainerState.EXITED)
    with pytest.raises(EngineError, match="no signal of that name"):
        engine.kill("one", "NONSENSE")


def test_remove_does_not_wait_for_the_stop_timeout(engine: Engine, spec: Make) -> None:
    engine.create(spec(stop_timeout=60))
    engine.start("one")
    began = time.monotonic()
    engine.remove("one")
    assert time.monotonic() - began < 3


def test_execute_gives_code_and_both_streams(engine: Engine, spec: Make) -> None:
    engine.create(spec())
    with pytest.raises(EngineError, match="does not run"):
        engine.execute("one", REPORT, 5)
    engine.start("one")
    result = engine.execute("one", REPORT, 5)
    assert (result.exit_code, result.stdout, result.stderr) == (3, b"out\n", b"err\n")
    assert engine.execute("one", ["/bin/true"], 5).exit_code == 0


def test_execute_cuts_a_flood(engine: Engine, spec: Make) -> None:
    engine.create(spec())
    engine.start("one")
    result = engine.execute("one", FLOOD, 10)
    assert (result.exit_code, len(result.stdout), result.stderr) == (0, 64 * 1024, b"")


def test_execute_ends_what_takes_too_long(engine: Engine, spec: Make) -> None:
    engine.create(spec())
    engine.start("one")
    with pytest.raises(EngineError, match="did not finish within"):
        engine.execute("one", STUBBORN, 0.3)
    assert engine.inspect("one").state is ContainerState.RUNNING


def test_run_gives_code_and_output_and_leaves_nothing(engine: Engine, spec: Make) -> None:
    result = engine.run(spec("check", *REPORT), 10)
    assert (result.exit_code, result.stdout, result.stderr) == (3, b"out\n", b"err\n")
    with pytest.raises(EngineError, match="did not finish within"):
        engine.run(spec("check", *STUBBORN), 0.5)
    with pytest.raises(EngineError):
        engine.run(spec("check", *ABSENT), 5)
    with pytest.raises(NoSuchImageError):
        engine.run(spec("check", image=UNKNOWN_IMAGE), 5)
    assert engine.containers() == ()


def test_run_replaces_what_an_interrupted_check_left(engine: Engine, spec: Make) -> None:
    engine.create(spec("check"))
    assert engine.run(spec("check", *REPORT), 10).exit_code == 3
    assert engine.containers() == ()


def test_logs_show_the_last_lines_in_order(engine: Engine, spec: Make) -> None:
    engine.create(spec("one", *CHATTER))
    engine.start("one")
    assert eventually(lambda: engine.inspect("one").state is ContainerState.EXITED)
    assert list(engine.logs("one", 2, follow=False)) == [b"line 4\n", b"line 5\n"]
    assert list(engine.logs("one", 100, follow=False)) == [b"line %d\n" % n for n in range(1, 6)]
    assert [line for line in engine.logs("one", 2, follow=True) if line] == [b"line 4\n", b"line 5\n"]


def test_who_follows_a_log_hears_of_silence_until_the_container_ends(engine: Engine, spec: Make) -> None:
    engine.create(spec("one", *GREETER))
    engine.start("one")
    lines = engine.logs("one", 10, follow=True)
    assert next(line for line in lines if line) == b"hello\n"
    assert next(lines) == b""
    engine.kill("one", "SIGKILL")
    assert [line for line in lines if line] == []


def test_several_threads_at_once(engine: Engine, spec: Make) -> None:
    failures: list[BaseException] = []

    def live(name: str) -> None:
        try:
            for _ in range(2):
                engine.create(spec(name))
                assert engine.start(name).name == name
                assert engine.execute(name, REPORT, 20).exit_code == 3
                engine.remove(name)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=live, args=(f"t{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert engine.containers() == ()


def eventually(is_true: Callable[[], bool], deadline: float = 5) -> bool:
    for _ in range(int(deadline / 0.02)):
        if is_true():
            return True
        time.sleep(0.02)
    return False
