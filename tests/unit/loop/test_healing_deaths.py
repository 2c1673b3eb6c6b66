"""The supervisor is killed before any change that it makes while it heals, or the power goes then."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest

from supervisor.loop.service.retry_policy import RETRY_SECONDS
from supervisor.values.names import ServiceName
from tests.fakes.faults import Died
from tests.unit.loop.ailments import Ward, ward
from tests.unit.loop.conftest import Sample
from tests.unit.loop.loop_samples import SERVICES

SERVES, HELD_BACK = ("2.0", "2.0", "1.0", "running"), ("1.0", "2.0", "1.0", "degraded")
RESTS_SECONDS = 30.0


def nothing(patient: Ward) -> None:
    """It is as it shall be."""


def hang(patient: Ward) -> None:
    patient.hang()
    patient.until(lambda: patient.is_well)


def before_retry(patient: Ward) -> None:
    patient.fall_back()
    patient.wait(RETRY_SECONDS - 10.0)


def before_good_retry(patient: Ward) -> None:
    before_retry(patient)
    patient.behave("2.0")


def before_bad_retry(patient: Ward) -> None:
    before_retry(patient)
    patient.behave("2.0", ends_after=1.0)


def retry(patient: Ward) -> None:
    before = patient.last
    patient.until(lambda: patient.last > before and patient.worker.is_settled)


@dataclass(frozen=True, slots=True)
class Course:
    """What happens to a service, and how it may stand afterwards: release that runs, desired, previous, state."""

    name: str
    prepare: Callable[[Ward], None]
    act: Callable[[Ward], None]
    ends: tuple[tuple[str, str, str, str], ...]

    def __str__(self) -> str:
        return self.name


COURSES = (
    Course("heal", nothing, hang, (SERVES,)),
    Course("fall back", nothing, Ward.fall_back, (HELD_BACK,)),
    Course("good retry", before_good_retry, retry, (SERVES, HELD_BACK)),
    Course("bad retry", before_bad_retry, retry, (HELD_BACK,)),
)


@functools.cache
def changes(service: ServiceName, course: Course) -> int:
    with ward(service, upgraded=True) as patient:
        course.prepare(patient)
        patient.machine.fate.begin()
        course.act(patient)
        return len(patient.machine.fate.changes)


def faults(patient: Ward, course: Course) -> list[str]:
    """Everything that is wrong at rest."""
    store, machine = patient.machine.store, patient.machine
    known = [(one.generation, str(state)) for one, state in store.instances(patient.service)]
    found = (patient.runs, patient.desired, patient.previous, str(patient.status.state))
    wrong = [] if found in course.ends else [f"it stands at {found}"]
    if [state for _, state in known] != ["active"]:
        wrong.append(f"instances: {known}")
    if [one.name for one in machine.engine.containers()] != [patient.keeper.instance.container_name]:
        wrong.append(f"containers: {[one.name for one in machine.engine.containers()]}")
    if len(machine.links.namespaces) != (patient.keeper.instance.link is not None):
        wrong.append(f"namespaces: {machine.links.namespaces}")
    if store.open_handovers() or machine.encapsulation.held:
        wrong.append("something is still open")
    return wrong


def walked(service: ServiceName, course: Course, point: int, *, has_power: bool = True) -> list[str]:
    with ward(service, upgraded=True) as patient:
        course.prepare(patient)
        patient.machine.fate.begin(dies_before=point)
        with suppress(Died):
            course.act(patient)
        patient.router.die()
        if not has_power:
            patient.machine.reboot(keeps_containers=bool(point % 2))
        patient.router.boot()
        patient.wait(RESTS_SECONDS)
        patient.until(lambda: patient.worker.is_settled)
        return faults(patient, course)


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
        if found := walked(service, course, point, has_power=has_power):
            wrong[point] = found
    assert not wrong
