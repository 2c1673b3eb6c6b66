"""A ceiling that is lower than what was imported: nothing new is made of it, and what runs goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from supervisor.loop.generations.instances import ensure_created, refuses
from supervisor.loop.releases.library import Library
from supervisor.values.ceiling import DEFAULT_CEILING, ISOLATED, ROUTER, Ceiling
from supervisor.values.errors import OverCeilingError
from supervisor.values.names import ServiceName
from supervisor.values.router import RouterConfig
from supervisor.values.settings import Settings
from tests.kit.fakes.media import FakeBundle, FakeMedia
from tests.kit.simulation.router import RENDERER
from tests.kit.simulation.samples import CONFIGURATIONS, SERVICES, read_definition, release
from tests.kit.simulation.scenarios import restart, swap
from tests.kit.simulation.service import OVERLAPPING, SimulatedService, simulated_service
from tests.kit.simulation.supervisor import SteppedSupervisor

LOW = Ceiling(isolated=replace(ISOLATED, pids=31), router=replace(ROUTER, pids=31, devices=()))
WHY = "limits.pids: asks for 32; this router allows at most 31"
PATH = "/media/new.iso"

each = pytest.mark.parametrize("service", SERVICES)


def next_life(subject: SimulatedService, ceiling: Ceiling) -> None:
    subject.router.die()
    settings = Settings(ceiling=ceiling)
    subject.router.supervisor = SteppedSupervisor(subject.machine, settings, CONFIGURATIONS, RENDERER, read_definition)


def library(subject: SimulatedService, ceiling: Ceiling) -> Library:
    found, definitions = release("2.0", *SERVICES)
    media = FakeMedia()
    media.inside[PATH] = FakeBundle(replace(found, name="9.0"), definitions)
    return Library(replace(subject.router.supervisor.world, settings=Settings(ceiling=ceiling)), media)


@pytest.mark.parametrize("judge", ["verify", "take_in", "attach"])
def test_a_bundle_over_the_ceiling_is_refused_with_every_excess_and_changes_nothing(judge: str) -> None:
    with simulated_service(SERVICES[0]) as subject:
        asked = library(subject, LOW)
        before = [one.name for one in subject.machine.store.releases()], subject.machine.engine.images()
        ways = {
            "verify": lambda: asked.verify(PATH, RouterConfig(), allow_downgrade=False),
            "take_in": lambda: asked.take_in(PATH, RouterConfig(), allow_downgrade=False),
            "attach": lambda: asked.attach(PATH, RouterConfig()),
        }
        with pytest.raises(OverCeilingError) as refused:
            list(ways[judge]())
        assert [fault.path for fault in refused.value.faults] == [f"services.{name}.limits.pids" for name in SERVICES]
        assert str(refused.value).startswith(f"cannot accept release 9.0: services.{SERVICES[0]}.{WHY} (setting ")
        assert before == ([one.name for one in subject.machine.store.releases()], subject.machine.engine.images())


def test_a_bundle_within_the_ceiling_is_verified_and_taken() -> None:
    with simulated_service(SERVICES[0]) as subject:
        asked = library(subject, DEFAULT_CEILING)
        assert [one.is_final for one in asked.verify(PATH, RouterConfig(), allow_downgrade=False)][-1]
        list(asked.take_in(PATH, RouterConfig(), allow_downgrade=False))
        assert "9.0" in [one.name for one in subject.machine.store.releases()]


@each
def test_what_runs_goes_on_and_the_releases_are_named(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before, serves = subject.last, subject.keeper.instance.container_name
        next_life(subject, LOW)
        subject.wait(20.0)
        assert subject.story(before) == []
        assert (subject.status.state, subject.status.message) == ("running", "")
        assert subject.keeper.instance.container_name == serves
        message = subject.router.supervisor.supervision.status().message
        assert [f"release {name} is over the ceiling" in message for name in ("1.0", "2.0", "3.0")] == [True] * 3
        assert WHY in message


@each
def test_what_runs_is_started_again_where_it_was(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        generation = subject.keeper.instance.generation
        next_life(subject, LOW)
        subject.wait(20.0)
        subject.crash()
        subject.wait(5.0)
        assert subject.machine.engine.runs(subject.keeper.instance.container_name)
        assert subject.keeper.instance.generation == generation


@each
def test_what_hangs_is_ended_and_started_again_where_it_was(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before, generation = subject.last, subject.keeper.instance.generation
        next_life(subject, LOW)
        subject.wait(20.0)
        subject.hang()
        subject.wait(20.0)
        assert subject.story(before) == []
        assert subject.keeper.instance.generation == generation
        assert subject.keeper.is_ready


@each
def test_what_runs_takes_a_reload(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before = subject.last
        next_life(subject, LOW)
        subject.wait(20.0)
        subject.configure("reload")
        subject.wait(20.0)
        assert subject.story(before) == [("configure", "succeeded")]


@pytest.mark.parametrize("service", OVERLAPPING)
def test_a_former_version_above_it_is_not_fallen_back_to_and_that_is_said(service: ServiceName) -> None:
    with simulated_service(service, upgraded=True) as subject:
        before = subject.last
        next_life(subject, LOW)
        subject.wait(5.0)
        subject.behave("2.0", ends_after=0.5)
        subject.crash()
        subject.wait(60.0)
        assert (subject.story(before), subject.runs) == ([], "2.0")
        said = {event.name: event.message for _, event in subject.machine.store.events(0)}
        assert "falls back" not in said
        assert said["no fall-back"].startswith(
            "2.0-1 failed 5 times in 10 minutes and stays: cannot accept the manifest"
        )
        assert WHY in said["no fall-back"]


@each
def test_nothing_new_is_made_of_it(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before = subject.last
        next_life(subject, LOW)
        subject.wait(20.0)
        for ask in (swap, restart):
            with pytest.raises(OverCeilingError, match=r"limits\.pids"):
                ask(subject.router, service)
        subject.wait(20.0)
        assert subject.story(before) == []
        plan = {step.service: step for step in subject.router.supervisor.supervision.plan("2.0")}
        assert WHY in plan[service].reason
        assert subject.runs == "1.0"


@each
def test_a_router_whose_containers_are_gone_says_why_it_starts_nothing(service: ServiceName) -> None:
    """After a boot from a store that was restored, say."""
    with simulated_service(service) as subject:
        before, created = subject.last, len(subject.machine.engine.containers())
        subject.router.die()
        subject.machine.reboot(keeps_containers=False)
        next_life(subject, LOW)
        subject.wait(20.0)
        assert subject.machine.engine.containers() == ()
        assert created
        assert subject.story(before) == []
        assert subject.status.state == "failed"
        assert WHY in subject.status.message
        next_life(subject, DEFAULT_CEILING)
        subject.wait(20.0)
        assert subject.status.state == "running"


def test_a_hand_over_that_is_carried_on_under_a_lower_ceiling_makes_no_container() -> None:
    with simulated_service(SERVICES[1]) as subject:
        world = subject.router.supervisor.world
        list(subject.router.supervisor.supervision.swap(SERVICES[1], "2.0", wait=False))
        run = subject.worker.parts.under_way.run
        assert run is not None
        low = replace(world, settings=Settings(ceiling=LOW))
        with pytest.raises(OverCeilingError):
            ensure_created(low, run.candidate, run.definition)
        with pytest.raises(OverCeilingError):
            refuses(low, run.candidate, run.definition)
        subject.wait(60.0)
