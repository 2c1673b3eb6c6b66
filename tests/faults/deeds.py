"""What an operator or a management server does to a service: each deed begins one hand-over for a fault to meet."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from lab import commands, network
from lab.router import NEWER, OLDER
from lab.session import SERVICES
from supervisor.decisions.handover import TABLES
from supervisor.loop.fault_points import Moment
from supervisor.values.handover import Mode, Outcome, Step
from tests.faults.points import Fault
from tests.faults.subject import Subject


@dataclass(frozen=True, slots=True)
class Deed:
    """`prepare` brings the service to where the deed can begin and is not disturbed; `begin` does not wait.

    `is_done` may be asked while the router is at rest: is nothing of the deed to come any more?
    """

    name: str
    prepare: Callable[[Subject, str], None]
    begin: Callable[[Subject, str], None]
    steps: Callable[[str], tuple[Step, ...]]
    is_done: Callable[[Subject, str], bool] = lambda subject, name: True

    def faults(self, service: str) -> tuple[Fault, ...]:
        return tuple(Fault(service, step, moment) for step in self.steps(service) for moment in Moment)


def _mode(service: str) -> Mode:
    return Mode.TAKEOVER if service == "strongswan" else Mode.OVERLAP


def _forward(service: str) -> tuple[Step, ...]:
    return tuple(phase.step for phase in TABLES[_mode(service)])


def _undo(service: str) -> tuple[Step, ...]:
    table = TABLES[_mode(service)]
    soak = next(i for i, phase in enumerate(table) if phase.step is Step.SOAK)
    return tuple(phase.undo for phase in reversed(table[:soak]) if phase.undo)


def _configured(service: str) -> tuple[Step, ...]:
    return tuple(phase.step for phase in TABLES[Mode.RELOAD]) if service == "strongswan" else _forward(service)


def _nothing(subject: Subject, name: str) -> None:
    del subject, name


def _swap(subject: Subject, name: str) -> None:
    subject.ask(lambda control: control.swap(name, subject.other_version(name), wait=False))


def _be_older_alone(subject: Subject, name: str) -> None:
    """An upgrade takes every service along that is not pinned."""
    for other in SERVICES:
        subject.pin(other, is_pinned=other != name)
    if subject.status(name).version != subject.version_in(OLDER, name):
        subject.ask(lambda control: control.swap(name, subject.version_in(OLDER, name), wait=True))
        subject.await_rest()


def _upgrade(subject: Subject, name: str) -> None:
    del name
    subject.ask(lambda control: control.upgrade(NEWER, wait=False))


def _have_former(subject: Subject, name: str) -> None:
    """What is rolled back to must differ from what runs: it does after a swap that succeeded."""
    if not any(
        one.outcome == "succeeded" and one.from_version not in (None, one.to_version)
        for one in subject.history(name, 1000)
    ):
        subject.ask(lambda control: control.swap(name, subject.other_version(name), wait=True))
        subject.await_rest()


def _roll_back(subject: Subject, name: str) -> None:
    subject.ask(lambda control: control.rollback(name, wait=False))


def _be_soaking(subject: Subject, name: str) -> None:
    _swap(subject, name)
    subject.await_step(name, Step.SOAK)


def _configure(subject: Subject, name: str) -> None:
    """Every time another content, the lab's own never, of the file that asks for a hand-over of this service alone.

    The password server has no such file while the networks stay as they are: it is restarted instead.
    """
    if name not in _CHANGES:
        subject.ask(lambda control: control.restart(name, wait=False))
        return
    folder = network.folder(subject.router.lab) / "turns"
    folder.mkdir(exist_ok=True)
    turn = len(list(folder.iterdir()))
    base, content = _CHANGES[name](turn)
    file = f"{turn:04d}-{base}.json.{turn:08d}"
    (folder / file).touch()
    subject.ask(lambda control: control.apply_config(((file, json.dumps(content).encode()),), wait=False))


def _is_configured(subject: Subject, name: str) -> bool:
    """A configuration that was undone with the supervisor that brought it is brought again by the next one."""
    return name not in _CHANGES or subject.history(name, 1)[0].outcome == Outcome.SUCCEEDED


def _other_resolvers(turn: int) -> tuple[str, dict[str, Any]]:
    return "guest_network", commands.guest_network() | {"dns": f"192.0.2.{1 + turn % 200}"}


def _other_timeout(turn: int) -> tuple[str, dict[str, Any]]:
    content = commands.load_balancer()
    lines = content["rules"][0]["configuration"]
    at = next(i for i, line in enumerate(lines) if "timeout client" in line)
    lines[at] = f"\ttimeout client     {50_001 + turn}"
    return "load_balancer", content


def _other_name(turn: int) -> tuple[str, dict[str, Any]]:
    content = commands.cmd_line()
    content["cmd_line"]["name"] = f"r-{turn + 2}-VM"
    return "cmd_line", content


def _other_lifetime(turn: int) -> tuple[str, dict[str, Any]]:
    return "site_2_site_vpn", commands.site_to_site() | {"esp_lifetime": 3601 + turn}


_CHANGES: Mapping[str, Callable[[int], tuple[str, dict[str, Any]]]] = MappingProxyType(
    {
        "dnsmasq": _other_resolvers,
        "haproxy": _other_timeout,
        "apache-metadata": _other_name,
        "strongswan": _other_lifetime,
    }
)


DEEDS: Mapping[str, Deed] = MappingProxyType(
    {
        deed.name: deed
        for deed in (
            Deed("swap", _nothing, _swap, _forward),
            Deed("rollback", _have_former, _roll_back, _forward),
            Deed("rollback-in-soak", _be_soaking, _roll_back, _undo),
            Deed("upgrade", _be_older_alone, _upgrade, _forward),
            Deed("configure", _nothing, _configure, _configured, _is_configured),
        )
    }
)
