"""Kill points and failing calls: a scenario is run with one fault, and what does not hold afterwards is returned.

`recorded` lists the changes and calls of a scenario without faults; each is a point at which one can be injected.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from supervisor.values.errors import SupervisorError
from supervisor.values.handover import Outcome
from supervisor.values.status import HandoverRecord
from tests.kit.fakes.kernel import Impossible
from tests.kit.simulation.faults import Failure, SupervisorKilled
from tests.kit.simulation.invariants import violations
from tests.kit.simulation.router import DOWN_SECONDS, SimulatedRouter
from tests.kit.simulation.scenarios import ALL, Scenario, prepared
from tests.kit.simulation.supervisor import NeverSettled

CONVERGES_SECONDS = 10.0  # from a supervisor's end to the next one's rest
TAKEOVER_SECONDS = 0.3  # for which nothing answers while two change places; the kernel goes on
REFUSED_SECONDS = 400.0  # a configuration that failed is tried again within
PHASES = tuple(0.017 * number for number in range(12))  # together as long as clients take between two leases


@dataclass(frozen=True, slots=True)
class Recording:
    """The calls and changes of a scenario that ran without faults, in order."""

    calls: tuple[str, ...]
    changes: tuple[str, ...]


@functools.cache
def recorded(scenario: Scenario, phase: float = 0.0) -> Recording:
    """Run the scenario without faults; return the calls and changes made, at each of which a fault can be injected."""
    with prepared(scenario, phase) as router:
        _carry_out(router, scenario)
        seen = Recording(tuple(router.machine.faults.calls), tuple(router.machine.faults.changes))
        wrong = [*violations(router, scenario.service), *losses(router, scenario)]
        assert not wrong, wrong
        return seen


# A second supervisor that dies while such a former is started again is followed by one that first sends clients there.
TWICE_DEAD_SECONDS = 0.01


def losses(router: SimulatedRouter, scenario: Scenario, gap: float = TAKEOVER_SECONDS) -> list[str]:
    """List what clients lost beyond what the scenario may cost."""
    outage, broken = router.machine.outage.get(scenario.service, 0.0), router.machine.connections.broken
    wrong = []
    history = router.machine.store.history(scenario.service, 10)
    # The interfaces of a switched port are its instance's own, whose daemon has sockets there: a former that is to have
    # others is started again, as for any configuration that asks for it. Only what it had open by then may end.
    needs_instance = {"revert-after-instance", *(["revert-after-moved"] if scenario.service == "replayed" else ())}
    # A former active that takes state back which cannot be replayed is started again for it.
    is_started_again = any(record.outcome == Outcome.REVERTED for record in history) and (
        scenario.service == "router" or scenario.name in needs_instance  # or for a configuration that came
    )
    if scenario.service == "takeover":
        if outage > 2 * gap + router.deaths * (DOWN_SECONDS + gap):
            wrong.append(f"nothing answered for {outage:.3f} s")
    elif outage > (TWICE_DEAD_SECONDS if is_started_again and router.deaths > 1 else 1e-9):
        wrong.append(f"nobody served for {outage:.3f} s")
    excused = _formers(scenario, history) if is_started_again else set()  # no other one is started again
    if ended := [flow for flow in broken if flow.container not in excused]:
        wrong.append(f"{len(ended)} connections were broken")
    return wrong


def _formers(scenario: Scenario, history: Sequence[HandoverRecord]) -> set[str]:
    """Return the containers that served before the hand-overs that were reverted."""
    found = set()
    for reverted in (record for record in history if record.outcome == Outcome.REVERTED):
        before = [one for one in history if one.id < reverted.id and one.outcome == Outcome.SUCCEEDED]
        found.add(f"vrs-{scenario.service}-{max(before, key=lambda one: one.id).generation}")
    return found


def wrong_after_kill(scenario: Scenario, change: int, *, phase: float = 0.0, again: int | None = None) -> list[str]:
    """Kill the supervisor before that change (`again`: the next one too, in its own count); list what is wrong then."""
    with prepared(scenario, phase) as router:
        machine = router.machine
        machine.faults.arm(dies_before=change)
        try:
            with suppress(SupervisorKilled):
                _carry_out(router, scenario)
            router.die()
            if again is not None:
                machine.faults.arm(dies_before=again)
            router.recover()
            machine.faults.arm()
        except (Impossible, NeverSettled) as error:
            return [repr(error)]
        wrong = [*violations(router, scenario.service), *losses(router, scenario)]
        took = machine.clock.elapsed - router.died_at
        if took > CONVERGES_SECONDS:
            wrong.append(f"it took {took:.1f} s")
        wrong = wrong or _goes_on(router, scenario)
        # Both may have learnt something in two times without a supervisor, and nothing can join it.
        return wrong if again is None else without_lost_leases(wrong)


def wrong_after_power_loss(scenario: Scenario, change: int, *, keeps_containers: bool) -> list[str]:
    """Cut the power before that change; list what is wrong when the router is up again."""
    with prepared(scenario) as router:
        router.machine.faults.arm(dies_before=change)
        try:
            with suppress(SupervisorKilled):
                _carry_out(router, scenario)
            router.die()
            router.machine.reboot(keeps_containers=keeps_containers)
            router.recover()
        except (Impossible, NeverSettled) as error:
            return [repr(error)]
        wrong = violations(router, scenario.service) or _goes_on(router, scenario)
        # A candidate that is on its way out when the power goes is not asked any more.
        return without_lost_leases(wrong) if scenario.name.startswith("revert") else wrong


def wrong_after_failed_call(scenario: Scenario, failure: Failure) -> list[str]:
    """Let one call fail; list what is wrong at rest. An operator whose request is refused repeats it once."""
    with prepared(scenario) as router:
        machine, worker = router.machine, router.worker(scenario.service)
        machine.faults.arm(failure=failure)
        try:
            try:
                scenario.act(router, scenario.service)
            except SupervisorError:
                scenario.act(router, scenario.service)
            worker.run_until_settled()
            machine.faults.arm()
            wrong = losses(router, scenario, gap=1.2)
            if worker.retry_policy.is_degraded:
                machine.send_clients_away()
                worker.run_until(lambda: worker.is_settled and not worker.retry_policy.is_degraded, REFUSED_SECONDS)
        except (Impossible, NeverSettled, SupervisorError) as error:
            return [repr(error)]
        wrong += violations(router, scenario.service)
        # A table that was changed although the change is said to have failed: both learn, and only one can be copied.
        return without_lost_leases(wrong) if scenario.name == "revert-after-instance" else wrong


def _carry_out(router: SimulatedRouter, scenario: Scenario) -> None:
    scenario.act(router, scenario.service)
    router.worker(scenario.service).run_until_settled()


def without_lost_leases(wrong: list[str]) -> list[str]:
    """Leave lost leases out: a lost lease is granted anew, to the same guest, when it is renewed."""
    return [violation for violation in wrong if "leases lost" not in violation]


def _goes_on(router: SimulatedRouter, scenario: Scenario) -> list[str]:
    """List what is wrong after one more change of the router that came to rest."""
    restart = next(one for one in ALL if one.service == scenario.service and one.name == "restart")
    try:
        _carry_out(router, restart)
    except (Impossible, NeverSettled, SupervisorError) as error:
        return [f"and then: {error!r}"]
    return [f"and then: {violation}" for violation in violations(router, scenario.service)]


def main(name: str, *points: str) -> None:
    """Print the changes of a scenario, numbered; with numbers, what is wrong after a kill before each of those."""
    scenario = next(scenario for scenario in ALL if str(scenario) == name)
    changes = (*recorded(scenario).changes, "the end")
    for point in map(int, points) if points else range(len(changes)):
        print(point, changes[point], *(wrong_after_kill(scenario, point) or ["converges"] if points else []))


if __name__ == "__main__":
    main(*sys.argv[1:])
