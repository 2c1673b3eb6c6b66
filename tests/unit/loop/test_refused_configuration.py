"""What runs is asked for what it was given: a configuration that it never got is no reason to touch it."""

from __future__ import annotations

import pytest

from supervisor.values.names import ServiceName
from tests.kit.simulation.samples import SERVICES
from tests.kit.simulation.service import MINUTE, OVERLAPPING, TAKEOVER, SimulatedService, simulated_service

each = pytest.mark.parametrize("service", SERVICES)


def refuse(subject: SimulatedService, configuration: str) -> int:
    """Its check refuses that configuration; the last hand-over before it."""
    before = subject.last
    subject.behave("1.0", refuses=b"name two" if configuration == "instance" else b"domain other")
    subject.configure(configuration)
    return before


def is_untouched(subject: SimulatedService, before: int, generation: int) -> bool:
    assert (subject.kills, subject.keeper.instance.generation) == (0, generation)
    assert {kind for kind, _ in subject.story(before)} == {"configure"}
    assert subject.machine.store.restarts(subject.service) == 0
    return subject.status.is_ready and subject.status.state == "degraded"


@each
@pytest.mark.parametrize("configuration", ["instance", "reload"])
def test_a_refused_configuration_leaves_what_runs_as_it_is(service: ServiceName, configuration: str) -> None:
    with simulated_service(service) as subject:
        generation = subject.keeper.instance.generation
        before = refuse(subject, configuration)
        subject.wait(4 * MINUTE)
        assert len(subject.story(before)) == 1
        subject.wait(2 * MINUTE)
        assert len(subject.story(before)) == 2
        assert is_untouched(subject, before, generation)


@each
@pytest.mark.parametrize("configuration", ["instance", "reload"])
def test_so_does_the_next_supervisor(service: ServiceName, configuration: str) -> None:
    with simulated_service(service) as subject:
        generation = subject.keeper.instance.generation
        before = refuse(subject, configuration)
        subject.wait(20.0)
        subject.restart_supervisor()
        subject.wait(5 * MINUTE)
        assert is_untouched(subject, before, generation)


@each
def test_once_it_is_taken_it_is_asked_for(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        refuse(subject, "instance")
        subject.wait(20.0)
        subject.restart_supervisor()
        subject.wait(20.0)
        subject.behave("1.0")
        subject.wait(6 * MINUTE)
        assert (subject.status.state, subject.status.message) == ("running", "")
        assert b"name two\n" in subject.daemon.configuration
        subject.daemon.configuration = b"name one\n"
        generation = subject.keeper.instance.generation
        subject.wait(10.0)
        is_replaced = subject.keeper.instance.generation == generation + 1
        assert is_replaced if service != TAKEOVER else subject.kills


@pytest.mark.parametrize("service", OVERLAPPING)
def test_one_that_hangs_is_replaced_with_the_configuration_that_it_had(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before = refuse(subject, "instance")
        subject.wait(20.0)
        subject.hang()
        subject.wait(20.0)
        assert subject.story(before)[:2] == [("configure", "failed"), ("heal", "succeeded")]
        assert b"name one\n" in subject.daemon.configuration
        subject.wait(5 * MINUTE)
        assert (subject.kills, [kind for kind, _ in subject.story(before)].count("heal")) == (0, 1)
        assert (subject.status.is_ready, subject.status.state) == (True, "degraded")


@each
def test_one_that_crashes_gets_the_configuration_that_it_had(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before = refuse(subject, "instance")
        subject.wait(20.0)
        subject.crash()
        subject.wait(20.0)
        assert b"name one\n" in subject.daemon.configuration
        assert subject.story(before) == [("configure", "failed")]
        assert subject.status.is_ready


@each
def test_one_found_down_that_awaits_another_configuration_is_watched_once_it_answers(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        refuse(subject, "reload")
        subject.wait(20.0)
        subject.router.die()
        subject.crash()
        subject.router.boot()
        subject.wait(20.0)
        assert subject.status.is_ready
        subject.hang()
        subject.until(lambda: subject.kills > 0 or subject.story()[-1][0] == "heal")
