"""One version that came in two releases is one version: only the wish is recorded anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from supervisor.loop.supervision.upgrade import upgrade
from supervisor.values.handover import Kind
from supervisor.values.names import ServiceName
from supervisor.values.release import Release
from supervisor.values.status import Progress
from tests.kit.simulation.samples import SERVICES, files, version
from tests.kit.simulation.service import MINUTE, OVERLAPPING, SimulatedService, simulated_service

each = pytest.mark.parametrize("service", SERVICES)


def bring_again(subject: SimulatedService, number: str, name: str) -> Release:
    """A release with a version that is known already."""
    same = replace(version(subject.service, number), release=name)
    known = Release(name, f"2026-01-0{name[0]}T12:00:00Z", "/media/y.iso", 1.0, ((subject.service, same),))
    subject.machine.store.save_release(known, {same.definition: files(subject.service, number)})
    return known


@each
def test_a_swap_to_what_runs_changes_only_the_wish(service: ServiceName) -> None:
    with simulated_service(service, upgraded=True) as subject:
        bring_again(subject, "2.0", "2.5")
        before, supervision = subject.last, subject.router.supervisor.supervision
        assert subject.asked(supervision.swap, "2.0-1", True).endswith("runs 2.0-1 already")
        subject.wait(MINUTE)
        assert subject.story(before) == []
        assert (subject.runs, subject.desired, subject.previous) == ("2.0", "2.5", "1.0")
        subject.restart_supervisor()
        subject.wait(11 * MINUTE)
        assert subject.story(before) == []
        assert (subject.status.state, subject.status.message) == ("running", "")


@each
def test_an_upgrade_leaves_alone_what_did_not_change(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        target, before = bring_again(subject, "1.0", "1.5"), subject.last

        def hand_over(name: ServiceName, wanted):  # type: ignore[no-untyped-def]
            yield subject.worker.begin(Kind.UPGRADE, wanted).get_nowait()

        world = subject.router.supervisor.world
        told: list[Progress] = list(upgrade(world.store, world.clock, target, hand_over))
        assert [one.phase for one in told] == ["nothing", "succeeded"]
        subject.wait(MINUTE)
        assert subject.story(before) == []
        assert (subject.desired, subject.previous) == ("1.5", "nothing")


@each
def test_a_rollback_goes_to_a_version_that_differs(service: ServiceName) -> None:
    with simulated_service(service, upgraded=True) as subject:
        bring_again(subject, "2.0", "2.5")
        list(subject.router.supervisor.supervision.swap(service, "2.0-1", False))
        list(subject.router.supervisor.supervision.restart(service, False))
        subject.wait(MINUTE)
        assert subject.previous == "1.0"
        list(subject.router.supervisor.supervision.rollback(service, False))
        subject.wait(MINUTE)
        assert (subject.runs, subject.desired, subject.previous) == ("1.0", "1.0", "2.0")


@pytest.mark.parametrize("service", OVERLAPPING)
def test_a_swap_to_what_is_down_is_no_success(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        subject.behave("1.0", can_start=False)
        subject.crash()
        subject.until(lambda: subject.keeper.is_down)
        told = list(subject.router.supervisor.supervision.swap(service, "1.0-1", True))
        assert "is down" in str(told[-1].error)
