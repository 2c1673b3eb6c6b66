"""A change of configuration serves at once, whatever soaks or drains; what soaks is judged as before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from supervisor.loop.handover.cleanup import MOST_ALIVE
from supervisor.values.errors import StateError
from supervisor.values.handover import Handover, Kind
from supervisor.values.names import ServiceName
from tests.kit.simulation.scenarios import configure, rollback, settle, swap, until_live, until_soak
from tests.kit.simulation.service import ISOLATED, OVERLAPPING, SimulatedService, simulated_service

each = pytest.mark.parametrize("service", OVERLAPPING)
NAMES = {"plain": b"name one\n", "instance": b"name two\n", "another": b"name three\n"}


def change(subject: SimulatedService, name: str) -> float:
    """Seconds until that configuration serves."""
    configure(name)(subject.router, subject.service)
    began = subject.machine.clock.elapsed
    until_live(subject.router, subject.service)
    assert NAMES[name] in subject.daemon.configuration
    return subject.machine.clock.elapsed - began


def alive(subject: SimulatedService) -> int:
    return len(subject.machine.engine.containers())


@each
def test_one_change_after_the_other_waits_for_no_soak(service: ServiceName) -> None:
    with simulated_service(service, has_clients=True) as subject:
        for number in range(20):
            assert change(subject, ("instance", "another")[number % 2]) < 1.0
            assert alive(subject) <= MOST_ALIVE
        settle(subject.router, service)
        assert subject.status.is_ready
        assert subject.machine.outage == {service: 0.0}


@each
def test_a_change_does_not_wait_for_the_soak_of_a_version(service: ServiceName) -> None:
    with simulated_service(service, has_clients=True) as subject:
        swap(subject.router, service)
        until_soak(subject.router, service)
        before = subject.last
        assert change(subject, "instance") < 1.0
        run = subject.worker.foreground
        assert (run.handover.id, run.handover.kind, run.step) == (before, "swap", "soak")
        settle(subject.router, service)
        assert subject.story(before - 1) == [("swap", "succeeded"), ("configure", "succeeded")]
        assert (subject.runs, subject.previous) == ("2.0", "1.0")


@each
def test_a_version_that_fails_after_a_change_gives_way_to_the_one_before_with_the_newest_configuration(
    service: ServiceName,
) -> None:
    with simulated_service(service, has_clients=True) as subject:
        swap(subject.router, service)
        until_soak(subject.router, service)
        before = subject.last
        change(subject, "instance")
        subject.hang()
        subject.until(lambda: subject.story(before - 1)[0][1] != "running")
        assert subject.story(before - 1)[0] == ("swap", "reverted")
        assert subject.runs == "1.0"
        assert NAMES["instance"] in subject.daemon.configuration
        served = [image for _, image in subject.machine.served]
        assert len(served) <= 3  # 1.0, 2.0, and 1.0 again: nobody was led to a third place in between


@each
def test_no_client_is_led_back_to_the_former_configuration(service: ServiceName) -> None:
    with simulated_service(service, has_clients=True) as subject:
        swap(subject.router, service)
        until_soak(subject.router, service)
        change(subject, "instance")
        seen: set[bytes] = set()

        def look() -> bool:
            serving = subject.machine.serving(service)
            if serving:
                seen.add(subject.machine.engine.daemons[serving.container_name].configuration)
            return bool(subject.worker.is_settled)

        rollback(subject.router, service)
        subject.until(look)
        assert subject.runs == "1.0"
        assert seen
        assert all(NAMES["instance"] in one for one in seen)


@each
def test_a_change_that_is_refused_in_a_soak_leaves_the_soak_as_it_was(service: ServiceName) -> None:
    with simulated_service(service, has_clients=True) as subject:
        swap(subject.router, service)
        until_soak(subject.router, service)
        before = subject.last
        subject.behave("2.0", refuses=NAMES["instance"])
        configure("instance")(subject.router, service)
        subject.until(lambda: subject.worker.foreground is None and not subject.worker.cleanup)
        assert subject.story(before - 1) == [("swap", "succeeded"), ("configure", "failed")]
        assert NAMES["plain"] in subject.daemon.configuration
        assert "bad line 7" in subject.status.message


@each
def test_rolled_back_while_a_change_is_on_its_way_it_goes_back_after_it(service: ServiceName) -> None:
    with simulated_service(service, has_clients=True) as subject:
        swap(subject.router, service)
        until_soak(subject.router, service)
        configure("instance")(subject.router, service)
        subject.until(lambda: subject.worker.parts.under_way.overtaken is not None)
        rollback(subject.router, service)
        settle(subject.router, service)
        assert subject.runs == "1.0"
        assert NAMES["instance"] in subject.daemon.configuration


def test_a_change_does_not_wait_for_drains_either() -> None:
    with simulated_service(ISOLATED) as subject:
        subject.keep_connections(3600.0)
        for number in range(6):
            assert change(subject, ("instance", "another")[number % 2]) < 1.0
            assert alive(subject) <= MOST_ALIVE
            subject.wait(6.0)
        events = [event.message for _, event in subject.machine.store.events(0) if event.name == "drain ended"]
        assert len(events) == 4
        assert all("gave way to a new configuration with 1 connections" in one for one in events)


@each
def test_a_swap_does_not_wait_for_the_soak_of_a_change(service: ServiceName) -> None:
    with simulated_service(service, has_clients=True) as subject:
        change(subject, "instance")
        swap(subject.router, service)
        settle(subject.router, service)
        assert subject.runs == "2.0"


@each
def test_a_change_in_place_is_noted_of_the_soak_even_if_the_memory_refuses_at_first(service: ServiceName) -> None:
    with simulated_service(service, has_clients=True) as subject:
        swap(subject.router, service)
        until_soak(subject.router, service)
        refused = list[int]()

        def refuse_once(amend: Callable[[Handover], None], handover: Handover) -> None:
            if handover.is_reconfigured and not refused:
                refused.append(handover.id)
                raise StateError("cannot write the state: no space left")
            amend(handover)

        subject.machine.faults.around["store.amend"] = refuse_once
        configure("reload")(subject.router, service)
        subject.until(lambda: bool(refused))
        subject.until(lambda: subject.worker.foreground.handover.kind is Kind.SWAP)
        assert subject.worker.foreground.handover.is_reconfigured


@each
@pytest.mark.parametrize(("name", "is_passed_on"), [("instance", True), ("reload", False)])
def test_a_supervisor_that_comes_back_knows_for_whom_a_soak_goes_on(
    service: ServiceName, name: str, is_passed_on: bool
) -> None:
    with simulated_service(service, has_clients=True) as subject:
        swap(subject.router, service)
        until_soak(subject.router, service)
        configure(name)(subject.router, service)
        subject.until(lambda: subject.worker.foreground.handover.is_reconfigured)
        assert subject.worker.foreground.is_passed_on == is_passed_on
        subject.restart_supervisor()
        subject.until(lambda: bool(subject.worker.foreground))
        run = subject.worker.foreground
        assert (run.handover.kind, run.step, run.is_passed_on) == (Kind.SWAP, "soak", is_passed_on)
