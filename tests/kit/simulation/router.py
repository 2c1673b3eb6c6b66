"""A simulated machine with a supervisor on it, which may die and be followed by another one."""

from __future__ import annotations

import logging
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from supervisor.edges.render import TemplateRenderer
from supervisor.values.names import ServiceName
from supervisor.values.settings import Settings
from tests.kit.fakes.kernel import FakeExits
from tests.kit.simulation.faults import SupervisorKilled
from tests.kit.simulation.machine import SimulatedMachine
from tests.kit.simulation.samples import CONFIGURATIONS, GUARDED, OWNING, SERVICES, image, read_definition, release
from tests.kit.simulation.supervisor import SteppedSupervisor

DOWN_SECONDS = 0.45  # between the end of a supervisor and the next one
RENDERER = TemplateRenderer()
MEMORY = Path("/dev/shm")  # where every commit is synced for nothing


class SimulatedRouter:
    """A simulated machine with a supervisor on it. `boot` starts the supervisor, `die` ends it by force."""

    def __init__(self, folder: Path) -> None:
        self.machine = SimulatedMachine(folder)
        self.machine.engine.start_service()
        for service in (*SERVICES, *OWNING, *GUARDED):
            for number in ("1.0", "2.0"):
                self.machine.engine.add_image(image(service, number))
        self.settings = Settings()
        self.deaths, self.died_at = 0, 0.0
        self.unexpected_errors = UnexpectedErrors()
        self.supervisor: SteppedSupervisor

    def boot(self) -> None:
        self.supervisor = SteppedSupervisor(self.machine, self.settings, CONFIGURATIONS, RENDERER, read_definition)

    def die(self) -> None:
        """End the supervisor at once, and let time pass until the next one may start."""
        self.deaths += 1
        self.died_at = self.machine.clock.elapsed
        self.machine.exits = FakeExits()
        self.machine.faults.arm()
        self.machine.clock.advance(DOWN_SECONDS)

    def recover(self) -> None:
        """Start the supervisor and wait for rest; start it again if it dies meanwhile."""
        for _ in range(4):
            try:
                self.boot()
                self.supervisor.settle()
            except SupervisorKilled:
                self.die()
            else:
                return
        raise AssertionError("it died more often than it was told to")

    def worker(self, service: ServiceName):  # type: ignore[no-untyped-def]
        return self.supervisor.workers[service]


def bring_up(router: SimulatedRouter, *services: ServiceName, phase: float = 0.0) -> None:
    """Start the supervisor with release 1.0 in service, 2.0 known, and clients that use the services."""
    store = router.machine.store
    store.save_release(*release("1.0", *services))
    store.save_configuration("plain", ())
    router.boot()
    router.supervisor.settle()
    store.save_release(*release("2.0", *services))
    router.machine.let_clients_in(services)
    router.machine.clock.advance(1.0 + phase)


class UnexpectedErrors(logging.Handler):
    """Collects exceptions in the log: one that no test injected is an error of the loop, however well it goes on."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1]:
            trace = traceback.extract_tb(record.exc_info[2])[-1]
            self.messages.append(f"{record.exc_info[1]!r} at {trace.filename}:{trace.lineno}")


@contextmanager
def simulated_router() -> Iterator[SimulatedRouter]:
    """Make a router whose supervisor has not started; errors that it logs are collected."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        router = SimulatedRouter(Path(folder))
        log = logging.getLogger("supervisor")
        log.addHandler(router.unexpected_errors)
        try:
            yield router
        finally:
            log.removeHandler(router.unexpected_errors)
            router.machine.close()
