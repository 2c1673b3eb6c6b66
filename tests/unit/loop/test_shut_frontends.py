"""Frontends that the configuration shuts: nothing is led there, at once, and no instance is made for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from supervisor.values.errors import StateError
from supervisor.values.names import ServiceName
from supervisor.values.status import EventRecord
from tests.kit.simulation.samples import CONFIGURATIONS
from tests.kit.simulation.scenarios import swap
from tests.kit.simulation.service import SimulatedService, simulated_service

SERVICE = ServiceName("router")


class Pair:
    """A router of a pair, all of whose frontends are shut while it is the backup."""

    def __init__(self, subject: SimulatedService) -> None:
        self.subject = subject
        self.shuttable()

    def shuttable(self) -> None:
        keeper = self.subject.keeper
        frontends = tuple(
            replace(frontend, open="not router.is_backup") for frontend in keeper.definition.manifest.frontends
        )
        manifest = replace(keeper.definition.manifest, frontends=frontends)
        keeper.definition = replace(keeper.definition, manifest=manifest)

    def becomes(self, *, is_backup: bool) -> None:
        self.subject.worker.configure(replace(CONFIGURATIONS["plain"], is_backup=is_backup))
        self.subject.wait(0.3)

    @property
    def ports(self) -> list[int]:
        return [switch.port for switch in self.subject.machine.traffic.table.active_ports]


@pytest.fixture
def pair() -> Iterator[Pair]:
    with simulated_service(SERVICE) as subject:
        yield Pair(subject)


def test_a_backup_is_led_nothing_and_the_primary_everything_by_the_same_instance(pair: Pair) -> None:
    before, stories = pair.subject.keeper.instance, pair.subject.story()
    ports = pair.ports
    assert ports
    pair.becomes(is_backup=True)
    assert pair.ports == []
    assert pair.subject.keeper.is_ready
    pair.becomes(is_backup=False)
    assert pair.ports == ports
    assert pair.subject.keeper.instance == before
    assert pair.subject.story() == stories
    told = [event.message for _, event in pair.subject.machine.store.events(0) if event.name == "frontends"]
    assert told == ["nothing is led to dhcp, dns, tcp", "all frontends are open"]


def test_a_backup_becomes_the_primary_in_the_middle_of_a_soak(pair: Pair) -> None:
    swap(pair.subject.router, SERVICE)
    pair.subject.until(lambda: pair.subject.worker.soaks)
    pair.shuttable()
    pair.becomes(is_backup=True)
    assert pair.ports == []
    assert pair.subject.worker.soaks
    pair.becomes(is_backup=False)
    assert pair.ports
    pair.subject.wait(60.0)
    assert pair.subject.runs == "2.0"


def test_a_supervisor_that_comes_back_opens_nothing_before_it_has_the_configuration(pair: Pair) -> None:
    pair.becomes(is_backup=True)
    pair.subject.restart_supervisor()  # its manifests know nothing of backups: what is recorded is all there is
    assert pair.ports == []


def test_what_is_shut_while_the_memory_refuses_is_recorded_later(pair: Pair) -> None:
    store, refused = pair.subject.machine.store, list[int]()

    def refuse_once(log_event: Callable[[EventRecord], None], event: EventRecord) -> None:
        if event.name == "frontends" and not refused:
            refused.append(1)
            raise StateError("cannot write the state: no space left")
        log_event(event)

    pair.subject.machine.faults.around["store.log_event"] = refuse_once
    pair.becomes(is_backup=True)
    assert refused
    assert pair.ports == []
    pair.subject.wait(3.0)
    (instance,) = [one for one, _ in store.instances(SERVICE)]
    assert not any(frontend.is_open for frontend in instance.frontends)
