"""What can ail a daemon that serves, and routers on which somebody has to look after it."""

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
from supervisor.values.state import Connection
from supervisor.values.status import Progress, ServiceStatus
from tests.fakes.kernel import CLIENT
from tests.fakes.machine import Behaviour, Daemon
from tests.unit.loop.loop_samples import SERVICES, image, release
from tests.unit.loop.scenarios import Router, Scenario, configure, prepared, settle, swap

ISOLATED, ROUTER, TAKEOVER = SERVICES[:3]
OVERLAPPING = (ISOLATED, ROUTER)
MINUTE = 60.0


class Ward:
    """One service of a router, and what is done to it."""

    def __init__(self, router: Router, service: ServiceName) -> None:
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
        """The release of what is active, as the store says."""
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
        """Kind and outcome of every hand-over younger than `after`, oldest first."""
        records = self.machine.store.history(self.service, 200)
        return [(one.kind, one.outcome) for one in reversed(records) if one.id > after]

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
        """Seconds until then."""
        began = self.machine.clock.elapsed
        self.worker.run_until(is_enough, patience)
        return self.machine.clock.elapsed - began

    def behave(self, *numbers: str, **does: Any) -> None:
        """From its next start a version does this."""
        for number in numbers:
            self.machine.behaviours[image(self.service, number)] = Behaviour(**does)

    def ail(self, **does: Any) -> None:
        """What serves does this from now on, until it is started again."""
        self.daemon.behaviour = replace(Behaviour(), **does)

    def hang(self) -> None:
        self.ail(hangs_after=0.0)

    def crash(self) -> None:
        self.machine.engine.end(self.keeper.instance.container_name, 1)

    def hold_connections(self, seconds: float) -> None:
        """Whoever drains has connections for so long."""
        clock = self.machine.clock
        until = clock.elapsed + seconds
        one = Connection((CLIENT, 20_000), (CLIENT, 80), (CLIENT, 8001))
        self.machine.connections.open = (  # type: ignore[method-assign]
            lambda instance: (one,) if clock.elapsed < until else ()
        )

    def fall_back(self) -> None:
        """What serves crashes again and again, until the version before serves, at rest."""
        self.behave("2.0", ends_after=0.5)
        self.crash()
        self.until(lambda: self.runs == "1.0" and self.worker.is_settled)

    @property
    def is_well(self) -> bool:
        """Is nothing under way, and does what serves answer as it should?"""
        return self.worker.is_settled and self.daemon.behaviour == Behaviour()

    def restart_supervisor(self) -> None:
        self.router.die()
        self.router.boot()

    def configure(self, name: str) -> None:
        configure(name)(self.router, self.service)

    def asked(self, what: Callable[..., Iterator[Progress]], *arguments: Any) -> str:
        """What an operator who does not wait is told."""
        return " ".join(one.message for one in what(self.service, *arguments))

    def said(self, listener: Any) -> str:
        progress: Progress = listener.get_nowait()
        assert progress.is_final
        return progress.message


def _release_of(version: Version | None) -> str:
    return version.release if version else "nothing"


def is_held_back(patient: Ward) -> bool:
    """Does 1.0 serve in place of 2.0, and does everybody hear of it?"""
    status = patient.status
    assert (patient.runs, patient.desired, patient.previous) == ("1.0", "2.0", "1.0")
    assert (status.state, status.desired_version, status.version) == ("degraded", "2.0-1", "1.0-1")
    assert patient.worker.retry_policy.is_degraded
    return "2.0-1" in status.message


@contextmanager
def ward(service: ServiceName, *, upgraded: bool = False, has_clients: bool = False) -> Iterator[Ward]:
    """1.0 serves, 2.0 is known; `upgraded`: from 1.0 to 2.0, a minute ago. 3.0 is known as well."""
    prepare = (swap, settle) if upgraded else ()
    with prepared(Scenario("ward", service, swap, prepare)) as router:
        router.machine.engine.add_image(image(service, "3.0"))
        router.machine.store.save_release(*release("3.0", service))
        made = Ward(router, service)
        if not has_clients:
            router.machine.send_clients_away()
            router.machine.connections.flows.clear()
        made.wait(MINUTE)
        yield made
        assert not router.surprises.found
