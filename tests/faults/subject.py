"""The router that a campaign makes suffer: a whole lab whose daemon has armed fault points."""

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
from lab.router import PROGRAM, Router
from lab.tools import LabError
from lab.topology import Lab
from supervisor.surface.api.client import RemoteControl
from supervisor.values.errors import SupervisorError
from supervisor.values.handover import Step
from supervisor.values.status import HandoverRecord, Progress, ServiceStatus
from tests.faults.daemon import FAULT_FILE
from tests.faults.points import Fault, arm

PATIENCE = 30.0  # until something that must happen has happened


@dataclass(frozen=True, slots=True)
class FaultyRouter(Router):
    """The lab's router with the campaign's daemon in place of the shipped program."""

    def start(self, **overrides: object) -> None:
        self._write_settings(overrides)
        argv = [sys.executable, "-m", "tests.faults.daemon", str(self.settings)]
        self.processes.start(PROGRAM, argv, namespace=self.lab.router, env=python_path())


class Subject:
    def __init__(self, router: FaultyRouter) -> None:
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
        """Put a request and hear the answer out; the supervisor may die while it answers, or refuse it."""
        with contextlib.suppress(SupervisorError):
            self.demand(question)

    def demand(self, question: Callable[[RemoteControl], Iterable[Progress] | None]) -> None:
        """The same; SupervisorError says why it cannot be."""
        with self._control() as control:
            for _ in question(control) or ():
                pass

    def status(self, name: str) -> ServiceStatus:
        with self._control() as control:
            return next(one for one in control.status().services if one.name == name)

    def history(self, name: str, limit: int = 50) -> tuple[HandoverRecord, ...]:
        with self._control() as control:
            return control.history(name, limit)

    def pin(self, name: str, *, is_pinned: bool) -> None:
        with self._control() as control:
            (control.pin if is_pinned else control.unpin)(name)

    def version_in(self, release: str, name: str) -> str:
        return self._version_in(release, name)

    def other_version(self, name: str) -> str:
        now = self.status(name).version
        versions = [self.version_in(release, name) for release in (session.OLDER, session.NEWER)]
        return versions[0] if now == versions[1] else versions[1]

    def is_at_rest(self) -> bool:
        """All services are ready, no hand-over is under way, nothing drains."""
        try:
            with self._control() as control:
                services = control.status().services
        except SupervisorError:
            return False
        return len(services) == len(session.SERVICES) and all(
            one.is_ready and one.handover is None and not one.draining for one in services
        )

    def await_rest(self, limit: float = PATIENCE) -> float:
        return self.until("the router comes to rest", self.is_at_rest, limit)

    def await_step(self, name: str, step: Step) -> None:
        def is_there() -> bool:
            handover = self.status(name).handover
            return handover is not None and handover.phase == step

        self.until(f"{name} comes to {step}", is_there, step=0.01)

    def until(self, what: str, holds: Callable[[], bool], limit: float = PATIENCE, step: float = 0.05) -> float:
        """Wait until `holds`; return how long that took."""
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
            for bundle in control.bundles():
                if bundle.release == release:
                    return next(one.version for one in bundle.services if one.name == name)
        raise LabError(f"cannot find release {release}: it is not imported")


@contextlib.contextmanager
def suffering(prefix: str, **overrides: object) -> Iterator[Subject]:
    """Bring a lab of its own up; remove every trace of it whatever happens."""
    router = FaultyRouter(Lab(f"{prefix}-{os.getpid()}"))
    try:
        session.bring_up(router, "cloudstack", say=lambda _: None, **overrides)
        yield Subject(router)
    finally:
        try:
            router.stop()
        finally:
            network.down(router.lab)
