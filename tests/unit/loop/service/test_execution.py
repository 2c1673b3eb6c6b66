"""A hand-over whose steps follow one another without a pause lets what serves be looked at between two of them."""

from __future__ import annotations

import pytest

from supervisor.values.names import ServiceName
from supervisor.values.state import Container, ContainerSpec, ExecResult
from tests.kit.simulation.scenarios import swap
from tests.kit.simulation.service import OVERLAPPING, simulated_service


@pytest.mark.parametrize("service", OVERLAPPING)
def test_the_end_of_what_serves_during_a_check_is_known_before_the_candidate_starts(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        engine, active = subject.machine.engine, subject.keeper.instance.container_name
        check, start = engine.run, engine.start
        known: list[tuple[str, bool]] = []

        def ends_meanwhile(spec: ContainerSpec, timeout: float) -> ExecResult:
            engine.end(active, 1)
            return check(spec, timeout)

        def is_known(name: str) -> Container:
            known.append((name, subject.keeper.is_down))
            return start(name)

        engine.run, engine.start = ends_meanwhile, is_known  # type: ignore[method-assign]
        swap(subject.router, service)
        subject.wait(20.0)
        assert known[0][1]
        assert subject.runs == "2.0"
