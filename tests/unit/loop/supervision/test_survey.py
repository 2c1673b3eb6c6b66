"""Single items are asked in turns: what fails is named and changes nothing. And frontends that open and shut."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from supervisor.decisions.status import ServiceSnapshot
from supervisor.loop.supervision import survey as surveying
from supervisor.loop.supervision.survey import ItemSurvey
from supervisor.values.errors import RenderError
from supervisor.values.manifest import Probe, ProbeKind, Watch
from supervisor.values.names import ServiceName
from supervisor.values.router import Dns, DnsRecord
from supervisor.values.state import ProbeResult, ProbeTarget, ResolvedProbe
from tests.kit.simulation.faults import Ask
from tests.kit.simulation.samples import CONFIGURATIONS, LAN
from tests.kit.simulation.scenarios import swap
from tests.kit.simulation.service import SimulatedService, simulated_service

ITEMS = Probe(ProbeKind.TCP, (("port", "80"), ("address", "{{ item.name }}")), 0.1, each="router.dns.records")
COUNT = 50


class Survey:
    """A service of fifty items, of which some do not answer."""

    def __init__(self, subject: SimulatedService) -> None:
        self.subject, self.ill = subject, set[str]()
        self.asked: list[str] = []

        def answer(ask: Ask, probe: ResolvedProbe, target: ProbeTarget) -> ProbeResult:
            if probe.kind != ProbeKind.TCP:
                return ask(probe, target)
            item = probe.argument("address") or ""
            self.asked.append(item)
            return ProbeResult(item not in self.ill, f"asked for {item}", 0.0)

        subject.machine.faults.around["prober.ask"] = answer
        keeper = subject.keeper
        manifest = replace(keeper.definition.manifest, survey=Watch((ITEMS,), 1.0, 3))
        keeper.definition = replace(keeper.definition, manifest=manifest)
        self.has(COUNT)
        self.surveyor = ItemSurvey(subject.worker.parts.world, self.snapshots, threading.Event())

    def snapshots(self) -> list[ServiceSnapshot]:
        self.subject.worker.publish()  # what is put in its place here has no turn of its own
        return [self.subject.worker.snapshot]

    def has(self, count: int) -> None:
        records = tuple(DnsRecord(f"item-{number}", LAN.gateway) for number in range(count))
        self.subject.keeper.router = replace(CONFIGURATIONS["plain"], dns=Dns(records=records))

    def turns(self, count: int) -> None:
        for _ in range(count):
            self.subject.machine.clock.advance(1.0)
            self.surveyor.turn()

    @property
    def message(self) -> str:
        return self.surveyor.message(self.subject.service)

    @property
    def events(self) -> list[str]:
        recorded = self.subject.machine.store.events(0)
        return [event.name for _, event in recorded if event.name.startswith("item-")]


@pytest.fixture
def survey() -> Iterator[Survey]:
    with simulated_service(ServiceName("router")) as subject:
        yield Survey(subject)


def test_some_are_asked_at_a_time_and_then_there_is_rest(survey: Survey) -> None:
    survey.turns(1)
    assert len(survey.asked) == surveying.MOST_A_TURN
    survey.turns(2)
    assert len(survey.asked) == len(set(survey.asked)) == COUNT
    survey.turns(50)
    assert len(survey.asked) == COUNT
    survey.turns(15)
    assert len(survey.asked) == 2 * COUNT


def test_one_in_trouble_is_named_and_the_others_are_asked_all_the_same(survey: Survey) -> None:
    survey.ill = {"item-3", "item-4"}
    survey.turns(12)
    assert survey.message == "2 items in trouble: asked for item-3; asked for item-4"
    assert set(survey.asked) == {f"item-{number}" for number in range(COUNT)}
    assert survey.subject.keeper.is_ready
    survey.ill = {"item-4"}
    survey.turns(10)
    assert survey.message == "1 item in trouble: asked for item-4"
    assert survey.events == ["item-in-trouble", "item-in-trouble", "item-out-of-trouble"]


def test_a_change_is_looked_at_at_once_and_what_is_gone_is_forgotten(survey: Survey) -> None:
    survey.ill = {"item-9"}
    survey.turns(8)
    assert survey.message
    survey.has(5)
    survey.turns(2)
    assert survey.message == ""
    assert survey.asked[-5:] == [f"item-{number}" for number in range(5)]


def test_what_was_asked_with_old_words_says_nothing(survey: Survey) -> None:
    survey.turns(1)
    survey.ill = {f"item-{number}" for number in range(30, COUNT)}  # they have gone, and the round knows them still
    survey.has(30)
    survey.turns(6)
    assert survey.message == ""
    assert survey.events == []


def test_nothing_is_asked_while_a_hand_over_is_under_way(survey: Survey) -> None:
    swap(survey.subject.router, survey.subject.service)
    survey.subject.until(lambda: survey.subject.worker.foreground is not None)
    survey.turns(3)
    assert survey.asked == []
    survey.subject.wait(60.0)


def test_a_guest_that_fails_while_others_are_added_is_named_all_the_same(survey: Survey) -> None:
    survey.ill = {"item-45"}
    survey.turns(3)  # it has failed once or twice, and is in doubt
    assert survey.message == ""
    survey.has(COUNT + 5)
    survey.turns(12)
    assert "item-45" in survey.message
    assert "item-54" in survey.asked


def test_what_cannot_be_worded_for_one_service_stops_no_other(survey: Survey) -> None:
    world, (snapshot,) = survey.subject.worker.parts.world, survey.snapshots()
    other = replace(snapshot, service=ServiceName("other"))
    each_probe = world.renderer.each_probe
    calls: list[int] = []

    def refuse_first(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) % 2:
            raise RenderError("cannot render a probe: no such name")
        return each_probe(*arguments)

    survey.subject.worker.parts.world.renderer.each_probe = refuse_first
    surveyor = ItemSurvey(world, lambda: [other, snapshot], threading.Event())
    surveyor.turn()
    assert survey.asked
