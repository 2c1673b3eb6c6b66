"""One service of a simulated router: what it runs, how its daemon misbehaves, what operators ask of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from supervisor.decisions.status import service_status
from supervisor.loop.care.keeper import Keeper
from supervisor.loop.supervision.queries import facts_of
from supervisor.values.names import ServiceName
from supervisor.values.release import Version
from supervisor.values.status import Progress, ServiceStatus
from supervisor.values.traffic import Connection
from tests.kit.fakes.kernel import CLIENT
from tests.kit.simulation.machine import Behaviour, Daemon
from tests.kit.simulation.router import SimulatedRouter
from tests.kit.simulation.samples import SERVICES, image, release
from tests.kit.simulation.scenarios import Scenario, configure, prepared, settle, swap

ISOLATED, ROUTER, TAKEOVER = SERVICES[:3]
OVERLAPPING = (ISOLATED, ROUTER)
MINUTE = 60.0


class SimulatedService:
    """One service of a simulated router: facts about it, and what a test does to it."""

    def __init__(self, router: SimulatedRouter, service: ServiceName) -> None:
        self.router, self.machine, self.service = router, router.machine, service

    @property
    def worker(self) -> Any:
        return self.router.worker(self.service)

    @property
    def keeper(self) -> Keeper:
        keeper: Keeper = self.worker.keeper
        return keeper

    @property
    def daemon(self) -> Daemon:
        return self.machine.engine.daemons[self.keeper.instance.container_name]

    @property
    def status(self) -> ServiceStatus:
        snapshot, clock = self.worker.snapshot, self.machine.clock
        return service_status(snapshot, facts_of(snapshot, self.machine.store), clock.now() - clock.monotonic())

    @property
    def runs(self) -> str:
        """Return the release of the active instance, as the store has it."""
        active = self.worker.parts.opening.active()
        return str(active.release) if active else "nothing"

    @property
    def desired(self) -> str:
        return _release_of(self.machine.store.desired(self.service))

    @property
    def previous(self) -> str:
        return _release_of(self.machine.store.previous(self.service))

    @property
    def kills(self) -> int:
        return sum(method == "kill" and about.endswith("SIGKILL") for method, about in self.machine.engine.calls)

    @property
    def starts(self) -> int:
        return sum(method == "start" for method, _ in self.machine.engine.calls)

    def story(self, after: int = 0) -> list[tuple[str, str]]:
        """Return kind and outcome of every hand-over younger than `after`, oldest first."""
        records = self.machine.store.history(self.service, 200)
        return [(record.kind, record.outcome) for record in reversed(records) if record.id > after]

    @property
    def last(self) -> int:
        return self.machine.store.history(self.service, 1)[0].id

    # ------------------------------------------------------------ what happens

    def wait(self, seconds: float) -> None:
        clock, worker = self.machine.clock, self.worker
        end = clock.elapsed + seconds
        clock.after(seconds, lambda: worker.parts.inbox.put(lambda: None))
        worker.run_until(lambda: clock.elapsed >= end, seconds + 30.0)

    def until(self, is_enough: Callable[[], bool], patience: float = 120.0) -> float:
        """Wait until `is_enough`; return how many seconds that took."""
        began = self.machine.clock.elapsed
        self.worker.run_until(is_enough, patience)
        return self.machine.clock.elapsed - began

    def behave(self, *numbers: str, **does: Any) -> None:
        """Let versions behave like this from their next start."""
        for number in numbers:
            self.machine.behaviours[image(self.service, number)] = Behaviour(**does)

    def misbehave(self, **does: Any) -> None:
        """Let the active daemon behave like this from now on, until it is started again."""
        self.daemon.behaviour = replace(Behaviour(), **does)

    def hang(self) -> None:
        self.misbehave(hangs_after=0.0)

    def crash(self) -> None:
        self.machine.engine.end(self.keeper.instance.container_name, 1)

    def keep_connections(self, seconds: float) -> None:
        """Let any instance that drains have a connection for so many seconds."""
        clock = self.machine.clock
        until = clock.elapsed + seconds
        connection = Connection((CLIENT, 20_000), (CLIENT, 80), (CLIENT, 8001))
        for question in ("open", "unfinished"):
            self.machine.faults.around[f"connections.{question}"] = lambda real, instance: (
                (connection,) if clock.elapsed < until else ()
            )

    def fall_back(self) -> None:
        """Let the active version crash again and again, until the version before it serves, at rest."""
        self.behave("2.0", ends_after=0.5)
        self.crash()
        self.until(lambda: self.runs == "1.0" and self.worker.is_settled)

    @property
    def is_well(self) -> bool:
        """True if nothing is under way, and the active daemon behaves well."""
        return self.worker.is_settled and self.daemon.behaviour == Behaviour()

    def restart_supervisor(self) -> None:
        self.router.die()
        self.router.boot()

    def configure(self, name: str) -> None:
        configure(name)(self.router, self.service)

    def asked(self, what: Callable[..., Iterator[Progress]], *arguments: Any) -> str:
        """Make a request without waiting for its end; return the messages of its progress."""
        return " ".join(one.message for one in what(self.service, *arguments))

    def said(self, listener: Any) -> str:
        progress: Progress = listener.get_nowait()
        assert progress.is_final
        return progress.message


def _release_of(version: Version | None) -> str:
    return version.release if version else "nothing"


def is_held_back(subject: SimulatedService) -> bool:
    """True if 1.0 serves in place of 2.0, and status says so.

    Raises AssertionError: when store, status and worker disagree.
    """
    status = subject.status
    assert (subject.runs, subject.desired, subject.previous) == ("1.0", "2.0", "1.0")
    assert (status.state, status.desired_version, status.version) == ("degraded", "2.0-1", "1.0-1")
    assert subject.worker.retry_policy.is_degraded
    return "2.0-1" in status.message


@contextmanager
def simulated_service(
    service: ServiceName, *, upgraded: bool = False, has_clients: bool = False
) -> Iterator[SimulatedService]:
    """Make a router whose service runs 1.0, with 2.0 and 3.0 known; `upgraded`: 2.0 runs since a minute ago."""
    prepare = (swap, settle) if upgraded else ()
    with prepared(Scenario("care", service, swap, prepare)) as router:
        router.machine.engine.add_image(image(service, "3.0"))
        router.machine.store.save_release(*release("3.0", service))
        made = SimulatedService(router, service)
        if not has_clients:
            router.machine.send_clients_away()
            router.machine.connections.flows.clear()
        made.wait(MINUTE)
        yield made
        assert not router.unexpected_errors.messages
