"""Answers that say little: an odd one in a soak reverts nothing, and one that came too late calls nobody well."""

from __future__ import annotations

import logging

import pytest

from supervisor.values.errors import EngineError, NetworkError, SupervisorError
from supervisor.values.names import ServiceName
from supervisor.values.state import ProbeResult, ProbeTarget, ResolvedProbe
from tests.kit.simulation.faults import Ask
from tests.kit.simulation.samples import SERVICES
from tests.kit.simulation.scenarios import swap
from tests.kit.simulation.service import MINUTE, ROUTER, SimulatedService, simulated_service


def answer_oddly_in_soak(subject: SimulatedService, times: int) -> list[str]:
    """So many readiness probes in a row fail, from the first in the soak on; return where each is noted."""
    odd = list[str]()

    def asked(ask: Ask, probe: ResolvedProbe, target: ProbeTarget) -> ProbeResult:
        is_first = subject.worker.soaks and probe.argument("command") == "is it ready"
        if is_first and len(odd) < times:
            odd.append(target.container)
            return ProbeResult(False, "odd", 0.0)
        return ask(probe, target)

    subject.machine.faults.around["prober.ask"] = asked
    return odd


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(("times", "outcome"), [(1, "succeeded"), (20, "reverted")])
def test_a_soak_ends_by_as_many_failures_as_the_manifest_says(service: ServiceName, times: int, outcome: str) -> None:
    with simulated_service(service) as subject:
        before, odd = subject.last, answer_oddly_in_soak(subject, times)
        swap(subject.router, service)
        subject.wait(MINUTE)
        assert subject.story(before) == [("swap", outcome)]
        assert len(odd) >= min(times, 2)


@pytest.mark.parametrize("service", SERVICES)
def test_what_hangs_is_not_called_ready_because_its_router_is_slow(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before, hung = subject.last, subject.keeper.instance.container_name

        def asked(ask: Ask, probe: ResolvedProbe, target: ProbeTarget) -> ProbeResult:
            if target.container != hung:
                return ask(probe, target)
            is_late = probe.argument("command") == "is it ready"
            return ProbeResult(False, "no answer", probe.timeout + 1.0 if is_late else 0.0)

        subject.machine.faults.around["prober.ask"] = asked
        subject.wait(MINUTE)
        healed = subject.story(before) == [("heal", "succeeded")]
        assert healed or subject.machine.store.restarts(service)  # two of a takeover cannot run at once


@pytest.mark.parametrize("service", SERVICES)
def test_a_candidate_that_ends_while_it_is_asked_is_not_called_hung(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before, refused = subject.last, list[str]()

        def asked(ask: Ask, probe: ResolvedProbe, target: ProbeTarget) -> ProbeResult:
            if not subject.worker.soaks or target.container != subject.keeper.instance.container_name:
                return ask(probe, target)
            if probe.argument("command") != "is it ready":
                refused.append(target.container)
            elif len(refused) >= subject.keeper.definition.manifest.liveness.threshold:
                subject.machine.engine.end(target.container, 9)  # between the last look and the last question
            else:
                return ask(probe, target)
            return ProbeResult(False, "no answer", 0.0)

        subject.machine.faults.around["prober.ask"] = asked
        swap(subject.router, service)
        subject.wait(MINUTE)
        assert subject.story(before) == [("swap", "reverted")]
        assert "exit code 9" in subject.machine.store.history(service, 1)[0].reason


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(NetworkError("cannot enlarge the receive buffers: it has ended"), id="kernel"),
        pytest.param(EngineError("cannot inspect: refused"), id="engine"),
    ],
)
def test_buffers_that_could_not_be_enlarged_are_enlarged_at_a_later_probe(
    error: SupervisorError, caplog: pytest.LogCaptureFixture
) -> None:
    def changes() -> list[tuple[str, bool]]:
        noted = [record for record in caplog.records if record.message == "health changed"]
        return [(record.watch, record.is_good) for record in noted]  # type: ignore[attr-defined]

    with simulated_service(ROUTER) as subject, caplog.at_level(logging.INFO):
        refused, enlarged = subject.machine.faults.refused, subject.machine.buffers.enlarged
        enlarged.clear()
        refused["buffers.enlarge"] = error
        subject.crash()
        subject.wait(5.0)
        assert changes() == []
        refused.clear()
        subject.wait(5.0)
        container = subject.machine.engine.inspect(subject.keeper.instance.container_name)
        assert enlarged == {container.pid}
        assert changes() == [("readiness", True)]
        assert subject.status.is_ready
