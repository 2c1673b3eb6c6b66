"""A supervisor that begins where something refuses: it looks after what runs, says so, and makes up for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from supervisor.decisions.retries import Policy
from supervisor.loop.releases.library import Library
from supervisor.loop.supervision.startup_tasks import StartupTasks
from supervisor.loop.supervision.supervision import Supervision
from supervisor.ports.media import Media
from supervisor.values.errors import BundleError, NetworkError, StateError
from supervisor.values.router import RouterConfig
from supervisor.values.status import Progress
from tests.kit.fakes.folders import digest
from tests.kit.fakes.media import FakeMediaWatch
from tests.kit.simulation.router import SimulatedRouter
from tests.kit.simulation.samples import CONFIGURATIONS, SERVICES
from tests.kit.simulation.scenarios import ALL, prepared
from tests.kit.simulation.supervisor import NamedConfigurations, SteppedSupervisor

SERVICE = SERVICES[0]
SCENARIO = next(scenario for scenario in ALL if scenario.service == SERVICE and scenario.name == "restart")


@pytest.fixture
def router() -> Iterator[SimulatedRouter]:
    with prepared(SCENARIO) as made:
        yield made


def awaited(is_so: Callable[[], object]) -> bool:
    for _ in range(500):
        if is_so():
            return True
        time.sleep(0.01)
    return False


class Reader(Library):
    """Reads a medium for as long as it is told to."""

    def __init__(self, life: SteppedSupervisor, error: Exception | None = None) -> None:
        super().__init__(life.world, cast(Media, None))
        self.goes_on, self.readers, self.error = threading.Event(), [0, 0], error

    def attach(self, path: str, router: RouterConfig) -> Iterator[Progress]:
        self.readers = [self.readers[0] + 1, max(self.readers[1], self.readers[0] + 1)]
        self.goes_on.wait(5.0)
        self.readers[0] -= 1
        if self.error:
            raise self.error
        yield Progress("", "imported", "", is_final=True)


def begun(router: SimulatedRouter, library: Library, media: tuple[str, ...] = ()) -> tuple[Supervision, list[str]]:
    """A supervision whose workers only exist, and which there are."""
    employed: list[str] = []

    def employ(name: str, *rest: Any) -> Any:
        employed.append(name)
        return router.supervisor.workers[SERVICE]

    intake = NamedConfigurations(CONFIGURATIONS)
    made = Supervision(router.supervisor.world, library, intake, digest, FakeMediaWatch(), cast(Any, employ))
    made.start(media, (("reload", b""),))
    return made, employed


def test_a_kernel_that_refuses_the_table_is_asked_again(router: SimulatedRouter) -> None:
    traffic, refused = router.machine.traffic, router.machine.faults.refused
    before = traffic.table
    traffic.remove()
    refused["traffic.apply"] = NetworkError("cannot load the table: refused")
    made, employed = begun(router, Reader(router.supervisor))
    assert "refused" in made.status().message
    assert employed == [SERVICE]
    refused.clear()
    assert awaited(lambda: not made.status().message)
    assert traffic.table == before


def test_a_full_disk_keeps_no_command_and_no_service_from_being_looked_after(router: SimulatedRouter) -> None:
    refused = router.machine.faults.refused
    refused["store.save_configuration"] = StateError("cannot write: disk full")
    made, employed = begun(router, Reader(router.supervisor))
    assert "disk full" in made.status().message
    assert employed == [SERVICE]
    assert made.show_config()["domain"] == "lan"  # what was kept
    refused.clear()
    assert awaited(lambda: not made.status().message)
    assert made.show_config()["domain"] == "other"


def test_nothing_waits_for_a_medium_and_one_is_read_at_a_time(router: SimulatedRouter) -> None:
    library = Reader(router.supervisor)
    made, employed = begun(router, library, ("/media/a.iso",))
    assert employed == [SERVICE]
    assert awaited(lambda: library.readers[0] == 1)
    second = threading.Thread(target=made._media_queue.take_in, args=(("/media/b.iso",),))
    second.start()
    time.sleep(0.05)
    library.goes_on.set()
    second.join(5.0)
    assert library.readers == [0, 1]


@pytest.mark.parametrize("error", [BundleError("cannot read it"), OSError("input/output error")])
def test_services_are_employed_after_a_medium_that_cannot_be_used(router: SimulatedRouter, error: Exception) -> None:
    library = Reader(router.supervisor, error)
    made, employed = begun(router, library, ("/media/a.iso",))
    made._parts.workers.by_name = {}  # as if it were the first boot
    router.machine.faults.refused["store.log_event"] = StateError("disk full")
    library.goes_on.set()
    assert awaited(lambda: employed == [SERVICE, SERVICE])
    router.unexpected_errors.messages.clear()


def test_nothing_is_made_up_for_once_the_supervisor_ends() -> None:
    closing, tried = threading.Event(), [0]

    def fail() -> None:
        tried[0] += 1
        raise StateError("disk full")

    one = StartupTasks(closing, Policy("startup-task", pause=0.01))
    one.do("something", fail)
    assert awaited(lambda: tried[0] > 2)
    assert one.message == "disk full"
    closing.set()
    time.sleep(0.05)
    so_far = tried[0]
    time.sleep(0.05)
    assert tried[0] == so_far
