"""Operations of an operator or a management server, each of which begins one hand-over of a service."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lab import network
from lab.router import NEWER, OLDER
from lab.services import SERVICES
from supervisor.decisions.handover import TABLES
from supervisor.loop.fault_points import Moment
from supervisor.values.handover import Mode, Outcome, Step
from tests.faults.injection import Fault
from tests.faults.router_under_test import RouterUnderTest


@dataclass(frozen=True, slots=True)
class Operation:
    """A request that begins one hand-over.

    `prepare` brings the service to where the operation can begin and is not disturbed; `begin` does not wait; `is_done`
    is asked while the router is at rest: True if nothing of the operation is to come any more.
    """

    name: str
    prepare: Callable[[RouterUnderTest, str], None]
    begin: Callable[[RouterUnderTest, str], None]
    steps: Callable[[str], tuple[Step, ...]]
    is_done: Callable[[RouterUnderTest, str], bool] = lambda sut, name: True

    def faults(self, service: str) -> tuple[Fault, ...]:
        return tuple(Fault(service, step, moment) for step in self.steps(service) for moment in Moment)


def _mode(service: str) -> Mode:
    return Mode.TAKEOVER if SERVICES[service].is_takeover else Mode.OVERLAP


def _forward(service: str) -> tuple[Step, ...]:
    return tuple(phase.step for phase in TABLES[_mode(service)])


def _undo(service: str) -> tuple[Step, ...]:
    table = TABLES[_mode(service)]
    soak = next(i for i, phase in enumerate(table) if phase.step is Step.SOAK)
    return tuple(phase.undo for phase in reversed(table[:soak]) if phase.undo)


def _configured(service: str) -> tuple[Step, ...]:
    mode = Mode.RELOAD if SERVICES[service].change_reloads else _mode(service)
    return tuple(phase.step for phase in TABLES[mode])


def _nothing(sut: RouterUnderTest, name: str) -> None:
    del sut, name


def _swap(sut: RouterUnderTest, name: str) -> None:
    sut.ask(lambda control: control.swap(name, sut.other_version(name), wait=False))


def _be_older_alone(sut: RouterUnderTest, name: str) -> None:
    """Pin the others and bring the service to the older release: an upgrade then takes it along alone."""
    for other in SERVICES:
        sut.pin(other, is_pinned=other != name)
    if sut.status(name).version != sut.version_in(OLDER, name):
        sut.ask(lambda control: control.swap(name, sut.version_in(OLDER, name), wait=True))
        sut.await_rest()


def _upgrade(sut: RouterUnderTest, name: str) -> None:
    del name
    sut.ask(lambda control: control.upgrade(NEWER, wait=False))


def _have_former(sut: RouterUnderTest, name: str) -> None:
    """Let the service have a former version that differs from what runs: it does after a swap that succeeded."""
    if not any(
        record.outcome == "succeeded" and record.from_version not in (None, record.to_version)
        for record in sut.history(name, 1000)
    ):
        sut.ask(lambda control: control.swap(name, sut.other_version(name), wait=True))
        sut.await_rest()


def _roll_back(sut: RouterUnderTest, name: str) -> None:
    sut.ask(lambda control: control.rollback(name, wait=False))


def _be_soaking(sut: RouterUnderTest, name: str) -> None:
    _swap(sut, name)
    sut.await_step(name, Step.SOAK)


def _configure(sut: RouterUnderTest, name: str) -> None:
    """Apply another content, never the lab's own, of the file that asks for a hand-over of this service alone.

    A service that has no such file is restarted instead.
    """
    change = SERVICES[name].change
    if change is None:
        sut.ask(lambda control: control.restart(name, wait=False))
        return
    folder = network.folder(sut.router.lab) / "turns"
    folder.mkdir(exist_ok=True)
    turn = len(list(folder.iterdir()))
    base, content = change(turn)
    file = f"{turn:04d}-{base}.json.{turn:08d}"
    (folder / file).touch()
    sut.ask(lambda control: control.apply_config(((file, json.dumps(content).encode()),), wait=False))


def _is_configured(sut: RouterUnderTest, name: str) -> bool:
    """True if the configuration has arrived: what was undone with the supervisor, the next one brings again."""
    return SERVICES[name].change is None or sut.history(name, 1)[0].outcome == Outcome.SUCCEEDED


OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        operation.name: operation
        for operation in (
            Operation("swap", _nothing, _swap, _forward),
            Operation("rollback", _have_former, _roll_back, _forward),
            Operation("rollback-in-soak", _be_soaking, _roll_back, _undo),
            Operation("upgrade", _be_older_alone, _upgrade, _forward),
            Operation("configure", _nothing, _configure, _configured, _is_configured),
        )
    }
)
