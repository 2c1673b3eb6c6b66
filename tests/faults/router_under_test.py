"""The router under test of the fault campaign: a whole lab whose daemon has fault points to arm."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from lab import network, session
from lab.backends import python_path
from lab.processes import Record
from lab.router import NEWER, OLDER, PROGRAM, Router
from lab.service import ServiceUnderTest
from lab.services import SERVICES
from lab.tools import LabError
from lab.topology import Lab
from supervisor.surface.api.client import RemoteControl
from supervisor.values.ceiling import ROUTER
from supervisor.values.errors import SupervisorError
from supervisor.values.handover import Step
from supervisor.values.status import HandoverRecord, Progress, ServiceStatus
from tests.faults.daemon import FAULT_FILE
from tests.faults.injection import Fault, arm

PATIENCE = 30.0  # until something that must happen has happened


@dataclass(frozen=True, slots=True)
class InstrumentedRouter(Router):
    """The lab's router with the campaign's daemon in place of the shipped program."""

    def start(self, **overrides: object) -> None:
        self._write_settings(overrides)
        argv = [sys.executable, "-m", "tests.faults.daemon", str(self.settings)]
        self.processes.start(PROGRAM, argv, namespace=self.lab.router, env=python_path())


class RouterUnderTest:
    """A running router, asked over its API and disturbed from outside (`sut`: the system under test)."""

    def __init__(self, router: InstrumentedRouter) -> None:
        self.router = router
        self._version_in = cache(self._read_version_in)

    # ------------------------------------------------------------ life

    @property
    def daemon(self) -> Record:
        record = self.router.processes.find(PROGRAM)
        assert record is not None
        return record

    def arm(self, fault: Fault) -> None:
        arm(self.router.settings.with_name(FAULT_FILE), fault)

    @property
    def is_armed(self) -> bool:
        return self.router.settings.with_name(FAULT_FILE).exists()

    def disarm(self) -> None:
        self.router.settings.with_name(FAULT_FILE).unlink(missing_ok=True)

    def await_death(self) -> None:
        record = self.daemon
        self.until("the supervisor dies", lambda: not record.is_alive, step=0.005)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(record.pid, 0)

    # ------------------------------------------------------------ asking

    def ask(self, question: Callable[[RemoteControl], Iterable[Progress] | None]) -> None:
        """Make a request and read the answer to its end; the supervisor may die while it answers, or refuse it."""
        with contextlib.suppress(SupervisorError):
            self.demand(question)

    def demand(self, question: Callable[[RemoteControl], Iterable[Progress] | None]) -> None:
        """Make a request and read the answer to its end.

        Raises SupervisorError: when it is refused or fails.
        """
        with self._control() as control:
            for _ in question(control) or ():
                pass

    def status(self, name: str) -> ServiceStatus:
        with self._control() as control:
            return next(service for service in control.status().services if service.name == name)

    def history(self, name: str, limit: int = 50) -> tuple[HandoverRecord, ...]:
        with self._control() as control:
            return control.history(name, limit)

    def pin(self, name: str, *, is_pinned: bool) -> None:
        with self._control() as control:
            (control.pin if is_pinned else control.unpin)(name)

    def await_recovery(self, service: ServiceUnderTest, margin: float = 0.0) -> None:
        """Wait until a service has brought about with others what it shall; `margin` is added to its own limit."""
        recovery = service.recovery
        if recovery is not None:
            self.until(recovery.what, lambda: recovery.holds(self.router), recovery.seconds + margin)

    def version_in(self, release: str, name: str) -> str:
        return self._version_in(release, name)

    def other_version(self, name: str) -> str:
        now = self.status(name).version
        versions = [self.version_in(release, name) for release in (OLDER, NEWER)]
        return versions[0] if now == versions[1] else versions[1]

    def is_at_rest(self) -> bool:
        """True if all services are ready, no hand-over is under way and nothing drains."""
        try:
            with self._control() as control:
                services = control.status().services
        except SupervisorError:
            return False
        return len(services) == len(SERVICES) and all(
            service.is_ready and service.handover is None and not service.draining for service in services
        )

    def await_rest(self, limit: float = PATIENCE) -> float:
        return self.until("the router comes to rest", self.is_at_rest, limit)

    def await_step(self, name: str, step: Step) -> None:
        def is_there() -> bool:
            handover = self.status(name).handover
            return handover is not None and handover.phase == step

        self.until(f"{name} comes to {step}", is_there, step=0.01)

    def until(self, what: str, holds: Callable[[], bool], limit: float = PATIENCE, step: float = 0.05) -> float:
        """Wait until `holds`; return how many seconds that took.

        Raises AssertionError: when it does not within `limit` seconds.
        """
        began = time.monotonic()
        while time.monotonic() - began < limit:
            if holds():
                return time.monotonic() - began
            time.sleep(step)
        raise AssertionError(f"not within {limit:g} s: {what}; status {self.router.status()}")

    @contextlib.contextmanager
    def _control(self) -> Iterator[RemoteControl]:
        with contextlib.closing(RemoteControl.on_socket(str(self.router.socket), 20.0)) as control:
            yield control

    def _read_version_in(self, release: str, name: str) -> str:
        with self._control() as control:
            for bundle in control.releases():
                if bundle.release == release:
                    return next(service.version for service in bundle.services if service.name == name)
        raise LabError(f"cannot find release {release}: it is not imported")


@contextlib.contextmanager
def router_under_test(prefix: str, **overrides: object) -> Iterator[RouterUnderTest]:
    """Bring a lab of its own up; remove every trace of it whatever happens."""
    router = InstrumentedRouter(Lab(f"{prefix}-{os.getpid()}"))
    settings = {"ceiling": {"router": {"capabilities": [*ROUTER.capabilities, "KILL"]}}} | overrides  # for the wrapper
    try:
        session.bring_up(router, "cloudstack", say=lambda _: None, **settings)
        yield RouterUnderTest(router)
    finally:
        try:
            router.stop()
        finally:
            network.down(router.lab)
