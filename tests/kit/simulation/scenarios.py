"""Scenarios: what a supervisor is asked to do to a service, as values that every campaign walks through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from supervisor.values.handover import Kind
from supervisor.values.names import ServiceName
from tests.kit.simulation.router import SimulatedRouter, bring_up, simulated_router
from tests.kit.simulation.samples import SERVICES, version


@dataclass(frozen=True, slots=True)
class Scenario:
    """Something done to one service. `prepare` happens without faults, `act` with them."""

    name: str
    service: ServiceName
    act: Callable[[SimulatedRouter, ServiceName], None]
    prepare: tuple[Callable[[SimulatedRouter, ServiceName], None], ...] = ()
    versions: tuple[str, str] = ("1.0", "2.0")  # before, after

    def __str__(self) -> str:
        return f"{self.service}-{self.name}"


def swap(router: SimulatedRouter, service: ServiceName) -> None:
    list(router.supervisor.supervision.swap(service, "2.0", wait=False))


def upgrade(router: SimulatedRouter, service: ServiceName) -> None:
    router.worker(service).begin(Kind.UPGRADE, version(service, "2.0"))


def rollback(router: SimulatedRouter, service: ServiceName) -> None:
    list(router.supervisor.supervision.rollback(service, wait=False))


def restart(router: SimulatedRouter, service: ServiceName) -> None:
    list(router.supervisor.supervision.restart(service, wait=False))


def settle(router: SimulatedRouter, service: ServiceName) -> None:
    router.worker(service).run_until_settled()


def until_soak(router: SimulatedRouter, service: ServiceName) -> None:
    worker = router.worker(service)
    worker.run_until(lambda: worker.soaks)
    router.machine.clock.advance(0.7)


def configure(name: str) -> Callable[[SimulatedRouter, ServiceName], None]:
    def apply(router: SimulatedRouter, service: ServiceName) -> None:
        list(router.supervisor.supervision.apply_config(((name, b""),), wait=False))

    return apply


def until_live(router: SimulatedRouter, service: ServiceName) -> None:
    """Wait until the configuration serves: its instance soaks, or has nothing to soak for."""
    worker, supervision = router.worker(service), router.supervisor.supervision

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
        yield Scenario("move", service, configure("moved"), versions=("1.0", "1.0"))  # clients call elsewhere
        yield Scenario("restart", service, restart, versions=("1.0", "1.0"))
        yield Scenario("revert", service, rollback, (swap, until_soak), ("1.0", "1.0"))
        yield from overtaking(service)


def overtaking(service: ServiceName) -> Iterator[Scenario]:
    """Yield the scenarios in which a configuration comes during a soak."""
    soaks = (swap, until_soak)
    yield Scenario("configure-in-soak", service, configure("instance"), soaks)
    yield Scenario("reload-in-soak", service, configure("reload"), soaks)
    yield Scenario("move-in-soak", service, configure("moved"), soaks)
    for name in ("instance", "reload", "moved"):
        prepare = (*soaks, configure(name), until_live)
        yield Scenario(f"revert-after-{name}", service, rollback, prepare, ("1.0", "1.0"))
    once = (configure("instance"), until_live)
    yield Scenario("configure-twice", service, configure("another"), once, ("1.0", "1.0"))
    yield Scenario("configure-and-swap", service, swap, once)


ALL = tuple(scenarios())


@contextmanager
def prepared(scenario: Scenario, phase: float = 0.0) -> Iterator[SimulatedRouter]:
    """Make a router on which the scenario can begin. `phase` moves what clients do against what the supervisor does."""
    with simulated_router() as router:
        bring_up(router, scenario.service, phase=phase)
        for step in scenario.prepare:
            step(router, scenario.service)
        router.machine.faults.arm()
        yield router
