"""Walks scenarios through faults, one fault at a time, and says what did not hold afterwards."""

from __future__ import annotations

import functools
from contextlib import suppress
from dataclasses import dataclass

from supervisor.values.errors import SupervisorError
from supervisor.values.handover import Outcome
from tests.fakes.faults import Died, Failure
from tests.fakes.kernel import Impossible
from tests.fakes.stepped import Restless
from tests.unit.loop.invariants import violations
from tests.unit.loop.scenarios import ALL, DOWN_SECONDS, Router, Scenario, prepared

CONVERGES_SECONDS = 10.0  # from a supervisor's end to the next one's rest
TAKEOVER_SECONDS = 0.3  # for which nothing answers while two change places; the kernel goes on
REFUSED_SECONDS = 400.0  # a configuration that failed is tried again within
PHASES = tuple(0.017 * number for number in range(12))  # together as long as clients take between two leases


@dataclass(frozen=True, slots=True)
class Walked:
    """A scenario in which nothing went wrong."""

    calls: tuple[str, ...]
    changes: tuple[str, ...]


@functools.cache
def walked(scenario: Scenario, phase: float = 0.0) -> Walked:
    """List what the supervisor does: these are the points at which something can go wrong."""
    with prepared(scenario, phase) as router:
        _carry_out(router, scenario)
        seen = Walked(tuple(router.machine.fate.calls), tuple(router.machine.fate.changes))
        wrong = [*violations(router, scenario.service), *losses(router, scenario)]
        assert not wrong, wrong
        return seen


# A second supervisor that dies while such a former is started again is followed by one that first sends clients there.
TWICE_DEAD_SECONDS = 0.01


def losses(router: Router, scenario: Scenario, gap: float = TAKEOVER_SECONDS) -> list[str]:
    """What clients lost that they need not."""
    outage, broken = router.machine.outage.get(scenario.service, 0.0), router.machine.connections.broken
    wrong = []
    # A former active that takes state back which cannot be replayed is started again for it.
    history = router.machine.store.history(scenario.service, 10)
    is_started_again = any(one.outcome == Outcome.REVERTED for one in history) and (
        scenario.service == "router" or scenario.name == "revert-after-instance"  # or for a configuration that came
    )
    if scenario.service == "takeover":
        if outage > 2 * gap + router.deaths * (DOWN_SECONDS + gap):
            wrong.append(f"nothing answered for {outage:.3f} s")
    elif outage > (TWICE_DEAD_SECONDS if is_started_again and router.deaths > 1 else 1e-9):
        wrong.append(f"nobody served for {outage:.3f} s")
    if broken and not is_started_again:
        wrong.append(f"{len(broken)} connections were broken")
    return wrong


def dies(scenario: Scenario, change: int, *, phase: float = 0.0, again: int | None = None) -> list[str]:
    """The supervisor dies before that change (`again`: the next one too, in its own count); what is wrong at rest?"""
    with prepared(scenario, phase) as router:
        machine = router.machine
        machine.fate.begin(dies_before=change)
        try:
            with suppress(Died):
                _carry_out(router, scenario)
            router.die()
            if again is not None:
                machine.fate.begin(dies_before=again)
            router.recover()
            machine.fate.begin()
        except (Impossible, Restless) as error:
            return [repr(error)]
        wrong = [*violations(router, scenario.service), *losses(router, scenario)]
        took = machine.clock.elapsed - router.died_at
        if took > CONVERGES_SECONDS:
            wrong.append(f"it took {took:.1f} s")
        wrong = wrong or _goes_on(router, scenario)
        # Both may have learnt something in two times without a supervisor, and nothing can join it.
        return wrong if again is None else but_for_leases(wrong)


def reboots(scenario: Scenario, change: int, *, keeps_containers: bool) -> list[str]:
    """The power goes before that change; what is wrong when the router is up again?"""
    with prepared(scenario) as router:
        router.machine.fate.begin(dies_before=change)
        try:
            with suppress(Died):
                _carry_out(router, scenario)
            router.die()
            router.machine.reboot(keeps_containers=keeps_containers)
            router.recover()
        except (Impossible, Restless) as error:
            return [repr(error)]
        wrong = violations(router, scenario.service) or _goes_on(router, scenario)
        # A candidate that is on its way out when the power goes is not asked any more.
        return but_for_leases(wrong) if scenario.name.startswith("revert") else wrong


def fails(scenario: Scenario, failure: Failure) -> list[str]:
    """One call fails; what is wrong at rest? Whoever is told that something cannot be done asks once more."""
    with prepared(scenario) as router:
        machine, worker = router.machine, router.worker(scenario.service)
        machine.fate.begin(failure=failure)
        try:
            try:
                scenario.act(router, scenario.service)
            except SupervisorError:
                scenario.act(router, scenario.service)
            worker.run_until_settled()
            machine.fate.begin()
            wrong = losses(router, scenario, gap=1.2)
            if worker.retry_policy.is_degraded:
                machine.send_clients_away()
                worker.run_until(lambda: worker.is_settled and not worker.retry_policy.is_degraded, REFUSED_SECONDS)
        except (Impossible, Restless, SupervisorError) as error:
            return [repr(error)]
        wrong += violations(router, scenario.service)
        # A table that was changed although the change is said to have failed: both learn, and only one can be copied.
        return but_for_leases(wrong) if scenario.name == "revert-after-instance" else wrong


def _carry_out(router: Router, scenario: Scenario) -> None:
    scenario.act(router, scenario.service)
    router.worker(scenario.service).run_until_settled()


def but_for_leases(wrong: list[str]) -> list[str]:
    """One that is lost is granted anew, to the same guest, when it is renewed."""
    return [one for one in wrong if "leases lost" not in one]


def _goes_on(router: Router, scenario: Scenario) -> list[str]:
    """A router that came to rest can be changed again."""
    restart = next(one for one in ALL if one.service == scenario.service and one.name == "restart")
    try:
        _carry_out(router, restart)
    except (Impossible, Restless, SupervisorError) as error:
        return [f"and then: {error!r}"]
    return [f"and then: {one}" for one in violations(router, scenario.service)]
