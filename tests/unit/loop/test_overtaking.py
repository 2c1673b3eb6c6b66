"""A change of configuration serves at once, whatever soaks or drains; what soaks is judged as before."""

from __future__ import annotations

import pytest

from supervisor.loop.handover.cleanup import MOST_ALIVE
from supervisor.values.errors import StateError
from supervisor.values.handover import Handover, Kind
from supervisor.values.names import ServiceName
from tests.unit.loop.ailments import ISOLATED, OVERLAPPING, Ward, ward
from tests.unit.loop.scenarios import configure, rollback, settle, swap, until_live, until_soak

each = pytest.mark.parametrize("service", OVERLAPPING)
NAMES = {"plain": b"name one\n", "instance": b"name two\n", "another": b"name three\n"}


def change(patient: Ward, name: str) -> float:
    """Seconds until that configuration serves."""
    configure(name)(patient.router, patient.service)
    began = patient.machine.clock.elapsed
    until_live(patient.router, patient.service)
    assert NAMES[name] in patient.daemon.configuration
    return patient.machine.clock.elapsed - began


def alive(patient: Ward) -> int:
    return len(patient.machine.engine.containers())


@each
def test_one_change_after_the_other_waits_for_no_soak(service: ServiceName) -> None:
    with ward(service, has_clients=True) as patient:
        for number in range(20):
            assert change(patient, ("instance", "another")[number % 2]) < 1.0
            assert alive(patient) <= MOST_ALIVE
        settle(patient.router, service)
        assert patient.status.is_ready
        assert patient.machine.outage == {service: 0.0}


@each
def test_a_change_does_not_wait_for_the_soak_of_a_version(service: ServiceName) -> None:
    with ward(service, has_clients=True) as patient:
        swap(patient.router, service)
        until_soak(patient.router, service)
        before = patient.last
        assert change(patient, "instance") < 1.0
        run = patient.worker.foreground
        assert (run.handover.id, run.handover.kind, run.step) == (before, "swap", "soak")
        settle(patient.router, service)
        assert patient.story(before - 1) == [("swap", "succeeded"), ("configure", "succeeded")]
        assert (patient.runs, patient.previous) == ("2.0", "1.0")


@each
def test_a_version_that_fails_after_a_change_gives_way_to_the_one_before_with_the_newest_configuration(
    service: ServiceName,
) -> None:
    with ward(service, has_clients=True) as patient:
        swap(patient.router, service)
        until_soak(patient.router, service)
        before = patient.last
        change(patient, "instance")
        patient.hang()
        patient.until(lambda: patient.story(before - 1)[0][1] != "running")
        assert patient.story(before - 1)[0] == ("swap", "reverted")
        assert patient.runs == "1.0"
        assert NAMES["instance"] in patient.daemon.configuration
        served = [image for _, image in patient.machine.served]
        assert len(served) <= 3  # 1.0, 2.0, and 1.0 again: nobody was led to a third place in between


@each
def test_no_client_is_led_back_to_the_former_configuration(service: ServiceName) -> None:
    with ward(service, has_clients=True) as patient:
        swap(patient.router, service)
        until_soak(patient.router, service)
        change(patient, "instance")
        seen: set[bytes] = set()

        def look() -> bool:
            serving = patient.machine.serving(service)
            if serving:
                seen.add(patient.machine.engine.daemons[serving.container_name].configuration)
            return bool(patient.worker.is_settled)

        rollback(patient.router, service)
        patient.until(look)
        assert patient.runs == "1.0"
        assert seen
        assert all(NAMES["instance"] in one for one in seen)


@each
def test_a_change_that_is_refused_in_a_soak_leaves_the_soak_as_it_was(service: ServiceName) -> None:
    with ward(service, has_clients=True) as patient:
        swap(patient.router, service)
        until_soak(patient.router, service)
        before = patient.last
        patient.behave("2.0", refuses=NAMES["instance"])
        configure("instance")(patient.router, service)
        patient.until(lambda: patient.worker.foreground is None and not patient.worker.cleanup)
        assert patient.story(before - 1) == [("swap", "succeeded"), ("configure", "failed")]
        assert NAMES["plain"] in patient.daemon.configuration
        assert "bad line 7" in patient.status.message


@each
def test_rolled_back_while_a_change_is_on_its_way_it_goes_back_after_it(service: ServiceName) -> None:
    with ward(service, has_clients=True) as patient:
        swap(patient.router, service)
        until_soak(patient.router, service)
        configure("instance")(patient.router, service)
        patient.until(lambda: patient.worker.parts.under_way.overtaken is not None)
        rollback(patient.router, service)
        settle(patient.router, service)
        assert patient.runs == "1.0"
        assert NAMES["instance"] in patient.daemon.configuration


def test_a_change_does_not_wait_for_drains_either() -> None:
    with ward(ISOLATED) as patient:
        patient.hold_connections(3600.0)
        for number in range(6):
            assert change(patient, ("instance", "another")[number % 2]) < 1.0
            assert alive(patient) <= MOST_ALIVE
            patient.wait(6.0)
        events = [event.message for _, event in patient.machine.store.events(0) if event.name == "drain ended"]
        assert len(events) == 4
        assert all("gave way to a new configuration with 1 connections" in one for one in events)


@each
def test_a_swap_does_not_wait_for_the_soak_of_a_change(service: ServiceName) -> None:
    with ward(service, has_clients=True) as patient:
        change(patient, "instance")
        swap(patient.router, service)
        settle(patient.router, service)
        assert patient.runs == "2.0"


@each
def test_a_change_in_place_is_noted_of_the_soak_even_if_the_memory_refuses_at_first(service: ServiceName) -> None:
    with ward(service, has_clients=True) as patient:
        swap(patient.router, service)
        until_soak(patient.router, service)
        store, amend, refused = patient.machine.store, patient.machine.store.amend, list[int]()

        def refuse_once(handover: Handover) -> None:
            if handover.is_reconfigured and not refused:
                refused.append(handover.id)
                raise StateError("cannot write the state: no space left")
            amend(handover)

        store.amend = refuse_once  # type: ignore[method-assign]
        configure("reload")(patient.router, service)
        patient.until(lambda: bool(refused))
        patient.until(lambda: patient.worker.foreground.handover.kind is Kind.SWAP)
        assert patient.worker.foreground.handover.is_reconfigured


@each
@pytest.mark.parametrize(("name", "is_passed_on"), [("instance", True), ("reload", False)])
def test_a_supervisor_that_comes_back_knows_for_whom_a_soak_goes_on(
    service: ServiceName, name: str, is_passed_on: bool
) -> None:
    with ward(service, has_clients=True) as patient:
        swap(patient.router, service)
        until_soak(patient.router, service)
        configure(name)(patient.router, service)
        patient.until(lambda: patient.worker.foreground.handover.is_reconfigured)
        assert patient.worker.foreground.is_passed_on == is_passed_on
        patient.restart_supervisor()
        patient.until(lambda: bool(patient.worker.foreground))
        run = patient.worker.foreground
        assert (run.handover.kind, run.step, run.is_passed_on) == (Kind.SWAP, "soak", is_passed_on)
