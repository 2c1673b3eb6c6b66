"""Engines whose service dies, hangs, comes back, or is used by others as well: the same for all of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.dockerd import Dockerd
from supervisor.edges.engine.processes import Process
from supervisor.values.errors import EngineError, EngineUnavailableError, NameTakenError, NoSuchContainerError
from supervisor.values.names import Digest
from supervisor.values.state import ContainerSpec, ContainerState
from tests.contract.rigs import DockerRig, FakeRig, PodmanRig, Rig, cleared
from tests.kit.fakes.engine import FakeEngine
from tests.kit.live.docker import docker_world
from tests.kit.live.podman import podman_world
from tests.kit.live.tiny_image import TinyImage, build

pytestmark = pytest.mark.timeout(120)
SLEEP = ("/bin/sleep", "1000")
TICKER = ("/bin/sh", "-c", "while :; do echo tick; sleep 0.1; done")


@pytest.fixture(scope="module")
def image() -> TinyImage:
    return build("service")


@pytest.fixture(scope="module")
def podman_folders() -> Iterator[tuple[Path, Path]]:
    with podman_world() as folders:
        yield folders


@pytest.fixture(scope="module")
def dockerd() -> Iterator[Dockerd]:
    with docker_world(live_restore=True) as daemon:
        yield daemon


REAL = [pytest.param(kind, marks=pytest.mark.integration) for kind in ("podman", "docker")]


@pytest.fixture(params=["fake", *REAL])
def rig(request: pytest.FixtureRequest, image: TinyImage) -> Iterator[Rig]:
    yield from made(request, image)


@pytest.fixture(params=REAL)
def real_rig(request: pytest.FixtureRequest, image: TinyImage) -> Iterator[Rig]:
    yield from made(request, image)


def made(request: pytest.FixtureRequest, image: TinyImage) -> Iterator[Rig]:
    one: Rig
    match request.param:
        case "fake":
            fake = FakeEngine()
            fake.know_archive(image.archive, image.id)
            one = FakeRig(fake)
        case "podman":
            one = PodmanRig.make(request.getfixturevalue("podman_folders"))
        case _:
            one = DockerRig.make(request.getfixturevalue("dockerd"))
    with cleared(one):
        one.engine.load(image.stream())
        yield one


def spec_of(image: TinyImage, name: str = "one", command: tuple[str, ...] = SLEEP) -> ContainerSpec:
    return ContainerSpec(
        name=name, image=Digest(image.id), command=command, labels=(), uid=100, gid=101, network=None,
        memory_bytes=32 << 20, pids=16, nofile=512,
    )  # fmt: skip


def test_a_service_that_is_gone_is_said_and_containers_are_adopted_when_it_is_back(rig: Rig, image: TinyImage) -> None:
    rig.engine.create(spec_of(image))
    before = rig.engine.start("one")
    rig.lose()
    for call in (rig.engine.ping, rig.engine.containers, lambda: rig.engine.inspect("one")):
        with pytest.raises(EngineUnavailableError, match="engine's service"):
            call()
    rig.recover()
    assert rig.engine.inspect("one") == before
    assert rig.engine.containers() == (before,)
    assert rig.engine.images() == (image.id,)
    rig.engine.stop("one", 0.1)
    assert rig.engine.inspect("one").state is ContainerState.EXITED
    assert rig.engine.start("one").state is ContainerState.RUNNING


def test_a_service_that_hangs_is_an_error_in_time(rig: Rig, image: TinyImage) -> None:
    rig.engine.create(spec_of(image))
    before = rig.engine.start("one")
    rig.hasty.start_service()
    rig.hang()
    for call in (
        rig.hasty.ping,
        rig.hasty.containers,
        lambda: rig.hasty.inspect("one"),
        lambda: rig.hasty.create(spec_of(image, "two")),
    ):
        began = time.monotonic()
        with pytest.raises(EngineUnavailableError, match=r"did not answer within"):
            call()
        assert time.monotonic() - began < 1.5
    rig.recover()
    assert rig.engine.inspect("one") == before


def test_a_container_that_ends_while_the_service_is_away_is_seen_afterwards(real_rig: Rig, image: TinyImage) -> None:
    real_rig.engine.create(spec_of(image))
    process = Process.find(real_rig.engine.start("one").pid or 0)
    assert process is not None
    real_rig.lose()
    process.signal(9)
    assert process.wait(5)
    real_rig.recover()
    assert real_rig.engine.inspect("one").state is ContainerState.EXITED
    assert real_rig.engine.start("one").state is ContainerState.RUNNING


def test_a_followed_log_ends_with_the_service(real_rig: Rig, image: TinyImage) -> None:
    real_rig.engine.create(spec_of(image, command=TICKER))
    real_rig.engine.start("one")
    lines = real_rig.engine.logs("one", 1, follow=True)
    assert next(line for line in lines if line) == b"tick\n"
    real_rig.lose()
    began = time.monotonic()
    try:
        for _ in lines:
            assert time.monotonic() - began < 10
    except EngineError:
        pass
    real_rig.recover()
    again = real_rig.engine.logs("one", 1, follow=True)
    assert next(line for line in again if line) == b"tick\n"
    again.close()  # type: ignore[attr-defined]


def test_what_others_own_is_neither_seen_nor_touched(real_rig: Rig, image: TinyImage) -> None:
    others = real_rig.others()
    others.start_service()
    others.load(image.stream())
    others.create(spec_of(image, "theirs"))
    theirs = others.start("theirs")
    engine = real_rig.engine
    assert engine.containers() == ()
    with pytest.raises(NoSuchContainerError):
        engine.inspect("theirs")
    with pytest.raises(NoSuchContainerError):
        engine.start("theirs")
    with pytest.raises(NoSuchContainerError):
        engine.execute("theirs", ["/bin/true"], 5)
    engine.stop("theirs", 0)
    engine.kill("theirs", "SIGKILL")
    engine.remove("theirs")
    with pytest.raises(NameTakenError):
        engine.create(spec_of(image, "theirs"))
    with pytest.raises(NameTakenError):
        engine.run(spec_of(image, "theirs"), 5)
    engine.start_service()
    assert others.containers() == (theirs,)
