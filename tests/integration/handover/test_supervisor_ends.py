"""The supervisor is killed, or told to end, at rest and in the middle of hand-overs: services never notice.

The points of a hand-over where that hurts most; `tests/faults/test_killed_supervisor.py` goes through all of them.
"""

from __future__ import annotations

import os
import signal
import time

import pytest

from lab import peer
from lab.clients import Dnsperf, DnsProbe, HttpProbe, LineEcho
from lab.router import PROGRAM, Router
from lab.scenarios import Load, follow, under_load
from lab.scenarios.facts import newest_handover, service
from lab.scenarios.loads import METADATA_URL
from lab.session import SERVICES
from lab.topology import CLIENT_IP, VIP
from tests.integration.handover.invariants import await_rest, pids

pytestmark = [pytest.mark.integration, pytest.mark.lab, pytest.mark.timeout(90)]


def everyday(seconds: float) -> tuple[Load, ...]:
    """A little of everything, at rates that leave the machine time for the supervisor's own work."""
    return (
        Load("dnsperf", "guest", Dnsperf(rate=2000, seconds=seconds)),
        Load("dns over tcp", "guest", DnsProbe("tcp", seconds=seconds)),
        Load("dns, one source port", "guest", DnsProbe("udp", seconds=seconds, source="10.1.1.33")),
        Load("metadata", "guest", HttpProbe(METADATA_URL, seconds=seconds)),
        Load("load balancer", "public", HttpProbe(f"http://{VIP}/ip", CLIENT_IP, CLIENT_IP, seconds=seconds)),
        Load("tcp line", "public", LineEcho(seconds=seconds)),
    )


def end(router: Router, number: signal.Signals) -> None:
    """Send the supervisor a signal and wait until it is gone."""
    record = router.processes.find(PROGRAM)
    assert record is not None
    os.kill(record.pid, number)
    deadline = time.monotonic() + 20
    while record.is_alive:
        assert time.monotonic() < deadline, "the supervisor does not end"
        time.sleep(0.02)


def restart(router: Router) -> None:
    router.start()
    router.await_ready(30.0, SERVICES)


@pytest.mark.parametrize("number", [signal.SIGKILL])  # SIGTERM is in lifecycle
def test_services_outlive_the_supervisor_and_are_adopted(router: Router, number: signal.Signals) -> None:
    before, handover = pids(router), {name: newest_handover(router, name)["id"] for name in SERVICES}

    def act(_: object) -> None:
        end(router, number)
        time.sleep(0.5)
        restart(router)

    seen, _ = under_load(router, everyday(8.0), act)

    assert [one.fault for one in seen if one.fault] == []
    assert pids(router) == before, "a service was restarted"
    assert {name: newest_handover(router, name)["id"] for name in SERVICES} == handover
    assert all(service(router, name)["restarts"] == 0 for name in SERVICES)


def test_a_swap_that_lost_its_supervisor_is_finished_or_undone(
    router: Router, newer: dict[str, str], older: dict[str, str]
) -> None:
    def act(_: object) -> None:
        swap_and_kill_at(router, "dnsmasq", newer["dnsmasq"], "cut-over")
        restart(router)
        await_rest(router)

    seen, _ = under_load(router, everyday(7.0)[:3], act)

    assert [one.fault for one in seen if one.fault] == []
    tells_the_truth(router, "dnsmasq", older["dnsmasq"], newer["dnsmasq"])


def test_the_same_for_services_of_their_own_namespace(
    router: Router, newer: dict[str, str], older: dict[str, str]
) -> None:
    def act(_: object) -> None:
        swap_and_kill_at(router, "haproxy", newer["haproxy"], "cut-over")
        restart(router)

    seen, _ = under_load(router, everyday(7.0)[3:], act)

    assert [one.fault for one in seen if one.fault] == []
    await_rest(router)
    tells_the_truth(router, "haproxy", older["haproxy"], newer["haproxy"])


def test_a_takeover_that_lost_its_supervisor_brings_the_tunnel_back(
    router: Router, newer: dict[str, str], older: dict[str, str]
) -> None:
    deletes = peer.status(router.lab).deletes_received

    swap_and_kill_at(router, "strongswan", newer["strongswan"], "kill-former")
    restart(router)

    await_rest(router)
    tells_the_truth(router, "strongswan", older["strongswan"], newer["strongswan"])
    deadline = time.monotonic() + 15
    while not peer.status(router.lab).is_established:
        assert time.monotonic() < deadline, peer.status(router.lab)
        time.sleep(0.2)
    assert peer.status(router.lab).deletes_received == deletes


def swap_and_kill_at(router: Router, name: str, version: str, step: str) -> None:
    """Kill the supervisor at the moment it says that the step begins."""
    reached: list[str] = []

    def at(phase: str) -> None:
        reached.append(phase)
        if phase == step:
            end(router, signal.SIGKILL)

    follow(router, ["swap", name, "--to", version], at, expect_success=False)
    assert step in reached, reached


def tells_the_truth(router: Router, name: str, older: str, newer: str) -> None:
    """Status and history agree about what serves."""
    now, record = service(router, name), newest_handover(router, name)
    assert record["to_version"] == newer
    assert record["outcome"] in ("succeeded", "reverted", "failed")
    assert now["version"] == (newer if record["outcome"] == "succeeded" else older)
    assert now["ready"]
    assert record["reason"] or record["outcome"] == "succeeded"
