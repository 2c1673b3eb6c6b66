"""Media that come while the supervisor runs are taken in as those of the settings are."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from supervisor.values.errors import NoMediumError, NotABundleError
from supervisor.values.names import ServiceName
from tests.kit.fakes.media import FakeBundle
from tests.kit.simulation.router import SimulatedRouter
from tests.kit.simulation.samples import SERVICES, release
from tests.kit.simulation.scenarios import ALL, prepared
from tests.kit.simulation.supervisor import SteppedSupervisor

SERVICE = SERVICES[0]
SCENARIO = next(scenario for scenario in ALL if scenario.service == SERVICE and scenario.name == "restart")
PATH = "/media/new.iso"


@pytest.fixture
def router() -> Iterator[SimulatedRouter]:
    with prepared(SCENARIO) as made:
        yield made


def bundle(name: str) -> FakeBundle:
    found, definitions = release("2.0", SERVICE)
    return FakeBundle(replace(found, name=name), definitions)


def told(router: SimulatedRouter, name: str) -> list[str]:
    return [event.message for event in router.supervisor.supervision.events(follow=False) if event.name == name]


def releases(router: SimulatedRouter) -> list[str]:
    return [one.release for one in router.supervisor.supervision.releases()]


def test_a_medium_that_comes_is_imported_once_and_changes_nothing_that_runs(router: SimulatedRouter) -> None:
    supervisor, before = router.supervisor, releases(router)
    supervisor.media.inside[PATH] = bundle("9.0")
    supervisor.watch.offer([PATH])
    supervisor.watch.offer([PATH])
    assert releases(router) == [*before, "9.0"]
    assert supervisor.media.opened == [PATH], "the very same file is not even opened again"
    assert told(router, "imported") == [f"release 9.0 from {PATH}"]
    supervisor.settle()
    assert router.machine.outage[SERVICE] == 0


def test_a_bad_medium_is_told_and_keeps_no_other(router: SimulatedRouter) -> None:
    supervisor = router.supervisor
    supervisor.media.inside = {"/media/bad.iso": NotABundleError("/media/bad.iso", "it is torn"), PATH: bundle("9.0")}
    supervisor.watch.offer(["/media/bad.iso", PATH])
    (message,) = told(router, "medium-refused")
    assert "/media/bad.iso" in message
    assert "it is torn" in message
    assert "9.0" in releases(router)


def test_a_medium_that_was_bad_is_looked_at_when_it_is_offered_again(router: SimulatedRouter) -> None:
    supervisor = router.supervisor
    supervisor.media.inside[PATH] = NotABundleError(PATH, "it was pulled")
    supervisor.watch.offer([PATH])
    supervisor.media.inside[PATH] = bundle("9.0")
    supervisor.watch.offer([PATH])
    assert "9.0" in releases(router)


def test_a_delta_waits_for_its_base_in_whatever_order_they_come(router: SimulatedRouter) -> None:
    media = router.supervisor.media
    media.bases = {"/media/9.0.1.iso": "9.0", "/media/9.0.2.iso": "9.0.1", "/media/a.iso": "lost"}
    names = {"/media/9.0.1.iso": "9.0.1", "/media/9.0.2.iso": "9.0.2", PATH: "9.0", "/media/a.iso": "a"}
    media.inside = {path: bundle(name) for path, name in names.items()}
    before = releases(router)
    router.supervisor.watch.offer(["/media/a.iso", "/media/9.0.2.iso", "/media/9.0.1.iso"])
    assert releases(router) == before
    assert len(told(router, "medium-refused")) == 3
    router.supervisor.watch.offer([PATH])
    assert releases(router) == [*before, "9.0", "9.0.1", "9.0.2"]
    assert len(told(router, "medium-refused")) == 3, "what still waits is not said again"


def test_an_empty_drive_is_no_error(router: SimulatedRouter, caplog: pytest.LogCaptureFixture) -> None:
    router.supervisor.media.inside["/dev/sr0"] = NoMediumError("/dev/sr0")
    with caplog.at_level(logging.DEBUG, "supervisor.loop.releases.media_queue"):
        router.supervisor.watch.offer(["/dev/sr0"])
    assert told(router, "medium-refused") == []
    assert [(record.levelno, record.message) for record in caplog.records] == [(logging.DEBUG, "drive empty")]


def two_releases_with_another_service(supervisor: SteppedSupervisor) -> ServiceName:
    other = SERVICES[1]
    made = {name: release(f"{name[0]}.0", other) for name in ("1.5", "2.5")}
    supervisor.media.inside = {
        f"/media/{name}.iso": FakeBundle(replace(one, name=name), definitions)
        for name, (one, definitions) in made.items()
    }
    return other


def test_the_oldest_release_among_what_is_there_at_start_is_followed(tmp_path: Path) -> None:
    """Whatever order they are offered in: the watch's are one batch with those of the settings."""
    router = SimulatedRouter(tmp_path)
    router.boot()
    supervisor = router.supervisor
    other = two_releases_with_another_service(supervisor)
    supervisor.supervision._media_queue.take_in(["/media/2.5.iso", "/media/1.5.iso"])
    desired = supervisor.world.store.desired(other)
    assert desired
    assert desired.release == "1.5"
    router.machine.close()


def test_a_service_that_is_new_waits_until_somebody_upgrades(router: SimulatedRouter) -> None:
    """Nothing runs differently after an import: the service is in the plan, and in no status before it is asked for."""
    supervisor = router.supervisor
    other = two_releases_with_another_service(supervisor)
    before = supervisor.supervision.status()
    supervisor.watch.offer(["/media/2.5.iso"])
    supervisor.settle_known()
    assert supervisor.world.store.desired(other) is None
    assert [service.name for service in supervisor.supervision.status().services] == [
        one.name for one in before.services
    ]
    assert supervisor.supervision.status().is_ready
    assert [(step.service, step.action) for step in supervisor.supervision.plan("2.5") if step.service == other] == [
        (other, "start")
    ]
    list(supervisor.supervision.swap(other, None, wait=False))
    supervisor.workers[other].run_until_settled()
    wanted = supervisor.world.store.desired(other)
    assert wanted
    assert wanted.release == "2.5"
    assert other in [one.name for one in supervisor.supervision.status().services]


def test_the_watch_ends_with_the_supervisor_and_so_does_an_import(router: SimulatedRouter) -> None:
    supervisor, before = router.supervisor, releases(router)
    supervisor.media.inside[PATH] = bundle("9.0")
    supervisor.supervision.close()
    assert supervisor.watch.is_closed
    supervisor.watch.offer([PATH])
    assert (releases(router), supervisor.media.opened) == (before, [PATH])
