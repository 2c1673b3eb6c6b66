"""A supervisor that takes its services along, at any moment of a hand-over: nothing that they stored is lost."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from tests.kit.simulation.invariants import violations
from tests.kit.simulation.kill_points import without_lost_leases
from tests.kit.simulation.machine import Behaviour
from tests.kit.simulation.router import SimulatedRouter
from tests.kit.simulation.samples import image
from tests.kit.simulation.scenarios import ALL, Scenario, prepared
from tests.kit.simulation.supervisor import SteppedWorker
from tests.unit.loop.conftest import Sample

UNABLE_SECONDS = 3.0


def turns(scenario: Scenario) -> int:
    """How often the worker looks for requests until all is done."""
    with prepared(scenario) as router:
        scenario.act(router, scenario.service)
        worker, seen = router.worker(scenario.service), itertools.count()
        worker.run_until(lambda: next(seen) < 0 or worker.is_settled)
        return next(seen)


def after(number: int, worker: SteppedWorker) -> Callable[[], bool]:
    seen = itertools.count()
    return lambda: next(seen) >= number or worker.is_settled


def stop_and_start(router: SimulatedRouter, scenario: Scenario) -> None:
    """Services end with the supervisor. The next one cannot start them at once; then clients come back."""
    router.machine.send_clients_away()
    router.supervisor.supervision.stop_services()
    assert router.machine.engine.containers() == ()
    assert not router.machine.links.namespaces
    assert not router.machine.folders.configs
    router.machine.associations.established = []  # a daemon that ends in order deletes them
    for number in ("1.0", "2.0"):
        router.machine.behaviours[image(scenario.service, number)] = Behaviour(can_start=False)
    router.machine.clock.after(UNABLE_SECONDS, router.machine.behaviours.clear)
    router.recover()
    router.machine.clock.advance(1.0)
    router.machine.let_clients_in([scenario.service])


@pytest.mark.parametrize("scenario", ALL, ids=str)
def test_stopped_at_any_moment_the_next_start_has_all_that_was_stored(scenario: Scenario, sample: Sample) -> None:
    wrong = {}
    for number in sample(range(turns(scenario)), f"stops in {scenario}", 8):
        with prepared(scenario) as router:
            scenario.act(router, scenario.service)
            worker = router.worker(scenario.service)
            worker.run_until(after(number, worker))
            doing = worker.foreground.step if worker.foreground else [run.step for run in worker.cleanup]
            stop_and_start(router, scenario)
            found = violations(router, scenario.service)
            if scenario.name.startswith("revert"):  # a candidate that is on its way out is not asked any more
                found = without_lost_leases(found)
            if found:
                wrong[f"turn {number}, {doing}"] = found
    assert not wrong
