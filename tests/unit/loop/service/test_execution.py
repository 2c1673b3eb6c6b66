"""A hand-over whose steps follow one another without a pause lets what serves be looked at between two of them."""

from __future__ import annotations

import pytest

from supervisor.values.errors import StateError
from supervisor.values.names import ServiceName
from supervisor.values.state import Container, ContainerSpec, ExecResult
from tests.kit.simulation.faults import Check, Start
from tests.kit.simulation.scenarios import swap
from tests.kit.simulation.service import ISOLATED, OVERLAPPING, simulated_service


@pytest.mark.parametrize("service", OVERLAPPING)
def test_the_end_of_what_serves_during_a_check_is_known_before_the_candidate_starts(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        engine, active = subject.machine.engine, subject.keeper.instance.container_name
        known: list[tuple[str, bool]] = []

        def ends_meanwhile(check: Check, spec: ContainerSpec, timeout: float) -> ExecResult:
            engine.end(active, 1)
            return check(spec, timeout)

        def is_known(start: Start, name: str) -> Container:
            known.append((name, subject.keeper.is_down))
            return start(name)

        subject.machine.faults.around |= {"engine.run": ends_meanwhile, "engine.start": is_known}
        swap(subject.router, service)
        subject.wait(20.0)
        assert known[0][1]
        assert subject.runs == "2.0"


def test_a_start_that_failed_counts_once_however_long_its_outcome_cannot_be_recorded() -> None:
    with simulated_service(ISOLATED, upgraded=True) as subject:
        before, machine = subject.last, subject.machine
        subject.router.die()
        machine.reboot(keeps_containers=False)
        subject.behave("2.0", can_start=False)
        machine.faults.refused["store.log_event"] = StateError("cannot write the state: disk full")
        subject.router.boot()
        began = machine.clock.elapsed
        subject.worker.run_until(lambda: machine.clock.elapsed > began + 8.0)
        subject.behave("2.0")
        machine.faults.refused.clear()
        subject.wait(30.0)
        assert subject.story(before) == [("start", "failed"), ("start", "succeeded")]
        assert (subject.runs, subject.desired) == ("2.0", "2.0")
        events = [event.name for _, event in machine.store.events(0)]
        assert events.count("failed") == 1
