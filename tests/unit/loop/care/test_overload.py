"""A daemon that its clients fill stays as it is and is said to be full; one that hangs is healed as ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from supervisor.loop.care.overload import NEXT_EVENT_SECONDS
from supervisor.values.errors import NetworkError, StateError
from supervisor.values.handover import Kind
from supervisor.values.names import ServiceName
from supervisor.values.settings import Settings
from supervisor.values.status import ServiceState
from supervisor.values.tally import Reading
from tests.kit.simulation.machine import Behaviour
from tests.kit.simulation.samples import EXPOSED, GUARDED, version
from tests.kit.simulation.scenarios import restart, swap, until_soak
from tests.kit.simulation.service import ISOLATED, MINUTE, OVERLAPPING, SimulatedService, simulated_service

FLOOD_SECONDS = 51.0
NOTICED_SECONDS = 3.0  # as without a way in of its own: see test_healing
NOTICED_IN_A_FLOOD_SECONDS = 6.0
PATIENCE = 60.0  # of the samples
HEALED = [("heal", "succeeded")]

guarded = pytest.mark.parametrize("service", GUARDED)
overlapping = pytest.mark.parametrize("service", [name for name in GUARDED if not name.endswith("takeover")])


def events(subject: SimulatedService, *names: str) -> list[str]:
    return [event.name for _, event in subject.machine.store.events(0) if event.name in names]


def calm(subject: SimulatedService) -> None:
    subject.daemon.behaviour = Behaviour()


@guarded
def test_one_that_is_full_stays_and_is_said_to_be_full(service: ServiceName) -> None:
    with simulated_service(service, upgraded=True) as subject:
        before, generation, kills = subject.last, subject.keeper.instance.generation, subject.kills
        subject.misbehave(full_after=0.0)
        subject.wait(10.0)
        status = subject.status
        assert (status.state, status.is_ready) == (ServiceState.OVERLOADED, False)
        assert "its clients fill it, with 100 open connections" in status.message
        subject.wait(FLOOD_SECONDS - 10.0)
        calm(subject)
        subject.until(lambda: subject.status.state == ServiceState.RUNNING, MINUTE)
        assert subject.status.is_ready
        assert (subject.story(before), subject.kills) == ([], kills)
        assert (subject.runs, subject.keeper.instance.generation) == ("2.0", generation)
        assert events(subject, "overloaded", "overload over", "hung") == ["overloaded", "overload over"]


@pytest.mark.parametrize("service", OVERLAPPING)
def test_one_without_a_way_in_of_its_own_is_healed_and_keeps_its_version(service: ServiceName) -> None:
    with simulated_service(service, upgraded=True) as subject:
        before = subject.last
        subject.behave("2.0", full_after=5.0)
        subject.misbehave(full_after=0.0)
        subject.wait(5 * MINUTE)
        assert set(subject.story(before)) == set(HEALED)
        assert subject.runs == "2.0"


@overlapping
def test_one_that_hangs_is_replaced_as_soon_as_ever(service: ServiceName) -> None:
    with simulated_service(service, has_clients=True) as subject:
        before, outage = subject.last, subject.machine.outage[service]
        subject.hang()
        subject.until(lambda: subject.is_well)
        assert subject.story(before) == HEALED
        assert subject.machine.outage[service] - outage < NOTICED_SECONDS
        assert events(subject, "overloaded") == []


@overlapping
def test_one_that_serves_nobody_although_few_ask_is_replaced_as_soon_as_ever(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before = subject.last
        subject.misbehave(stuck_after=0.0)
        assert subject.until(lambda: subject.is_well) < NOTICED_SECONDS + 1.0
        assert subject.story(before) == HEALED


@overlapping
def test_one_that_hangs_in_a_flood_is_replaced(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before = subject.last
        subject.misbehave(full_after=0.0)
        subject.wait(30.0)
        subject.misbehave(full_after=0.0, hangs_after=0.0)
        assert subject.until(lambda: subject.is_well) < NOTICED_IN_A_FLOOD_SECONDS
        assert subject.story(before) == HEALED


@overlapping
def test_one_that_takes_in_nobody_for_long_is_replaced(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before = subject.last
        subject.misbehave(full_after=0.0, stuck_after=0.0)
        took = subject.until(lambda: subject.is_well)
        assert PATIENCE < took < PATIENCE + NOTICED_IN_A_FLOOD_SECONDS
        assert subject.story(before) == HEALED


@guarded
@pytest.mark.parametrize("after", [0.1, 0.3, 1.0])
def test_a_candidate_that_is_full_at_once_stays(service: ServiceName, after: float) -> None:
    with simulated_service(service) as subject:
        before = subject.last
        subject.behave("2.0", full_after=after)
        swap(subject.router, service)
        subject.wait(FLOOD_SECONDS)
        assert subject.story(before) == [("swap", "succeeded")]
        assert subject.runs == "2.0"
        assert subject.status.state == ServiceState.OVERLOADED
        assert subject.kills == (service.endswith("takeover"))


@overlapping
def test_what_a_candidate_failed_while_it_was_full_is_not_held_against_it_afterwards(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        subject.router.settings = Settings(soak=MINUTE)
        subject.restart_supervisor()
        subject.wait(1.0)
        before, failed = subject.last, [0]

        def tally(real: Callable[..., Reading], *about: object) -> Reading:
            (part,) = real(*about).parts
            return Reading((replace(part, failed=failed[0], total=part.total + failed[0]),))

        subject.machine.faults.around["prober.tally"] = tally
        swap(subject.router, service)
        until_soak(subject.router, service)
        subject.misbehave(full_after=0.1)
        subject.until(lambda: subject.status.state == ServiceState.OVERLOADED, MINUTE)
        subject.wait(10.0)
        failed[0] += 1000
        calm(subject)
        subject.until(lambda: subject.worker.is_settled, 2 * MINUTE)
        assert subject.story(before) == [("swap", "succeeded")]


@overlapping
def test_a_fresh_instance_is_full_at_once_and_stays(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before = subject.last
        subject.behave("1.0", full_after=0.1)
        restart(subject.router, service)
        subject.crash()
        subject.wait(FLOOD_SECONDS)
        assert subject.story(before) == [("restart", "succeeded")]
        assert (subject.status.state, subject.kills) == (ServiceState.OVERLOADED, 0)


@overlapping
def test_a_candidate_that_hangs_in_its_soak_is_reverted(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before = subject.last
        subject.behave("2.0", hangs_after=0.5)
        swap(subject.router, service)
        subject.until(lambda: subject.worker.is_settled)
        assert subject.story(before) == [("swap", "reverted")]
        assert subject.runs == "1.0"


@overlapping
def test_a_candidate_that_no_client_has_reached_is_not_full(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before = subject.last
        subject.behave("2.0", full_after=0.0)
        swap(subject.router, service)
        subject.until(lambda: subject.worker.is_settled)
        assert subject.story(before) == [("swap", "failed")]


def test_a_candidate_whose_own_way_in_clients_reach_is_refused() -> None:
    service = GUARDED[0]
    with simulated_service(service) as subject:
        before = subject.last
        subject.worker.begin(Kind.SWAP, version(service, EXPOSED))
        subject.until(lambda: subject.worker.is_settled)
        assert subject.story(before) == [("swap", "failed")]
        reason = subject.machine.store.history(service, 1)[0].reason
        assert reason == "cannot use 3.0-1 of guarded-isolated: `admission` asks at port 8000, which clients reach"


def test_one_whose_clients_cannot_be_counted_stays() -> None:
    with simulated_service(GUARDED[0]) as subject:
        before = subject.last
        subject.machine.faults.refused["connections.crowd"] = NetworkError("cannot list open connections: no")
        subject.misbehave(full_after=0.0)
        subject.wait(FLOOD_SECONDS)
        assert (subject.story(before), subject.status.state) == ([], ServiceState.OVERLOADED)
        assert "connections that cannot be counted" in subject.status.message


def test_a_supervisor_that_comes_back_in_a_flood_leaves_it_alone() -> None:
    with simulated_service(GUARDED[0]) as subject:
        before = subject.last
        subject.misbehave(full_after=0.0)
        subject.wait(10.0)
        subject.restart_supervisor()
        subject.wait(FLOOD_SECONDS)
        assert (subject.story(before), subject.status.state) == ([], ServiceState.OVERLOADED)


def test_an_event_that_cannot_be_recorded_heals_nobody() -> None:
    with simulated_service(GUARDED[0]) as subject:
        before = subject.last
        subject.machine.faults.refused["store.log_event"] = StateError("cannot write: the disk is full")
        subject.misbehave(full_after=0.0)
        subject.wait(FLOOD_SECONDS)
        assert (subject.story(before), subject.status.state) == ([], ServiceState.OVERLOADED)


def test_floods_that_come_and_go_do_not_fill_the_audit_log() -> None:
    with simulated_service(GUARDED[0]) as subject:
        for _ in range(10):
            subject.misbehave(full_after=0.0)
            subject.wait(6.0)
            calm(subject)
            subject.wait(25.0)
        said = events(subject, "overloaded", "overload over")
        most = 310.0 / NEXT_EVENT_SECONDS + 1
        assert said == ["overloaded", "overload over"] * (len(said) // 2)
        assert 2 <= len(said) // 2 <= most


def test_one_that_crashes_while_it_is_full_is_started_again() -> None:
    with simulated_service(GUARDED[0]) as subject:
        subject.misbehave(full_after=0.0)
        subject.wait(10.0)
        subject.crash()
        subject.until(lambda: subject.status.state == ServiceState.RUNNING)
        assert subject.machine.store.restarts(GUARDED[0]) == 1


def test_what_was_made_without_the_word_is_as_it_was() -> None:
    with simulated_service(ISOLATED) as subject:
        assert subject.keeper.definition.manifest.admission is None
        subject.wait(MINUTE)
        assert subject.status.state == ServiceState.RUNNING
