"""Candidates that are no good: those that fail the gate never meet a client, those that fail later are reverted."""

from __future__ import annotations

import pytest

from supervisor.values.handover import Outcome
from tests.kit.simulation.invariants import violations
from tests.kit.simulation.machine import Behaviour
from tests.kit.simulation.samples import image, version
from tests.kit.simulation.scenarios import ALL, Scenario, prepared

SWAPS = [scenario for scenario in ALL if scenario.name == "swap"]
READINESS_DEADLINE = 5.0
NOTICED_SECONDS = 3.0  # interval, threshold and time-outs of the samples, and the last question

GATED = {
    "refuses its configuration": Behaviour(refuses_configuration=True),
    "cannot be executed": Behaviour(can_start=False),
    "exits at once": Behaviour(ends_after=0),
    "exits before it is ready": Behaviour(ends_after=0.03),
    "is never ready": Behaviour(is_ready=False),
    "is ready too late": Behaviour(answers_after=READINESS_DEADLINE + 0.5),
    "hangs before it has proved itself": Behaviour(hangs_after=0.06),
}
LATE = {
    "dies in soak": Behaviour(ends_after=1.0),
    "hangs in soak": Behaviour(hangs_after=1.0),
    "has lost a process for want of memory": Behaviour(starves_after=0.05),
    "dies at the end of the soak": Behaviour(ends_after=1.95),
    **{
        f"dies {age} ms after its start": Behaviour(ends_after=age / 1000) for age in (60, 65, 70, 75, 80, 90, 100, 120)
    },
}


@pytest.mark.parametrize("scenario", SWAPS, ids=str)
@pytest.mark.parametrize("behaviour", GATED.values(), ids=GATED)
def test_a_candidate_that_fails_the_gate_meets_no_client(scenario: Scenario, behaviour: Behaviour) -> None:
    service = scenario.service
    with prepared(scenario) as router:
        machine, bad = router.machine, image(service, "2.0")
        machine.behaviours[bad] = behaviour
        scenario.act(router, service)
        router.worker(service).run_until_settled()
        assert not violations(router, service)
        record = machine.store.history(service, 1)[0]
        assert record.outcome == (Outcome.REVERTED if record.seconds_to_cutover is not None else Outcome.FAILED)
        assert record.reason
        assert machine.store.desired(service) == version(service, "1.0")
        if service != "takeover":  # two of it cannot run: whether it is any good is known when the former has gone
            assert (service, bad) not in machine.served
            assert record.outcome == Outcome.FAILED
            assert machine.outage[service] == 0
            assert not machine.connections.broken
        assert machine.outage[service] < READINESS_DEADLINE + 0.5


@pytest.mark.parametrize("scenario", SWAPS, ids=str)
@pytest.mark.parametrize("behaviour", LATE.values(), ids=LATE)
def test_a_candidate_that_fails_later_is_reverted_at_once(scenario: Scenario, behaviour: Behaviour) -> None:
    service = scenario.service
    with prepared(scenario) as router:
        machine = router.machine
        machine.behaviours[image(service, "2.0")] = behaviour
        scenario.act(router, service)
        router.worker(service).run_until_settled()
        # What only a dead daemon knew is granted anew, to the same guest, when it is renewed.
        assert not [violation for violation in violations(router, service) if not violation.startswith("leases lost")]
        assert machine.store.history(service, 1)[0].outcome in (Outcome.REVERTED, Outcome.FAILED)
        assert machine.store.desired(service) == version(service, "1.0")
        assert machine.outage[service] < (NOTICED_SECONDS if behaviour.hangs_after else 0.3)


@pytest.mark.parametrize("scenario", SWAPS, ids=str)
def test_a_candidate_that_fails_its_work_is_reverted_with_the_figures(scenario: Scenario) -> None:
    service = scenario.service
    with prepared(scenario) as router:
        machine = router.machine
        machine.behaviours[image(service, "2.0")] = Behaviour(fails=0.5)
        scenario.act(router, service)
        router.worker(service).run_until_settled()
        assert not violations(router, service)
        record = machine.store.history(service, 1)[0]
        assert record.outcome == Outcome.REVERTED
        assert "answers failed since the cut-over" in record.reason
        assert "bound 10 %" in record.reason
        assert machine.store.desired(service) == version(service, "1.0")


@pytest.mark.parametrize("scenario", SWAPS, ids=str)
def test_work_that_failed_before_is_no_reason_to_go_back(scenario: Scenario) -> None:
    service = scenario.service
    with prepared(scenario) as router:
        machine = router.machine
        for behaving in (image(service, "1.0"), image(service, "2.0")):
            machine.behaviours[behaving] = Behaviour(fails=0.5)
        for daemon in machine.engine.daemons.values():
            daemon.behaviour = Behaviour(fails=0.5)
        noted = machine.clock.elapsed + 70.0  # of a takeover nobody is left to ask: what it told before counts
        router.worker(service).run_until(lambda: machine.clock.elapsed > noted, 100.0)
        scenario.act(router, service)
        router.worker(service).run_until_settled()
        assert not violations(router, service)
        assert machine.store.history(service, 1)[0].outcome == Outcome.SUCCEEDED
        assert machine.store.desired(service) == version(service, "2.0")


CONFIGURED = [scenario for scenario in ALL if scenario.name == "configure"]


@pytest.mark.parametrize("scenario", CONFIGURED, ids=str)
def test_a_configuration_may_fail_more_because_it_was_told_to(scenario: Scenario) -> None:
    service = scenario.service
    with prepared(scenario) as router:
        router.machine.behaviours[image(service, "1.0")] = Behaviour(fails=0.5)
        scenario.act(router, service)
        router.worker(service).run_until_settled()
        assert not violations(router, service)
        assert router.machine.store.history(service, 1)[0].outcome == Outcome.SUCCEEDED
