"""A daemon that hangs is replaced beside itself, where that can be; one that is only slow is left alone."""

from __future__ import annotations

import pytest

from supervisor.decisions.falling_back import TOO_OFTEN
from supervisor.values.names import ServiceName
from supervisor.values.state import ContainerSpec, ExecResult
from tests.kit.simulation.faults import Check
from tests.kit.simulation.invariants import violations
from tests.kit.simulation.samples import SERVICES
from tests.kit.simulation.scenarios import restart, swap
from tests.kit.simulation.service import ISOLATED, MINUTE, OVERLAPPING, ROUTER, TAKEOVER, simulated_service

NOTICED_SECONDS = 3.0  # interval, threshold and time-outs of the samples, and the last question
SLOW_CHECK_SECONDS = 1.0
HEAL_SECONDS = 1.3  # with such a check; one more question to what hangs would take another 1.4: its time-outs
HEALS = ("heal", "succeeded")

each = pytest.mark.parametrize("service", SERVICES)
overlapping = pytest.mark.parametrize("service", OVERLAPPING)


@overlapping
def test_one_that_hangs_is_replaced_beside_itself_and_nothing_else_breaks(service: ServiceName) -> None:
    with simulated_service(service, has_clients=True) as subject:
        before, generation = subject.last, subject.keeper.instance.generation
        hung = subject.keeper.instance.container_name
        lost = len(subject.machine.connections.broken)
        outage = subject.machine.outage[service]
        subject.hang()
        subject.until(lambda: subject.is_well)
        assert subject.story(before) == [HEALS]
        assert subject.keeper.instance.generation == generation + 1
        assert subject.kills == 0
        assert subject.machine.outage[service] - outage < NOTICED_SECONDS
        assert {flow.container for flow in subject.machine.connections.broken[lost:]} <= {hung}
        assert not [
            violation for violation in violations(subject.router, service) if not violation.startswith("leases lost")
        ]
        assert subject.machine.store.restarts(service) == 0
        assert [event.name for _, event in subject.machine.store.events(0)].count("hung") == 1


def test_one_that_hangs_and_cannot_be_overlapped_is_killed_and_started_again() -> None:
    with simulated_service(TAKEOVER, has_clients=True) as subject:
        generation, before, outage = subject.keeper.instance.generation, subject.last, subject.machine.outage[TAKEOVER]
        subject.hang()
        subject.until(lambda: subject.is_well)
        assert subject.story(before) == []
        assert (subject.kills, subject.keeper.instance.generation) == (1, generation)
        assert subject.machine.outage[TAKEOVER] - outage < NOTICED_SECONDS + 0.5
        assert not [violation for violation in violations(subject.router, TAKEOVER) if "associations" not in violation]


@each
def test_one_that_is_slow_is_left_alone(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before = subject.last
        subject.misbehave(seconds=0.6)
        subject.wait(10 * MINUTE)
        assert (subject.story(before), subject.kills) == ([], 0)
        assert subject.status.is_ready
        assert subject.status.state == "running"


@each
def test_one_that_is_slow_is_not_asked_all_the_time(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        subject.misbehave(seconds=0.6)
        subject.wait(MINUTE)
        asked = len(subject.machine.faults.calls)
        subject.wait(MINUTE)
        calls = subject.machine.faults.calls[asked:]
        assert calls.count("prober.ask") < 100


@each
def test_slow_ones_follow_each_other(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before = subject.last
        subject.behave("1.0", "2.0", seconds=0.6, answers_after=0.5)
        subject.misbehave(seconds=0.6)
        subject.configure("instance")
        subject.wait(20.0)
        swap(subject.router, service)
        subject.wait(MINUTE)
        assert subject.story(before) == [("configure", "succeeded"), ("swap", "succeeded")]
        subject.crash()
        subject.wait(MINUTE)
        assert len(subject.story(before)) == 2
        assert (subject.machine.store.restarts(service), subject.status.state) == (1, "running")


@each
@pytest.mark.parametrize("seconds", [0.2, 0.39])
def test_failures_in_a_burst_change_nothing(service: ServiceName, seconds: float) -> None:
    with simulated_service(service) as subject:
        before, clock = subject.last, subject.machine.clock
        well = subject.daemon.behaviour
        for _ in range(20):
            subject.wait(max(0.0, subject.keeper.liveness.due - clock.monotonic() - 0.01))
            subject.misbehave(is_ready=False)
            clock.after(seconds, lambda: setattr(subject.daemon, "behaviour", well))
            subject.wait(3.0)
        assert (subject.story(before), subject.kills) == ([], 0)
        assert subject.status.is_ready


def test_one_that_hangs_while_two_others_drain_is_killed() -> None:
    with simulated_service(ISOLATED) as subject:
        subject.keep_connections(10 * MINUTE)
        for _ in range(2):
            restart(subject.router, ISOLATED)
            subject.until(lambda: subject.worker.foreground is None)
        assert len(subject.worker.cleanup) == 2
        before = subject.last
        subject.hang()
        took = subject.until(lambda: subject.kills > 0 and subject.keeper.is_ready)
        assert took < NOTICED_SECONDS + 0.5
        assert subject.story(before) == []
        assert len(subject.worker.cleanup) == 2


@pytest.mark.parametrize(
    ("service", "does"),
    [(ISOLATED, {"is_ready": False}), (ROUTER, {"can_start": False}), (ISOLATED, {"refuses_configuration": True})],
)
def test_one_whose_replacement_fails_is_killed_in_place(service: ServiceName, does: dict[str, object]) -> None:
    with simulated_service(service) as subject:
        generation, before = subject.keeper.instance.generation, subject.last
        subject.behave("1.0", **does)
        subject.hang()
        subject.until(lambda: subject.kills > 0)
        subject.until(lambda: subject.story(before) == [("heal", "failed")])  # what it left is cleared away meanwhile
        subject.behave("1.0")
        subject.until(lambda: subject.is_well)
        assert subject.keeper.instance.generation == generation
        subject.wait(10 * MINUTE)
        assert subject.story(before) == [("heal", "failed")]
        assert (subject.status.state, subject.status.message) == ("running", "")


def test_one_that_was_only_slow_finishes_its_connections() -> None:
    with simulated_service(ISOLATED, has_clients=True) as subject:
        machine, slow = subject.machine, subject.daemon
        lost = len(machine.connections.broken)
        subject.misbehave(seconds=1.5)
        subject.until(lambda: subject.worker.foreground is not None)
        slow.behaviour = type(slow.behaviour)(seconds=0.7)
        subject.keep_connections(10.0)
        took = subject.until(lambda: subject.is_well)
        assert took >= 10.0
        assert subject.story(0)[-1] == HEALS
        assert len(machine.connections.broken) == lost


@overlapping
def test_a_version_that_hangs_again_and_again_is_replaced_by_itself(service: ServiceName) -> None:
    with simulated_service(service, upgraded=True) as subject:
        before = subject.last
        subject.behave("2.0", hangs_after=20.0)
        subject.hang()
        subject.wait(10 * MINUTE)
        assert len(subject.story(before)) > TOO_OFTEN
        assert {kind for kind, _ in subject.story(before)} == {"heal"}
        assert subject.runs == "2.0"


def test_a_version_that_hangs_again_and_again_in_a_takeover_is_killed_and_started_again() -> None:
    with simulated_service(TAKEOVER, upgraded=True) as subject:
        before = subject.last
        subject.behave("2.0", hangs_after=20.0)
        subject.hang()
        subject.wait(10 * MINUTE)
        assert subject.story(before) == []
        assert subject.runs == "2.0"
        assert subject.machine.store.restarts(TAKEOVER) > TOO_OFTEN


@overlapping
def test_what_hangs_is_not_asked_again_before_its_traffic_has_moved(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        clock = subject.machine.clock

        def takes_its_time(check: Check, spec: ContainerSpec, timeout: float) -> ExecResult:
            clock.sleep(SLOW_CHECK_SECONDS)
            return check(spec, timeout)

        subject.machine.faults.around["engine.run"] = takes_its_time
        subject.hang()
        subject.until(lambda: subject.is_well)
        newest = subject.machine.store.history(service, 1)[0]
        assert newest.kind == "heal"
        assert newest.seconds_to_cutover is not None
        assert SLOW_CHECK_SECONDS <= newest.seconds_to_cutover < HEAL_SECONDS


def test_what_a_start_needs_is_put_in_place_in_the_pause_before_it() -> None:
    with simulated_service(ISOLATED) as subject:
        namespaces, container = subject.machine.links.namespaces, subject.keeper.instance.container_name
        namespaces.clear()
        subject.crash()
        subject.until(lambda: bool(namespaces))
        assert not subject.machine.engine.runs(container)
        subject.until(lambda: subject.keeper.is_ready)
        assert subject.machine.store.restarts(ISOLATED) == 1
