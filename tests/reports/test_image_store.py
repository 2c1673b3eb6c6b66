"""Podman's storage after a loss of power: emptied files are a known disease of it (podman#12337, #8005).

What is damaged is seen, what runs goes on and is still looked after, and a new storage takes the place of the old one.
"""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from supervisor.edges.engine.podman import PodmanEngine
from supervisor.edges.engine.processes import Process
from supervisor.values.errors import NoSuchContainerError
from supervisor.values.state import Container, ContainerSpec, ContainerState
from tests.kit.live.podman import podman_world
from tests.kit.live.tiny_image import TinyImage, build

pytestmark = pytest.mark.integration

LABELS = (("io.vr-supervisor.service", "one"), ("io.vr-supervisor.instance", '{"anything": 1}'))


@pytest.fixture(scope="module")
def image() -> TinyImage:
    return build("storage")


@pytest.fixture
def engine(image: TinyImage) -> Iterator[PodmanEngine]:
    with podman_world() as (state, runtime):
        made = PodmanEngine(state, runtime)
        made.start_service()
        made.load(image.stream())
        yield made
        made.close()


def spec(image: TinyImage, name: str) -> ContainerSpec:
    return ContainerSpec(name, image.id, ("/bin/sleep", "1000"), LABELS, 0, 0, None, 64 << 20, 32, 1024)  # type: ignore[arg-type]


def runs(engine: PodmanEngine, image: TinyImage, name: str) -> Container:
    engine.create(spec(image, name))
    return engine.start(name)


def storage(engine: PodmanEngine) -> Path:
    return engine._files.storage


def empty(*files: Path) -> None:
    assert files
    for file in files:
        file.write_bytes(b"")


def layer_files(place: Path) -> None:
    empty(*(path for path in place.glob("overlay/*/diff/**/*") if path.is_file() and not path.is_symlink()))


def layer_folder(place: Path) -> None:
    (known,) = json.loads((place / "overlay-images/images.json").read_text())
    shutil.rmtree(place / "overlay" / known["layer"])


DAMAGES: dict[str, Callable[[Path], None]] = {
    "emptied files of a layer": layer_files,
    "a layer's folder removed": layer_folder,
    "emptied list of images": lambda place: empty(place / "overlay-images/images.json"),
    "emptied list of layers": lambda place: empty(place / "overlay-layers/layers.json"),
    "emptied list of containers": lambda place: empty(place / "overlay-containers/containers.json"),
    "emptied description of an image": lambda place: empty(*(path for path in place.glob("overlay-images/*/*"))),
    "emptied database": lambda place: empty(place / "libpod/bolt_state.db"),
}
QUICK = frozenset({"emptied list of layers", "emptied database"})  # the others are part of the campaign
each = pytest.mark.parametrize(
    "harm",
    [pytest.param(DAMAGES[damage], id=damage, marks=() if damage in QUICK else pytest.mark.slow) for damage in DAMAGES],
)


@each
def test_after_a_boot_everything_can_be_made_anew(
    engine: PodmanEngine, image: TinyImage, harm: Callable[[Path], None]
) -> None:
    runs(engine, image, "one-1")
    engine.stop("one-1", 0.0)
    engine.stop_service()
    harm(storage(engine))
    engine.start_service()
    if engine.damage(is_thorough=True):
        engine.renew_storage()
        assert engine.containers() == ()
    if image.id not in engine.images():
        assert engine.load(image.stream()) == image.id
    engine.remove("one-1")
    assert runs(engine, image, "one-2").state is ContainerState.RUNNING
    assert engine.damage(is_thorough=True) == ""


@each
def test_what_runs_goes_on_while_the_storage_is_replaced(
    engine: PodmanEngine, image: TinyImage, harm: Callable[[Path], None]
) -> None:
    before = runs(engine, image, "one-1")
    old = storage(engine)
    harm(old)
    engine.renew_storage()
    assert storage(engine) != old
    (after,) = engine.containers()
    assert (after.name, after.pid, after.label("io.vr-supervisor.service")) == ("one-1", before.pid, "one")
    assert set(after.labels) <= set(before.labels)  # those of the image are of no use to anybody
    assert engine.inspect("one-1") == after == engine.start("one-1")
    assert engine.usage("one-1").pids == 1
    assert engine.load(image.stream()) == image.id
    assert runs(engine, image, "one-2").state is ContainerState.RUNNING
    engine.remove("one-1")
    assert [container.name for container in engine.containers()] == ["one-2"]
    assert before.pid
    assert Process.find(before.pid) is None
    assert not old.exists()


def test_a_command_reaches_what_runs_from_a_storage_that_was_laid_aside(engine: PodmanEngine, image: TinyImage) -> None:
    runs(engine, image, "one-1")
    engine.renew_storage()
    done = engine.execute("one-1", ["/bin/sh", "-c", "echo here; exit 3"], 5.0)
    assert (done.exit_code, done.stdout) == (3, b"here\n")


def test_what_ends_meanwhile_is_gone_and_its_name_is_free(engine: PodmanEngine, image: TinyImage) -> None:
    before = runs(engine, image, "one-1")
    engine.renew_storage()
    engine.kill("one-1", "SIGKILL")
    assert before.pid
    process = Process.find(before.pid)
    assert process is None or process.wait(5.0)
    for _ in range(100):
        if not engine.containers():
            break
    with pytest.raises(NoSuchContainerError):
        engine.inspect("one-1")
    engine.load(image.stream())
    assert runs(engine, image, "one-1").pid != before.pid


def test_the_next_supervisor_finds_what_runs_from_a_storage_that_was_laid_aside(
    engine: PodmanEngine, image: TinyImage
) -> None:
    before = runs(engine, image, "one-1")
    engine.renew_storage()
    other = PodmanEngine(engine._files.state, engine._files.runtime)
    other.start_service()
    assert [container.pid for container in other.containers()] == [before.pid]
    other.stop("one-1", 0.0)
    assert other.containers() == ()
    other.close()


def test_a_service_that_cannot_start_with_its_storage_gets_another(engine: PodmanEngine, image: TinyImage) -> None:
    before = runs(engine, image, "one-1")
    process = engine.service.process()
    assert process
    process.signal(signal.SIGKILL)
    assert process.wait(5.0)
    (storage(engine) / "libpod/bolt_state.db").write_bytes(b"\xa5" * 70_000)
    engine.start_service()
    assert [container.pid for container in engine.containers()] == [before.pid]
    assert engine.images() == ()


def test_a_container_that_runs_and_is_in_no_list_is_damage(engine: PodmanEngine, image: TinyImage) -> None:
    """The database was emptied, and the engine's service was started since: it made a new one, which knows nothing."""
    before = runs(engine, image, "one-1")
    assert engine.damage(is_thorough=False) == ""
    engine.service._end_service()
    empty(storage(engine) / "libpod/bolt_state.db")
    engine.start_service()
    assert engine.damage(is_thorough=False) == "container one-1 runs and the engine does not know it"
    engine.renew_storage()
    assert [container.pid for container in engine.containers()] == [before.pid]


@each
def test_all_of_it_can_be_removed(engine: PodmanEngine, image: TinyImage, harm: Callable[[Path], None]) -> None:
    before = runs(engine, image, "one-1")
    harm(storage(engine))
    engine.remove_everything()
    assert before.pid
    assert Process.find(before.pid) is None
    assert not engine._files.root.exists()


def test_what_is_sound_is_not_called_damaged(engine: PodmanEngine, image: TinyImage) -> None:
    runs(engine, image, "one-1")
    engine.create(replace(spec(image, "one-2"), command=("/bin/true",)))
    engine.start("one-2")
    assert engine.damage(is_thorough=True) == ""
