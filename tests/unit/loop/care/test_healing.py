"""A daemon that hangs is replaced beside itself, where that can be; one that is only slow is left alone."""

from __future__ import annotations

import pytest

from supervisor.values.names import ServiceName
from supervisor.values.state import ContainerSpec, ExecResult
from tests.unit.loop.ailments import ISOLATED, MINUTE, OVERLAPPING, ROUTER, TAKEOVER, ward
from tests.unit.loop.invariants import violations
from tests.unit.loop.loop_samples import SERVICES
from tests.unit.loop.scenarios import restart, swap

NOTICED_SECONDS = 3.0  # interval, threshold and time-outs of the samples, and the last question
SLOW_CHECK_SECONDS = 1.0
HEAL_SECONDS = 1.3  # with such a check; one more question to what hangs would take another 1.4: its time-outs
HEALS = ("heal", "succeeded")

each = pytest.mark.parametrize("service", SERVICES)
overlapping = pytest.mark.parametrize("service", OVERLAPPING)


@overlapping
def test_one_that_hangs_is_replaced_beside_itself_and_nothing_else_breaks(service: ServiceName) -> None:
    with ward(service, has_clients=True) as patient:
        before, generation = patient.last, patient.keeper.instance.generation
        hung = patient.keeper.instance.container_name
        lost = len(patient.machine.connections.broken)
        outage = patient.machine.outage[service]
        patient.hang()
        patient.until(lambda: patient.is_well)
        assert patient.story(before) == [HEALS]
        assert patient.keeper.instance.generation == generation + 1
        assert patient.kills == 0
        assert patient.machine.outage[service] - outage < NOTICED_SECONDS
        assert {flow.container for flow in patient.machine.connections.broken[lost:]} <= {hung}
        assert not [one for one in violations(patient.router, service) if not one.startswith("leases lost")]
        assert patient.machine.store.restarts(service) == 0
        assert [event.name for _, event in patient.machine.store.events(0)].count("hung") == 1


def test_one_that_hangs_and_cannot_be_overlapped_is_killed_and_started_again() -> None:
    with ward(TAKEOVER, has_clients=True) as patient:
        generation, before, outage = patient.keeper.instance.generation, patient.last, patient.machine.outage[TAKEOVER]
        patient.hang()
        patient.until(lambda: patient.is_well)
        assert patient.story(before) == []
        assert (patient.kills, patient.keeper.instance.generation) == (1, generation)
        assert patient.machine.outage[TAKEOVER] - outage < NOTICED_SECONDS + 0.5
        assert not [one for one in violations(patient.router, TAKEOVER) if "associations" not in one]


@each
def test_one_that_is_slow_is_left_alone(service: ServiceName) -> None:
    with ward(service) as patient:
        before = patient.last
        patient.ail(seconds=0.6)
        patient.wait(10 * MINUTE)
        assert (patient.story(before), patient.kills) == ([], 0)
        assert patient.status.is_ready
        assert patient.status.state == "running"


@each
def test_one_that_is_slow_is_not_asked_all_the_time(service: ServiceName) -> None:
    with ward(service) as patient:
        patient.ail(seconds=0.6)
        patient.wait(MINUTE)
        asked = len(patient.machine.fate.calls)
        patient.wait(MINUTE)
        calls = patient.machine.fate.calls[asked:]
        assert calls.count("prober.ask") < 100


@each
def test_slow_ones_follow_each_other(service: ServiceName) -> None:
    with ward(service) as patient:
        before = patient.last
        patient.behave("1.0", "2.0", seconds=0.6, answers_after=0.5)
        patient.ail(seconds=0.6)
        patient.configure("instance")
        patient.wait(20.0)
        swap(patient.router, service)
        patient.wait(MINUTE)
        assert patient.story(before) == [("configure", "succeeded"), ("swap", "succeeded")]
        patient.crash()
        patient.wait(MINUTE)
        assert len(patient.story(before)) == 2
        assert (patient.machine.store.restarts(service), patient.status.state) == (1, "running")


@each
@pytest.mark.parametrize("seconds", [0.2, 0.39])
def test_failures_in_a_burst_change_nothing(service: ServiceName, seconds: float) -> None:
    with ward(service) as patient:
        before, clock = patient.last, patient.machine.clock
        well = patient.daemon.behaviour
        for _ in range(20):
            patient.wait(max(0.0, patient.keeper.liveness.due - clock.monotonic() - 0.01))
            patient.ail(is_ready=False)
            clock.after(seconds, lambda: setattr(patient.daemon, "behaviour", well))
            patient.wait(3.0)
        assert (patient.story(before), patient.kills) == ([], 0)
        assert patient.status.is_ready


def test_one_that_hangs_while_two_others_drain_is_killed() -> None:
    with ward(ISOLATED) as patient:
        patient.hold_connections(10 * MINUTE)
        for _ in range(2):
            restart(patient.router, ISOLATED)
            patient.until(lambda: patient.worker.foreground is None)
        assert len(patient.worker.cleanup) == 2
        before = patient.last
        patient.hang()
        took = patient.until(lambda: patient.kills > 0 and patient.keeper.is_ready)
        assert took < NOTICED_SECONDS + 0.5
        assert patient.story(before) == []
        assert len(patient.worker.cleanup) == 2


@pytest.mark.parametrize(
    ("service", "does"),
    [(ISOLATED, {"is_ready": False}), (ROUTER, {"can_start": False}), (ISOLATED, {"refuses_configuration": True})],
)
def test_one_whose_replacement_fails_is_killed_in_place(service: ServiceName, does: dict[str, object]) -> None:
    with ward(service) as patient:
        generation, before = patient.keeper.instance.generation, patient.last
        patient.behave("1.0", **does)
        patient.hang()
        patient.until(lambda: patient.kills > 0)
        patient.until(lambda: patient.story(before) == [("heal", "failed")])  # what it left is cleared away meanwhile
        patient.behave("1.0")
        patient.until(lambda: patient.is_well)
        assert patient.keeper.instance.generation == generation
        patient.wait(10 * MINUTE)
        assert patient.story(before) == [("heal", "failed")]
        assert (patient.status.state, patient.status.message) == ("running", "")


def test_one_that_was_only_slow_finishes_its_connections() -> None:
    with ward(ISOLATED, has_clients=True) as patient:
        machine, slow = patient.machine, patient.daemon
        lost = len(machine.connections.broken)
        patient.ail(seconds=1.5)
        patient.until(lambda: patient.worker.foreground is not None)
        slow.behaviour = type(slow.behaviour)(seconds=0.7)
        patient.hold_connections(10.0)
        took = patient.until(lambda: patient.is_well)
        assert took >= 10.0
        assert patient.story(0)[-1] == HEALS
        assert len(machine.connections.broken) == lost


@overlapping
def test_five_that_hang_one_after_the_other_give_way_to_the_version_before(service: ServiceName) -> None:
    with ward(service, upgraded=True) as patient:
        before = patient.last
        patient.behave("2.0", hangs_after=20.0)
        patient.hang()
        patient.until(lambda: patient.runs == "1.0", 10 * MINUTE)
        assert patient.story(before)[:4] == [HEALS] * 4
        assert patient.story(before)[4][0] == "fall-back"


def test_five_that_hang_in_a_takeover_are_killed_until_the_version_before_takes_over() -> None:
    with ward(TAKEOVER, upgraded=True) as patient:
        before = patient.last
        patient.behave("2.0", hangs_after=20.0)
        patient.hang()
        patient.until(lambda: patient.runs == "1.0" and patient.worker.is_settled, 10 * MINUTE)
        assert patient.story(before) == [("fall-back", "succeeded")]
        assert patient.machine.store.restarts(TAKEOVER) == 4


@overlapping
def test_what_hangs_is_not_asked_again_before_its_traffic_has_moved(service: ServiceName) -> None:
    with ward(service) as patient:
        engine, clock, check = patient.machine.engine, patient.machine.clock, patient.machine.engine.run

        def takes_its_time(spec: ContainerSpec, timeout: float) -> ExecResult:
            clock.sleep(SLOW_CHECK_SECONDS)
            return check(spec, timeout)

        engine.run = takes_its_time  # type: ignore[method-assign]
        patient.hang()
        patient.until(lambda: patient.is_well)
        newest = patient.machine.store.history(service, 1)[0]
        assert newest.kind == "heal"
        assert newest.seconds_to_cutover is not None
        assert SLOW_CHECK_SECONDS <= newest.seconds_to_cutover < HEAL_SECONDS


def test_what_a_start_needs_is_put_in_place_in_the_pause_before_it() -> None:
    with ward(ISOLATED) as patient:
        namespaces, container = patient.machine.links.namespaces, patient.keeper.instance.container_name
        namespaces.clear()
        patient.crash()
        patient.until(lambda: bool(namespaces))
        assert not patient.machine.engine.runs(container)
        patient.until(lambda: patient.keeper.is_ready)
        assert patient.machine.store.restarts(ISOLATED) == 1
