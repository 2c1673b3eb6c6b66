"""One version that came in two releases is one version: only the wish is recorded anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from supervisor.loop.supervision.upgrade import upgrade
from supervisor.values.handover import Kind
from supervisor.values.names import ServiceName
from supervisor.values.release import Release
from supervisor.values.status import Progress
from tests.unit.loop.ailments import MINUTE, OVERLAPPING, Ward, ward
from tests.unit.loop.loop_samples import SERVICES, files, version

each = pytest.mark.parametrize("service", SERVICES)


def bring_again(patient: Ward, number: str, name: str) -> Release:
    """A release with a version that is known already."""
    same = replace(version(patient.service, number), release=name)
    known = Release(name, f"2026-01-0{name[0]}T12:00:00Z", "/media/y.iso", 1.0, ((patient.service, same),))
    patient.machine.store.save_release(known, {same.definition: files(patient.service, number)})
    return known


@each
def test_a_swap_to_what_runs_changes_only_the_wish(service: ServiceName) -> None:
    with ward(service, upgraded=True) as patient:
        bring_again(patient, "2.0", "2.5")
        before, supervision = patient.last, patient.router.life.supervision
        assert patient.asked(supervision.swap, "2.0-1", True).endswith("runs 2.0-1 already")
        patient.wait(MINUTE)
        assert patient.story(before) == []
        assert (patient.runs, patient.desired, patient.previous) == ("2.0", "2.5", "1.0")
        patient.restart_supervisor()
        patient.wait(11 * MINUTE)
        assert patient.story(before) == []
        assert (patient.status.state, patient.status.message) == ("running", "")


@each
def test_an_upgrade_leaves_alone_what_did_not_change(service: ServiceName) -> None:
    with ward(service) as patient:
        target, before = bring_again(patient, "1.0", "1.5"), patient.last

        def hand_over(name: ServiceName, wanted):  # type: ignore[no-untyped-def]
            yield patient.worker.begin(Kind.UPGRADE, wanted).get_nowait()

        world = patient.router.life.world
        told: list[Progress] = list(upgrade(world.store, world.clock, target, hand_over))
        assert [one.phase for one in told] == ["nothing", "succeeded"]
        patient.wait(MINUTE)
        assert patient.story(before) == []
        assert (patient.desired, patient.previous) == ("1.5", "nothing")


@each
def test_a_rollback_goes_to_a_version_that_differs(service: ServiceName) -> None:
    with ward(service, upgraded=True) as patient:
        bring_again(patient, "2.0", "2.5")
        list(patient.router.life.supervision.swap(service, "2.0-1", False))
        list(patient.router.life.supervision.restart(service, False))
        patient.wait(MINUTE)
        assert patient.previous == "1.0"
        list(patient.router.life.supervision.rollback(service, False))
        patient.wait(MINUTE)
        assert (patient.runs, patient.desired, patient.previous) == ("1.0", "1.0", "2.0")


@pytest.mark.parametrize("service", OVERLAPPING)
def test_a_swap_to_what_is_down_is_no_success(service: ServiceName) -> None:
    with ward(service) as patient:
        patient.behave("1.0", can_start=False)
        patient.crash()
        patient.until(lambda: patient.keeper.is_down)
        told = list(patient.router.life.supervision.swap(service, "1.0-1", True))
        assert "is down" in str(told[-1].error)
