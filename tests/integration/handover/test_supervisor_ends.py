"""The supervisor is killed, or told to end, at rest and in the middle of hand-overs: services never notice.

The points of a hand-over where that hurts most; `tests/faults/test_killed_supervisor.py` goes through all of them.
"""

from __future__ import annotations

import os
import signal
import time

import pytest

from lab.facts import newest_handover, service
from lab.router import PROGRAM, Router
from lab.scenarios import Load, follow, under_load
from lab.services import SERVICES, busiest, takeovers
from tests.kit.live.invariants import ISOLATED, await_rest, pids

pytestmark = [pytest.mark.integration, pytest.mark.lab, pytest.mark.timeout(90)]


def everyday(router: Router, seconds: float, *names: str, long: bool = True) -> tuple[Load, ...]:
    """Return light clients of these services, by default of all: they leave the machine time for the supervisor's work.

    `long`: also those whose connection stays open until they end. What earlier clients used up is on offer again.
    """
    loads: list[Load] = []
    for known in (SERVICES[name] for name in names or SERVICES):
        known.refresh(router)
        loads += [*known.steady_loads(seconds), *(known.long_loads(seconds) if long else ())]
    return tuple(loads)


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
    router.await_ready(30.0, tuple(SERVICES))


@pytest.mark.parametrize("number", [signal.SIGKILL])  # SIGTERM is in lifecycle
def test_services_outlive_the_supervisor_and_are_adopted(router: Router, number: signal.Signals) -> None:
    before, handover = pids(router), {name: newest_handover(router, name)["id"] for name in SERVICES}

    def act(_: object) -> None:
        end(router, number)
        time.sleep(0.5)
        restart(router)

    seen, _ = under_load(router, everyday(router, 8.0), act)

    assert [one.fault for one in seen if one.fault] == []
    assert pids(router) == before, "a service was restarted"
    assert {name: newest_handover(router, name)["id"] for name in SERVICES} == handover
    assert all(service(router, name)["restarts"] == 0 for name in SERVICES)


def test_a_swap_that_lost_its_supervisor_is_finished_or_undone(
    router: Router, newer: dict[str, str], older: dict[str, str]
) -> None:
    name = busiest(isolated=False)

    def act(_: object) -> None:
        swap_and_kill_at(router, name, newer[name], "cut-over")
        restart(router)
        await_rest(router)

    seen, _ = under_load(router, everyday(router, 7.0, name), act)

    assert [one.fault for one in seen if one.fault] == []
    tells_the_truth(router, name, older[name], newer[name])


def test_the_same_for_services_of_their_own_namespace(
    router: Router, newer: dict[str, str], older: dict[str, str]
) -> None:
    name = busiest(isolated=True)

    def act(_: object) -> None:
        swap_and_kill_at(router, name, newer[name], "cut-over")
        restart(router)

    seen, _ = under_load(router, everyday(router, 7.0, *ISOLATED), act)

    assert [one.fault for one in seen if one.fault] == []
    await_rest(router)
    tells_the_truth(router, name, older[name], newer[name])


@pytest.mark.parametrize("name", takeovers())
def test_a_takeover_that_lost_its_supervisor_recovers(
    router: Router, newer: dict[str, str], older: dict[str, str], name: str
) -> None:
    known = SERVICES[name]
    afterwards = known.prepare(router, ())

    swap_and_kill_at(router, name, newer[name], "kill-former")
    restart(router)

    await_rest(router)
    tells_the_truth(router, name, older[name], newer[name])
    succeeded = newest_handover(router, name)["outcome"] == "succeeded"
    deadline = time.monotonic() + (known.recovery.seconds if known.recovery else 0.0)
    # The other end notices after a while.
    while missing := [check for check in afterwards() if not check.is_good and (succeeded or not check.needs_success)]:
        assert time.monotonic() < deadline, missing
        time.sleep(0.2)


def swap_and_kill_at(router: Router, name: str, version: str, step: str) -> None:
    """Kill the supervisor at the moment its progress shows that the step begins."""
    reached: list[str] = []

    def at(phase: str) -> None:
        reached.append(phase)
        if phase == step:
            end(router, signal.SIGKILL)

    follow(router, ["swap", name, "--to", version], at, expect_success=False)
    assert step in reached, reached


def tells_the_truth(router: Router, name: str, older: str, newer: str) -> None:
    """Check that status and history agree about what serves."""
    now, record = service(router, name), newest_handover(router, name)
    assert record["to_version"] == newer
    assert record["outcome"] in ("succeeded", "reverted", "failed")
    assert now["version"] == (newer if record["outcome"] == "succeeded" else older)
    assert now["ready"]
    assert record["reason"] or record["outcome"] == "succeeded"
