"""What runs is asked for what it was given: a configuration that it never got is no reason to touch it."""

from __future__ import annotations

import pytest

from supervisor.values.names import ServiceName
from tests.unit.loop.ailments import MINUTE, OVERLAPPING, TAKEOVER, Ward, ward
from tests.unit.loop.loop_samples import SERVICES

each = pytest.mark.parametrize("service", SERVICES)


def refuse(patient: Ward, configuration: str) -> int:
    """Its check refuses that configuration; the last hand-over before it."""
    before = patient.last
    patient.behave("1.0", refuses=b"name two" if configuration == "instance" else b"domain other")
    patient.configure(configuration)
    return before


def is_untouched(patient: Ward, before: int, generation: int) -> bool:
    assert (patient.kills, patient.keeper.instance.generation) == (0, generation)
    assert {kind for kind, _ in patient.story(before)} == {"configure"}
    assert patient.machine.store.restarts(patient.service) == 0
    return patient.status.is_ready and patient.status.state == "degraded"


@each
@pytest.mark.parametrize("configuration", ["instance", "reload"])
def test_a_refused_configuration_leaves_what_runs_as_it_is(service: ServiceName, configuration: str) -> None:
    with ward(service) as patient:
        generation = patient.keeper.instance.generation
        before = refuse(patient, configuration)
        patient.wait(4 * MINUTE)
        assert len(patient.story(before)) == 1
        patient.wait(2 * MINUTE)
        assert len(patient.story(before)) == 2
        assert is_untouched(patient, before, generation)


@each
@pytest.mark.parametrize("configuration", ["instance", "reload"])
def test_so_does_the_next_supervisor(service: ServiceName, configuration: str) -> None:
    with ward(service) as patient:
        generation = patient.keeper.instance.generation
        before = refuse(patient, configuration)
        patient.wait(20.0)
        patient.restart_supervisor()
        patient.wait(5 * MINUTE)
        assert is_untouched(patient, before, generation)


@each
def test_once_it_is_taken_it_is_asked_for(service: ServiceName) -> None:
    with ward(service) as patient:
        refuse(patient, "instance")
        patient.wait(20.0)
        patient.restart_supervisor()
        patient.wait(20.0)
        patient.behave("1.0")
        patient.wait(6 * MINUTE)
        assert (patient.status.state, patient.status.message) == ("running", "")
        assert b"name two\n" in patient.daemon.configuration
        patient.daemon.configuration = b"name one\n"
        generation = patient.keeper.instance.generation
        patient.wait(10.0)
        is_replaced = patient.keeper.instance.generation == generation + 1
        assert is_replaced if service != TAKEOVER else patient.kills


@pytest.mark.parametrize("service", OVERLAPPING)
def test_one_that_hangs_is_replaced_with_the_configuration_that_it_had(service: ServiceName) -> None:
    with ward(service) as patient:
        before = refuse(patient, "instance")
        patient.wait(20.0)
        patient.hang()
        patient.wait(20.0)
        assert patient.story(before)[:2] == [("configure", "failed"), ("heal", "succeeded")]
        assert b"name one\n" in patient.daemon.configuration
        patient.wait(5 * MINUTE)
        assert (patient.kills, [kind for kind, _ in patient.story(before)].count("heal")) == (0, 1)
        assert (patient.status.is_ready, patient.status.state) == (True, "degraded")


@each
def test_one_that_crashes_gets_the_configuration_that_it_had(service: ServiceName) -> None:
    with ward(service) as patient:
        before = refuse(patient, "instance")
        patient.wait(20.0)
        patient.crash()
        patient.wait(20.0)
        assert b"name one\n" in patient.daemon.configuration
        assert patient.story(before) == [("configure", "failed")]
        assert patient.status.is_ready


@each
def test_one_found_down_that_awaits_another_configuration_is_watched_once_it_answers(service: ServiceName) -> None:
    with ward(service) as patient:
        refuse(patient, "reload")
        patient.wait(20.0)
        patient.router.die()
        patient.crash()
        patient.router.boot()
        patient.wait(20.0)
        assert patient.status.is_ready
        patient.hang()
        patient.until(lambda: patient.kills > 0 or patient.story()[-1][0] == "heal")
