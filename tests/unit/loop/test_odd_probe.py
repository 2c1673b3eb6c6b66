"""One odd answer in a soak is one odd answer: what has just proved itself is not reverted for it."""

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
        is_first = patient.worker._soaks and probe.argument("command") == "is it ready"
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
