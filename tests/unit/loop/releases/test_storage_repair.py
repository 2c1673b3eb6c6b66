"""What the engine keeps is mended, from its release's medium or another one that is attached, verified as always."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import pytest

from supervisor.decisions.retries import Policy
from supervisor.loop.releases.library import Library
from supervisor.loop.releases.storage_repair import THOROUGH_SECONDS, StorageRepair
from supervisor.values.errors import DigestMismatchError, EngineError
from supervisor.values.names import Digest
from tests.kit.fakes.media import FakeBundle, FakeMedia
from tests.kit.simulation.router import SimulatedRouter
from tests.kit.simulation.samples import SERVICES, image, release
from tests.kit.simulation.scenarios import ALL, prepared, settle

SERVICE = SERVICES[0]
SCENARIO = next(scenario for scenario in ALL if scenario.service == SERVICE and scenario.name == "restart")
SOURCE, ANOTHER = "/media/x.iso", "/dev/sr1"  # what the releases were imported from, and another drive


@pytest.fixture
def router() -> Iterator[SimulatedRouter]:
    with prepared(SCENARIO) as made:
        yield made


@dataclass(frozen=True, slots=True)
class Whole(FakeBundle):
    """A bundle that has its images too."""

    def image_stream(self, service: str) -> Iterable[bytes]:
        return [self._image(service).encode()]

    def _image(self, service: str) -> str:
        return next(one.image for name, one in self.release.services if name == service)


class Spoilt(Whole):
    """One whose content is not what was signed."""

    def verify_all(self, report: object = None) -> None:
        raise DigestMismatchError("oci/blobs/sha256/1", "one", "two")

    def image_stream(self, service: str) -> Iterable[bytes]:
        raise DigestMismatchError("oci/blobs/sha256/1", "one", "two")


class Shop:
    """A router's mending, and the media that are there."""

    def __init__(self, router: SimulatedRouter) -> None:
        self.router, self.media, self.told = router, FakeMedia(), list[tuple[str, str]]()
        self.engine = router.machine.engine
        for number in ("1.0", "2.0"):
            self.engine.know_archive(image(SERVICE, number).encode(), image(SERVICE, number))
        world = router.supervisor.world
        library = Library(world, self.media)
        self.mending = StorageRepair(
            world,
            library,
            lambda: (ANOTHER,),
            self._tell,
            threading.Event(),
            confirmation=Policy("now", pause=0.0, attempts=2),
        )

    def _tell(self, service: str, name: str, message: str) -> None:
        self.told.append((name, message))

    def attach(self, path: str, number: str, kind: type[FakeBundle] = Whole) -> None:
        made, definitions = release(number, SERVICE)
        self.media.inside[path] = kind(made, definitions)

    def lose(self, *numbers: str) -> None:
        for number in numbers:
            self.engine._images.discard(image(SERVICE, number))

    def look(self, *, is_thorough: bool = True) -> list[str]:
        self.told.clear()
        self.mending._guarded(is_thorough=is_thorough)
        return [name for name, _ in self.told]


@pytest.fixture
def shop(router: SimulatedRouter) -> Shop:
    return Shop(router)


def held(shop: Shop) -> set[Digest]:
    return {one for one in shop.engine.images() if one in (image(SERVICE, "1.0"), image(SERVICE, "2.0"))}


def test_what_is_whole_is_left_alone(shop: Shop) -> None:
    before = list(shop.engine.images())
    assert shop.look() == []
    assert list(shop.engine.images()) == before
    assert shop.media.opened == []


def test_an_image_that_is_missing_comes_from_the_medium_of_its_release(shop: Shop) -> None:
    shop.lose("2.0")
    shop.attach(SOURCE, "2.0")
    assert shop.look() == ["image-loaded-again"]
    assert len(held(shop)) == 2
    assert shop.mending.message == ""


def test_it_comes_from_any_other_that_is_attached(shop: Shop) -> None:
    shop.lose("1.0")
    shop.attach(SOURCE, "2.0")
    shop.attach(ANOTHER, "1.0")
    assert shop.look() == ["image-loaded-again"]
    assert "of isolated 1.0-1 was missing and is loaded from /dev/sr1" in shop.told[0][1]


@pytest.mark.parametrize("is_there", [False, True], ids=["no medium", "a damaged medium"])
def test_what_no_medium_has_is_named_and_looked_for_again(shop: Shop, is_there: bool) -> None:
    shop.lose("2.0")
    if is_there:
        shop.attach(SOURCE, "2.0", Spoilt)
    assert shop.look() == ["not-mended"]
    assert shop.mending.message == "no attached medium has the images of isolated of release 2.0"
    assert shop.look() == []
    shop.attach(ANOTHER, "2.0")
    assert shop.look() == ["image-loaded-again"]
    assert shop.mending.message == ""


def test_a_damaged_storage_is_replaced_and_what_runs_goes_on(shop: Shop) -> None:
    machine = shop.router.machine
    before = [(container.name, container.pid) for container in shop.engine.containers()]
    shop.engine.damaged = "layer not known"
    shop.attach(SOURCE, "1.0")
    shop.attach(ANOTHER, "2.0")
    assert shop.look() == ["engine-storage-replaced", "image-loaded-again", "image-loaded-again"]
    assert len(held(shop)) == 2
    settle(shop.router, SERVICE)
    assert [(one.name, one.pid) for one in shop.engine.containers()] == before
    assert machine.outage[SERVICE] < 0.2


@pytest.mark.parametrize("is_there", [False, True], ids=["no medium", "a damaged medium"])
def test_a_storage_is_kept_as_long_as_nothing_can_fill_another(shop: Shop, is_there: bool) -> None:
    shop.engine.damaged = "layer not known"
    if is_there:
        shop.attach(SOURCE, "1.0", Spoilt)
    assert shop.look() == ["not-mended"]
    assert "damaged (layer not known) and no attached medium has the images of isolated" in shop.mending.message
    assert len(held(shop)) == 2
    shop.attach(ANOTHER, "1.0")
    assert "engine-storage-replaced" in shop.look()


def test_what_is_refused_once_is_no_damage(shop: Shop) -> None:
    answers = ["container one is being removed", ""]
    shop.router.machine.faults.around["engine.damage"] = lambda damage, *, is_thorough: answers.pop(0)
    assert shop.look() == []
    assert answers == []


def test_every_image_is_read_when_something_fails_but_not_all_the_time(shop: Shop) -> None:
    asked: list[bool] = []

    def noted(damage: Callable[..., str], *, is_thorough: bool) -> str:
        asked.append(is_thorough)
        return damage(is_thorough=is_thorough)

    shop.router.machine.faults.around["engine.damage"] = noted
    for _ in range(3):
        shop.look()
    assert asked == [True, False, False]
    assert shop.router.supervisor.world.shared.damage_reports.wait(0.0)
    shop.router.machine.clock.advance(THOROUGH_SECONDS)
    shop.look()
    assert asked[-1]


def test_an_engine_that_refuses_is_a_reason_to_look(router: SimulatedRouter) -> None:
    damage_reports = router.supervisor.world.shared.damage_reports
    damage_reports.wait(0.0)
    router.machine.engine.fail("create", EngineError("cannot create container: layer not known"))
    list(router.supervisor.supervision.restart(SERVICE, wait=False))
    settle(router, SERVICE)
    assert damage_reports.wait(0.0)
    assert "layer not known" in damage_reports.reason


def test_it_comes_from_a_release_of_another_name_that_has_it(shop: Shop) -> None:
    made, definitions = release("1.0", SERVICE)
    shop.lose("1.0")
    shop.media.inside[SOURCE] = Whole(replace(made, name="1.0 again"), definitions)
    assert shop.look() == ["image-loaded-again"]


def test_what_failed_for_want_of_an_image_is_tried_again_when_it_is_there(router: SimulatedRouter, shop: Shop) -> None:
    """A change of configuration is refused for five minutes otherwise."""
    shop.lose("1.0")
    list(router.supervisor.supervision.apply_config((("instance", b""),)))
    settle(router, SERVICE)
    status = router.supervisor.supervision.status().services[0]
    assert (status.state, "cannot find image" in status.message) == ("degraded", True)
    shop.attach(SOURCE, "1.0")
    assert shop.look() == ["image-loaded-again"]
    worker = router.supervisor.workers[SERVICE]
    began = router.machine.clock.elapsed
    worker.run_until(lambda: worker.is_settled and not worker.retry_policy.is_degraded)
    assert router.machine.clock.elapsed - began < 30.0
    assert router.supervisor.supervision.status().services[0].state == "running"
