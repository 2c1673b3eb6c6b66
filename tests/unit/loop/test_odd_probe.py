"""Answers that say little: an odd one in a soak reverts nothing, and one that came too late calls nobody well."""

from __future__ import annotations

import pytest

from supervisor.values.names import ServiceName
from supervisor.values.state import ProbeResult, ProbeTarget, ResolvedProbe
from tests.unit.loop.ailments import MINUTE, Ward, ward
from tests.unit.loop.loop_samples import SERVICES
from tests.unit.loop.scenarios import swap


def answer_oddly_in_soak(patient: Ward, times: int) -> list[str]:
    """So many readiness probes in a row fail, from the first in the soak on; return where each is noted."""
    ask, odd = patient.machine.ask, list[str]()

    def asked(probe: ResolvedProbe, target: ProbeTarget) -> ProbeResult:
        is_first = patient.worker.soaks and probe.argument("command") == "is it ready"
        if is_first and len(odd) < times:
            odd.append(target.container)
            return ProbeResult(False, "odd", 0.0)
        return ask(probe, target)

    patient.machine.ask = asked  # type: ignore[method-assign]
    return odd


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(("times", "outcome"), [(1, "succeeded"), (20, "reverted")])
def test_a_soak_ends_by_as_many_failures_as_the_manifest_says(service: ServiceName, times: int, outcome: str) -> None:
    with ward(service) as patient:
        before, odd = patient.last, answer_oddly_in_soak(patient, times)
        swap(patient.router, service)
        patient.wait(MINUTE)
        assert patient.story(before) == [("swap", outcome)]
        assert len(odd) >= min(times, 2)


@pytest.mark.parametrize("service", SERVICES)
def test_what_hangs_is_not_called_ready_because_its_router_is_slow(service: ServiceName) -> None:
    with ward(service) as patient:
        ask, before, hung = patient.machine.ask, patient.last, patient.keeper.instance.container_name

        def asked(probe: ResolvedProbe, target: ProbeTarget) -> ProbeResult:
            if target.container != hung:
                return ask(probe, target)
            is_late = probe.argument("command") == "is it ready"
            return ProbeResult(False, "no answer", probe.timeout + 1.0 if is_late else 0.0)

        patient.machine.ask = asked  # type: ignore[method-assign]
        patient.wait(MINUTE)
        healed = patient.story(before) == [("heal", "succeeded")]
        assert healed or patient.machine.store.restarts(service)  # two of a takeover cannot run at once


@pytest.mark.parametrize("service", SERVICES)
def test_a_candidate_that_ends_while_it_is_asked_is_not_called_hung(service: ServiceName) -> None:
    with ward(service) as patient:
        ask, before, refused = patient.machine.ask, patient.last, list[str]()

        def asked(probe: ResolvedProbe, target: ProbeTarget) -> ProbeResult:
            if not patient.worker.soaks or target.container != patient.keeper.instance.container_name:
                return ask(probe, target)
            if probe.argument("command") != "is it ready":
                refused.append(target.container)
            elif len(refused) >= patient.keeper.definition.manifest.liveness.threshold:
                patient.machine.engine.end(target.container, 9)  # between the last look and the last question
            else:
                return ask(probe, target)
            return ProbeResult(False, "no answer", 0.0)

        patient.machine.ask = asked  # type: ignore[method-assign]
        swap(patient.router, service)
        patient.wait(MINUTE)
        assert patient.story(before) == [("swap", "reverted")]
        assert "exit code 9" in patient.machine.store.history(service, 1)[0].reason
