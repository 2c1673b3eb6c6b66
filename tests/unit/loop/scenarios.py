"""What is done to a service while faults happen, and the machine it is done on."""

from __future__ import annotations

import logging
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from supervisor.edges.render import TemplateRenderer
from supervisor.values.names import ServiceName
from supervisor.values.settings import Settings
from tests.fakes.faults import Died
from tests.fakes.kernel import FakeExits
from tests.fakes.machine import Machine
from tests.fakes.stepped import Life
from tests.unit.loop.loop_samples import CONFIGURATIONS, OWNING, SERVICES, image, read_definition, release, version

DOWN_SECONDS = 0.45  # between the end of a supervisor and the next one
RENDERER = TemplateRenderer()
MEMORY = Path("/dev/shm")  # where every commit is synced for nothing


@dataclass(frozen=True, slots=True)
class Scenario:
    """`prepare` happens without faults, `act` with them."""

    name: str
    service: ServiceName
    act: Callable[[Router, ServiceName], None]
    prepare: tuple[Callable[[Router, ServiceName], None], ...] = ()
    versions: tuple[str, str] = ("1.0", "2.0")  # before, after

    def __str__(self) -> str:
        return f"{self.service}-{self.name}"


class Router:
    """A machine with a supervisor on it."""

    def __init__(self, folder: Path) -> None:
        self.machine = Machine(folder)
        self.machine.engine.start_service()
        for service in (*SERVICES, *OWNING):
            for number in ("1.0", "2.0"):
                self.machine.engine.add_image(image(service, number))
        self.deaths, self.died_at = 0, 0.0
        self.surprises = Surprises()
        self.life: Life

    def boot(self) -> None:
        self.life = Life(self.machine, Settings(), CONFIGURATIONS, RENDERER, read_definition)

    def die(self) -> None:
        """The supervisor is gone; time passes until the next one."""
        self.deaths += 1
        self.died_at = self.machine.clock.elapsed
        self.machine.exits = FakeExits()
        self.machine.fate.begin()
        self.machine.clock.advance(DOWN_SECONDS)

    def recover(self) -> None:
        """Boot and settle, however often it dies meanwhile."""
        for _ in range(4):
            try:
                self.boot()
                self.life.settle()
            except Died:
                self.die()
            else:
                return
        raise AssertionError("it died more often than it was told to")

    def worker(self, service: ServiceName):  # type: ignore[no-untyped-def]
        return self.life.workers[service]


def bring_up(router: Router, *services: ServiceName, phase: float = 0.0) -> None:
    """Release 1.0 runs, 2.0 is known, clients are there."""
    store = router.machine.store
    store.save_release(*release("1.0", *services))
    store.save_configuration("plain", ())
    router.boot()
    router.life.settle()
    store.save_release(*release("2.0", *services))
    router.machine.let_clients_in(services)
    router.machine.clock.advance(1.0 + phase)


def swap(router: Router, service: ServiceName) -> None:
    list(router.life.supervision.swap(service, "2.0", wait=False))


def upgrade(router: Router, service: ServiceName) -> None:
    from supervisor.values.handover import Kind  # noqa: PLC0415

    router.worker(service).begin(Kind.UPGRADE, version(service, "2.0"))


def rollback(router: Router, service: ServiceName) -> None:
    list(router.life.supervision.rollback(service, wait=False))


def restart(router: Router, service: ServiceName) -> None:
    list(router.life.supervision.restart(service, wait=False))


def settle(router: Router, service: ServiceName) -> None:
    router.worker(service).run_until_settled()


def until_soak(router: Router, service: ServiceName) -> None:
    worker = router.worker(service)
    worker.run_until(lambda: worker.soaks)
    router.machine.clock.advance(0.7)


def configure(name: str) -> Callable[[Router, ServiceName], None]:
    def apply(router: Router, service: ServiceName) -> None:
        list(router.life.supervision.apply_config(((name, b""),), wait=False))

    return apply


def until_live(router: Router, service: ServiceName) -> None:
    """What was configured serves, and soaks or does not have to."""
    worker, supervision = router.worker(service), router.life.supervision

    def is_live() -> bool:
        is_idle = not worker.parts.agenda.is_dirty and (worker.foreground is None or worker.soaks)
        return is_idle and worker.parts.agenda.router is supervision._parts.configuration.router

    worker.run_until(is_live)


def scenarios() -> Iterator[Scenario]:
    for service in SERVICES:
        yield Scenario("swap", service, swap)
        yield Scenario("upgrade", service, upgrade)
        yield Scenario("rollback", service, rollback, (swap, settle), ("2.0", "1.0"))
        yield Scenario("configure", service, configure("instance"), versions=("1.0", "1.0"))
        yield Scenario("reload", service, configure("reload"), versions=("1.0", "1.0"))
        yield Scenario("restart", service, restart, versions=("1.0", "1.0"))
        yield Scenario("revert", service, rollback, (swap, until_soak), ("1.0", "1.0"))
        yield from overtaking(service)


def overtaking(service: ServiceName) -> Iterator[Scenario]:
    """A configuration comes while something soaks."""
    soaks = (swap, until_soak)
    yield Scenario("configure-in-soak", service, configure("instance"), soaks)
    yield Scenario("reload-in-soak", service, configure("reload"), soaks)
    for name in ("instance", "reload"):
        prepare = (*soaks, configure(name), until_live)
        yield Scenario(f"revert-after-{name}", service, rollback, prepare, ("1.0", "1.0"))
    once = (configure("instance"), until_live)
    yield Scenario("configure-twice", service, configure("another"), once, ("1.0", "1.0"))
    yield Scenario("configure-and-swap", service, swap, once)


ALL = tuple(scenarios())


class Surprises(logging.Handler):
    """An exception that nobody made on purpose is a fault of the loop, however well it goes on."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1]:
            trace = traceback.extract_tb(record.exc_info[2])[-1]
            self.found.append(f"{record.exc_info[1]!r} at {trace.filename}:{trace.lineno}")


@contextmanager
def prepared(scenario: Scenario, phase: float = 0.0) -> Iterator[Router]:
    """A router on which the scenario can begin. `phase` moves what clients do against what the supervisor does."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        router = Router(Path(folder))
        log = logging.getLogger("supervisor")
        log.addHandler(router.surprises)
        try:
            bring_up(router, scenario.service, phase=phase)
            for step in scenario.prepare:
                step(router, scenario.service)
            router.machine.fate.begin()
            yield router
        finally:
            log.removeHandler(router.surprises)
            router.machine.close()
