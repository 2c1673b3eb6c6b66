"""The supervisor is killed before any change that it makes while it heals, or the power goes then."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest

from supervisor.loop.service.retry_policy import RETRY_SECONDS
from supervisor.values.names import ServiceName
from tests.kit.simulation.faults import SupervisorKilled
from tests.kit.simulation.samples import SERVICES
from tests.kit.simulation.service import SimulatedService, simulated_service
from tests.unit.loop.conftest import Sample

SERVES, HELD_BACK = ("2.0", "2.0", "1.0", "running"), ("1.0", "2.0", "1.0", "degraded")
RESTS_SECONDS = 30.0


def nothing(subject: SimulatedService) -> None:
    """It is as it shall be."""


def hang(subject: SimulatedService) -> None:
    subject.hang()
    subject.until(lambda: subject.is_well)


def before_retry(subject: SimulatedService) -> None:
    subject.fall_back()
    subject.wait(RETRY_SECONDS - 10.0)


def before_good_retry(subject: SimulatedService) -> None:
    before_retry(subject)
    subject.behave("2.0")


def before_bad_retry(subject: SimulatedService) -> None:
    before_retry(subject)
    subject.behave("2.0", ends_after=1.0)


def retry(subject: SimulatedService) -> None:
    before = subject.last
    subject.until(lambda: subject.last > before and subject.worker.is_settled)


@dataclass(frozen=True, slots=True)
class Course:
    """What happens to a service, and how it may stand afterwards: release that runs, desired, previous, state."""

    name: str
    prepare: Callable[[SimulatedService], None]
    act: Callable[[SimulatedService], None]
    ends: tuple[tuple[str, str, str, str], ...]

    def __str__(self) -> str:
        return self.name


COURSES = (
    Course("heal", nothing, hang, (SERVES,)),
    Course("fall back", nothing, SimulatedService.fall_back, (HELD_BACK,)),
    Course("good retry", before_good_retry, retry, (SERVES, HELD_BACK)),
    Course("bad retry", before_bad_retry, retry, (HELD_BACK,)),
)


@functools.cache
def changes(service: ServiceName, course: Course) -> int:
    with simulated_service(service, upgraded=True) as subject:
        course.prepare(subject)
        subject.machine.faults.arm()
        course.act(subject)
        return len(subject.machine.faults.changes)


def faults(subject: SimulatedService, course: Course) -> list[str]:
    """Everything that is wrong at rest."""
    store, machine = subject.machine.store, subject.machine
    known = [(instance.generation, str(state)) for instance, state in store.instances(subject.service)]
    found = (subject.runs, subject.desired, subject.previous, str(subject.status.state))
    wrong = [] if found in course.ends else [f"it stands at {found}"]
    if [state for _, state in known] != ["active"]:
        wrong.append(f"instances: {known}")
    if [container.name for container in machine.engine.containers()] != [subject.keeper.instance.container_name]:
        wrong.append(f"containers: {[one.name for one in machine.engine.containers()]}")
    if len(machine.links.namespaces) != (subject.keeper.instance.link is not None):
        wrong.append(f"namespaces: {machine.links.namespaces}")
    if store.open_handovers() or machine.encapsulation.held:
        wrong.append("something is still open")
    return wrong


def recorded(service: ServiceName, course: Course, point: int, *, has_power: bool = True) -> list[str]:
    with simulated_service(service, upgraded=True) as subject:
        course.prepare(subject)
        subject.machine.faults.arm(dies_before=point)
        with suppress(SupervisorKilled):
            course.act(subject)
        subject.router.die()
        if not has_power:
            subject.machine.reboot(keeps_containers=bool(point % 2))
        subject.router.boot()
        subject.wait(RESTS_SECONDS)
        subject.until(lambda: subject.worker.is_settled)
        return faults(subject, course)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("course", COURSES, ids=str)
@pytest.mark.parametrize("has_power", [True, False], ids=["killed", "without power"])
def test_it_comes_to_rest_where_it_belongs(
    service: ServiceName, course: Course, has_power: bool, sample: Sample
) -> None:
    if course.name == "fall back" and not has_power:
        course = Course(course.name, course.prepare, course.act, (SERVES, *course.ends))  # failures are forgotten
    wrong = {}
    for point in sample(range(changes(service, course) + 1), f"{course} of {service}, {has_power}", 1):
        if found := recorded(service, course, point, has_power=has_power):
            wrong[point] = found
    assert not wrong
