"""The power fails in the middle of a swap, and comes back with no medium attached: one good generation of each serves.

What is stored is used: images, leases, passwords. What was in memory is gone: containers, namespaces, rules, files.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

import pytest

from lab import peer
from lab.clients import DnsProbe, HttpProbe, RenewingGuests, run
from lab.scenarios import facts
from lab.scenarios.loads import METADATA_URL
from lab.session import SERVICES
from lab.tools import run_inside
from lab.topology import CLIENT_IP, GUEST_COUNT, ROUTER_GUEST_IP, VIP, guests_of_lab
from supervisor.values.handover import Outcome
from supervisor.values.status import ServiceStatus
from tests.faults.deeds import DEEDS
from tests.faults.points import Fault
from tests.faults.power_cut import cut_power, detach_media
from tests.faults.subject import Subject
from tests.integration.handover.invariants import violations

pytestmark = [pytest.mark.integration, pytest.mark.lab, pytest.mark.timeout(1800)]

POINTS = 20  # of the whole campaign
BOOTED_SECONDS = 30.0
TUNNEL_SECONDS = 20.0
ASKED = guests_of_lab()[151]  # a guest that has its password, and has not said so


def test_a_power_cut_in_a_swap_leaves_one_good_generation_of_each(
    frail_router: Subject,
    sample: Callable[[Sequence[Fault], str], tuple[Fault, ...]],
    request: pytest.FixtureRequest,
    seed: int,
    record_property: Callable[[str, object], None],
) -> None:
    known = [fault for name in SERVICES for fault in DEEDS["swap"].faults(name)]
    points = sample(known, "reboot")
    if not points:
        pytest.skip("not the fault that was asked for")
    if request.config.getoption("--faults") == "all":
        points = tuple(random.Random(f"{seed} reboot").sample(points, POINTS))
    facts.lease_all(frail_router.router)
    assert _password_of(frail_router, ASKED.address) == ASKED.password
    seconds: list[float] = []
    wrong: list[str] = []
    for fault in points:
        try:
            seconds.append(_reboot_at(frail_router, fault))
            print(f"reboot at {fault}: all ready after {seconds[-1]:.1f} s")
        except AssertionError as error:
            wrong.append(f"{fault}: {error}")
            print(wrong[-1])
    record_property("reboots", len(seconds))
    record_property("slowest_boot_seconds", max(seconds, default=0.0))
    assert not wrong, "\n".join(wrong)


def _reboot_at(subject: Subject, fault: Fault) -> float:
    subject.await_rest(60.0)
    router, name = subject.router, fault.service
    leases, images = facts.leases(router), {one.name: one.version for one in _statuses(subject)}
    newest = max((record.id for record in subject.history(name)), default=0)
    subject.arm(fault)
    DEEDS["swap"].begin(subject, name)
    subject.await_death()
    assert not subject.is_armed, "the supervisor died elsewhere"
    cut_power(router)
    detach_media(router)
    began = time.monotonic()
    router.start()
    subject.until("the supervisor answers", lambda: router.status() is not None, BOOTED_SECONDS, 0.2)
    subject.await_rest(BOOTED_SECONDS)
    seconds = time.monotonic() - began
    found = violations(router)
    assert not found, found
    _judge_versions(subject, name, newest, images)
    assert facts.leases(router) == leases, "leases are lost or came from nowhere"
    _judge_answers(subject)
    return seconds


def _judge_versions(subject: Subject, name: str, newest: int, before: dict[str, str | None]) -> None:
    """Those that were not being swapped are what they were; the other one is what the journal says."""
    for one in _statuses(subject):
        assert one.version == one.desired_version, one
        assert one.name == name or one.version == before[one.name], one
    swap = next(record for record in subject.history(name) if record.id > newest and record.kind == "swap")
    expected = swap.to_version if swap.outcome == Outcome.SUCCEEDED else swap.from_version
    assert subject.status(name).version == expected, f"{subject.status(name)} runs, the journal says {swap}"


def _judge_answers(subject: Subject) -> None:
    """Every service does its work again for those who use it."""
    lab = subject.router.lab
    own = HttpProbe(f"http://{VIP}/ip", CLIENT_IP, CLIENT_IP, seconds=0.2)
    outcomes = [
        run(DnsProbe("udp", seconds=0.2), lab.guest),
        run(DnsProbe("tcp", seconds=0.2), lab.guest),
        run(RenewingGuests(first=0, count=GUEST_COUNT, interval=60.0, seconds=0.1), lab.guest),
        run(HttpProbe(METADATA_URL, seconds=0.2), lab.guest),
        run(own, lab.public),
    ]
    assert [one for one in outcomes if not one.is_clean] == []
    assert _password_of(subject, ASKED.address) == ASKED.password, "a password that was not acknowledged is lost"
    subject.until("the tunnel is back", lambda: peer.status(lab).is_established, TUNNEL_SECONDS)


def _password_of(subject: Subject, address: str) -> str:
    asked = ["curl", "-sS", "-m", "5", "--interface", address, "-H", "DomU_Request: send_my_password"]
    return run_inside(subject.router.lab.guest, [*asked, f"http://{ROUTER_GUEST_IP}:8080/"]).strip()


def _statuses(subject: Subject) -> list[ServiceStatus]:
    return [subject.status(name) for name in SERVICES]
