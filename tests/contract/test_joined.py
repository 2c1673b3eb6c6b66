"""Two engines as one: on engines in memory for what may happen, and on the real two for what they say of one image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from supervisor.edges.engine import make_engine
from supervisor.edges.engine.joined import JoinedEngine
from supervisor.ports.engine import Engine
from supervisor.surface.assembly import engine_of
from supervisor.values.errors import (
    EngineDownError,
    EngineError,
    EngineUnavailableError,
    NameTakenError,
    NoSuchContainerError,
    NoSuchImageError,
)
from supervisor.values.names import Digest
from supervisor.values.settings import Settings
from supervisor.values.state import ContainerSpec, ContainerState
from tests.kit.fakes.engine import FakeEngine
from tests.kit.live.docker import docker_world
from tests.kit.live.podman import podman_world
from tests.kit.live.tiny_image import build

ARCHIVE = b"an image"
SPEC = ContainerSpec(
    name="one",
    image=Digest("sha256:" + "0" * 64),
    command=("/bin/sleep", "1000"),
    labels=(),
    uid=0,
    gid=0,
    network=None,
    memory_bytes=64 << 20,
    pids=32,
    nofile=1024,
)


@dataclass
class Router:
    """Two engines in memory. `start` is what a supervisor that comes back makes of the record."""

    engines: dict[str, FakeEngine] = field(default_factory=dict)
    recorded: tuple[str, str | None] = ("podman", None)

    def __post_init__(self) -> None:
        for name in ("podman", "docker"):
            self.engines[name] = FakeEngine()
            self.engines[name].name = name

    def start(self) -> JoinedEngine:
        joined = JoinedEngine(self.engines.__getitem__, *self.recorded, self._record)
        joined.start_service()
        return joined

    def _record(self, kind: str, left: str | None) -> None:
        self.recorded = (kind, left)


@pytest.fixture
def router() -> Router:
    return Router()


@pytest.fixture
def spec(router: Router) -> ContainerSpec:
    """A container `one` of Podman that runs."""
    joined = router.start()
    made = replace(SPEC, image=joined.load([ARCHIVE]))
    joined.create(made)
    joined.start("one")
    return made


def test_with_one_engine_it_only_passes_calls_on(router: Router, spec: ContainerSpec) -> None:
    joined = router.start()
    assert (joined.name, joined.leaving, joined.left_behind()) == ("podman", None, ())
    assert [container.name for container in joined.containers()] == ["one"]
    assert router.engines["docker"].calls == []


def test_new_containers_are_made_by_the_engine_moved_to_and_old_ones_stay(router: Router, spec: ContainerSpec) -> None:
    joined = router.start()
    joined.move_to("docker")
    assert (joined.name, joined.leaving, router.recorded) == ("docker", "podman", ("docker", "podman"))

    joined.create(replace(spec, name="two"))

    assert [container.name for container in router.engines["docker"].containers()] == ["two"]
    assert [one.name for one in joined.left_behind()] == ["one"]
    assert [one.name for one in joined.containers()] == ["one", "two"]
    joined.start("two")
    joined.kill("one", "SIGKILL")
    assert joined.inspect("one").state is ContainerState.EXITED
    assert joined.inspect("two").state is ContainerState.RUNNING
    assert joined.start("one").state is ContainerState.RUNNING
    assert joined.execute("one", ["/bin/true"], 1).exit_code == 0
    assert joined.usage("one").memory_limit == spec.memory_bytes
    joined.pause("one")
    assert joined.inspect("one").state is ContainerState.PAUSED
    joined.unpause("one")
    assert joined.inspect("one").state is ContainerState.RUNNING
    joined.stop("one", 1)
    joined.remove("one")
    assert joined.left_behind() == ()


def test_a_name_is_taken_whoever_has_it(router: Router, spec: ContainerSpec) -> None:
    joined = router.start()
    joined.move_to("docker")
    with pytest.raises(NameTakenError):
        joined.create(spec)
    with pytest.raises(NoSuchContainerError):
        joined.inspect("two")
    joined.remove("two")
    joined.kill("two", "SIGKILL")
    joined.stop("two", 1)


def test_an_image_that_was_not_carried_over_is_when_it_is_needed(router: Router, spec: ContainerSpec) -> None:
    joined = router.start()
    joined.move_to("docker")
    assert joined.images() == (spec.image,)
    joined.create(replace(spec, name="two"))
    assert router.engines["docker"].images() == (spec.image,)
    with pytest.raises(NoSuchImageError):
        joined.create(replace(SPEC, name="three"))


def test_images_are_carried_once(router: Router, spec: ContainerSpec) -> None:
    joined = router.start()
    joined.move_to("docker")
    assert list(joined.carry_images()) == [(0, 1)]
    assert list(joined.carry_images()) == []


def test_an_engine_that_makes_another_image_of_it_is_found_out(router: Router, spec: ContainerSpec) -> None:
    joined = router.start()
    router.engines["docker"].know_archive(ARCHIVE, "sha256:" + "f" * 64)
    joined.move_to("docker")
    with pytest.raises(EngineError, match="from podman to docker: there it became"):
        list(joined.carry_images())


def test_it_leaves_an_engine_that_is_empty_and_no_other(router: Router, spec: ContainerSpec) -> None:
    joined = router.start()
    joined.move_to("docker")
    with pytest.raises(EngineError, match="cannot leave podman: it still has one"):
        joined.leave()
    joined.remove("one")
    list(joined.carry_images())

    joined.leave()

    podman = router.engines["podman"]
    assert not podman.is_running
    podman.start_service()
    assert podman.images() == ()
    assert (joined.leaving, router.recorded) == (None, ("docker", None))
    assert joined.images() == (spec.image,)


def test_an_image_that_only_the_engine_left_has_is_carried_before_it_is_removed(router: Router) -> None:
    """As one that was being imported when the move began, or one that a carry which failed did not come to."""
    joined = router.start()
    image = joined.load([ARCHIVE])
    joined.move_to("docker")
    joined.leave()
    assert (joined.leaving, joined.images()) == (None, (image,))


def test_an_engine_whose_images_cannot_be_carried_over_is_not_left(router: Router, spec: ContainerSpec) -> None:
    joined = router.start()
    joined.move_to("docker")
    joined.remove("one")
    router.engines["docker"].fail("load", EngineError("cannot load an image: no space"))
    with pytest.raises(EngineError, match="no space"):
        joined.leave()
    assert (joined.leaving, router.engines["podman"].images()) == ("podman", (spec.image,))


def test_an_image_that_somebody_else_uses_keeps_nobody_from_leaving(router: Router, spec: ContainerSpec) -> None:
    joined = router.start()
    joined.move_to("docker")
    joined.remove("one")
    router.engines["podman"].fail("remove_image", EngineError("cannot remove image: a container uses it"))
    joined.leave()
    assert (joined.leaving, router.recorded) == (None, ("docker", None))


def test_an_engine_that_is_being_ended_is_started_by_nobody(router: Router) -> None:
    joined = router.start()
    joined.move_to("docker")
    podman = router.engines["podman"]
    podman.while_it_ends = joined.start_service  # as a worker does whose own engine does not answer
    joined.leave()
    assert not podman.is_running


def test_one_that_does_not_end_is_not_left(router: Router) -> None:
    joined = router.start()
    joined.move_to("docker")
    router.engines["podman"].fail("stop_service", EngineError("cannot end it"))
    with pytest.raises(EngineError, match="cannot end it"):
        joined.leave()
    assert (joined.leaving, router.recorded) == ("podman", ("docker", "podman"))


def test_nothing_is_recorded_of_an_engine_that_never_answered(router: Router) -> None:
    router.recorded = ("podman", "nothing yet")
    router.engines["podman"].fail("start_service", EngineUnavailableError("cannot use it"))
    joined = JoinedEngine(router.engines.__getitem__, "podman", None, router._record)
    with pytest.raises(EngineUnavailableError):
        joined.start_service()
    assert router.recorded == ("podman", "nothing yet")
    joined.start_service()
    recorded: tuple[str, str | None] = router.recorded
    assert recorded == ("podman", None)


def test_what_cannot_be_started_keeps_the_other_one_from_nothing(router: Router) -> None:
    router.start().move_to("docker")
    down = EngineUnavailableError("cannot use it: it is not installed")
    router.engines["podman"].is_running = router.engines["docker"].is_running = False
    router.engines["docker"].fail("start_service", down)
    with pytest.raises(EngineUnavailableError, match="not installed"):
        router.start()
    assert router.engines["podman"].is_running

    router.engines["podman"].fail("start_service", down)
    with pytest.raises(EngineDownError, match=r"cannot go on moving to docker: .* not installed"):  # is waited for
        router.start()
    assert router.engines["docker"].is_running


def test_a_router_does_not_move_away_from_an_engine_that_does_not_answer(router: Router, spec: ContainerSpec) -> None:
    joined = router.start()
    router.engines["podman"].lose_service()
    with pytest.raises(EngineUnavailableError):
        joined.move_to("docker")
    assert (joined.leaving, router.recorded) == (None, ("podman", None))


def test_a_move_is_turned_round_although_the_new_engine_does_not_answer(router: Router, spec: ContainerSpec) -> None:
    joined = router.start()
    joined.move_to("docker")
    assert (joined.arrived(), [one.name for one in joined.left_behind()]) == ((), ["one"])
    router.engines["docker"].lose_service()
    joined.move_to("podman")
    assert (joined.name, joined.leaving) == ("podman", "docker")


def test_a_move_may_be_turned_round(router: Router, spec: ContainerSpec) -> None:
    joined = router.start()
    joined.move_to("docker")
    joined.create(replace(spec, name="two"))
    joined.move_to("podman")
    assert router.recorded == ("podman", "docker")
    assert [one.name for one in joined.left_behind()] == ["two"]


def test_a_supervisor_that_comes_back_finds_the_containers_of_both(router: Router, spec: ContainerSpec) -> None:
    before = router.start()
    before.move_to("docker")
    before.create(replace(spec, name="two"))

    joined = router.start()

    assert [container.name for container in joined.containers()] == ["one", "two"]
    assert [one.name for one in joined.left_behind()] == ["one"]
    joined.move_to("docker")
    assert router.recorded == ("docker", "podman")


def test_an_engine_that_cannot_be_used_changes_nothing(router: Router, spec: ContainerSpec) -> None:
    joined = router.start()
    router.engines["docker"].fail("start_service", EngineUnavailableError("cannot reach Docker"))
    with pytest.raises(EngineUnavailableError):
        joined.move_to("docker")
    assert (joined.name, joined.leaving, router.recorded) == ("podman", None, ("podman", None))


def test_what_is_with_one_engine_does_not_suffer_when_the_other_is_down(router: Router, spec: ContainerSpec) -> None:
    joined = router.start()
    joined.move_to("docker")
    router.engines["docker"].lose_service()
    assert joined.inspect("one").state is ContainerState.RUNNING
    joined.kill("one", "SIGKILL")
    joined.start("one")
    with pytest.raises(EngineUnavailableError):
        joined.inspect("two")  # nobody knows
    with pytest.raises(EngineUnavailableError):
        joined.containers()
    joined.start_service()
    assert [container.name for container in joined.containers()] == ["one"]


@pytest.fixture(scope="module")
def real() -> Iterator[Callable[[str], Engine]]:
    with podman_world() as folders, docker_world() as daemon:
        yield lambda kind: make_engine(kind, *folders, socket=daemon.socket)


@pytest.mark.integration
@pytest.mark.parametrize(("there", "back"), [("podman", "docker"), ("docker", "podman")])
def test_real_engines_agree_about_an_image(real: Callable[[str], Engine], there: str, back: str) -> None:
    image = build(there)
    recorded: list[tuple[str, str | None]] = []
    joined = JoinedEngine(real, there, None, lambda kind, left: recorded.append((kind, left)))
    try:
        joined.start_service()
        assert joined.load(image.stream()) == image.id
        for kind in (back, there, back):
            joined.move_to(kind)
            list(joined.carry_images())
            joined.leave()
            assert joined.images() == (image.id,)
            result = joined.run(replace(SPEC, image=Digest(image.id), command=("/bin/echo", kind)), 20)
            assert (result.exit_code, result.stdout) == (0, f"{kind}\n".encode())
        assert recorded[-1] == (back, None)
    finally:
        joined.close()
        for kind in (there, back):
            engine = real(kind)
            engine.start_service()
            for one in engine.images():
                engine.remove_image(one)
            engine.close()


def test_the_folders_of_a_router_say_where_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "engine").write_text("docker\npodman\n")
    settings = Settings(state_dir=tmp_path, runtime_dir=tmp_path, engine_socket=tmp_path / "no.sock")
    joined = engine_of(settings)
    assert (joined.name, joined.leaving) == ("docker", "podman")
    joined.close()
