"""The probes of an instance: rendered for a configuration, and asked until the answer is settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from supervisor.loop.care.probe_set import LATE_SECONDS, RENDER_AGAIN_SECONDS, ProbeSet, Question
from supervisor.values.errors import RenderError
from supervisor.values.router import RouterConfig
from supervisor.values.state import ProbeResult, ProbeTarget, ResolvedProbe
from tests.unit.loop.care.test_process_watch import Clock

FIRST, SECOND = (ResolvedProbe("tcp", (("port", port),), timeout=1.0) for port in ("1", "2"))
EITHER, OTHER = replace(FIRST, alternative=1), replace(SECOND, alternative=1)
GOOD, BAD = ProbeResult(True, "answers", 0.1), ProbeResult(False, "refuses", 0.1)
LATE = ProbeResult(False, "no answer", 1.0 + 2 * LATE_SECONDS)
SILENT = ProbeResult(False, "could not be asked", 0.1, is_telling=False)
ROUTER = RouterConfig()


class Daemon:
    """Renders the probes of a test, and answers them as the test says."""

    def __init__(self, probes: Sequence[ResolvedProbe], **answers: ProbeResult) -> None:
        self.rendered: tuple[ResolvedProbe, ...] | Exception = tuple(probes)
        self.answers, self.asked = answers, list[str]()

    def probes(self, *_: object) -> tuple[ResolvedProbe, ...]:
        if isinstance(self.rendered, Exception):
            raise self.rendered
        return self.rendered

    def ask(self, probe: ResolvedProbe, _: ProbeTarget) -> ProbeResult:
        port = str(probe.argument("port"))
        self.asked.append(port)
        return self.answers[f"port_{port}"]


def probe_set(daemon: Daemon, clock: Clock | None = None) -> ProbeSet:
    watch = SimpleNamespace(probes=())
    made = ProbeSet(
        cast(Any, SimpleNamespace(container_name="vrs-one-1")),
        cast(Any, SimpleNamespace(readiness=watch, liveness=watch, admission=None)),
        cast(Any, daemon),
        cast(Any, daemon),
        clock or Clock(),
        lambda: cast(Any, None),
    )
    made.configure(ROUTER)
    return made


@pytest.mark.parametrize(
    ("probes", "answers", "is_good", "asked"),
    [
        pytest.param((), {}, True, "", id="nothing is declared"),
        pytest.param((FIRST, SECOND), {"port_1": GOOD, "port_2": GOOD}, True, "12", id="all hold"),
        pytest.param((FIRST, SECOND), {"port_1": BAD, "port_2": GOOD}, False, "1", id="the first failure decides"),
        pytest.param((EITHER, OTHER), {"port_1": GOOD, "port_2": BAD}, True, "1", id="one alternative is enough"),
        pytest.param((EITHER, OTHER), {"port_1": BAD, "port_2": GOOD}, True, "12", id="the other one, too"),
        pytest.param((FIRST,), {"port_1": LATE}, None, "1", id="we were late, not the daemon"),
        pytest.param((FIRST,), {"port_1": SILENT}, None, "1", id="it could not be asked"),
    ],
)
def test_it_is_asked_until_the_answer_is_settled(
    probes: tuple[ResolvedProbe, ...], answers: dict[str, ProbeResult], is_good: bool | None, asked: str
) -> None:
    daemon = Daemon(probes, **answers)
    result = probe_set(daemon).ask(Question.READINESS)
    assert (result.is_good if result else None, "".join(daemon.asked)) == (is_good, asked)


def test_a_way_in_at_which_nothing_is_asked_says_nothing() -> None:
    """Of DNS where no DNS is served, say: that nobody asks there does not prove that the daemon works."""
    assert probe_set(Daemon(())).ask(Question.ADMISSION) is None


def test_while_its_configuration_is_a_guess_a_probe_says_nothing_until_it_has_held() -> None:
    daemon = Daemon((FIRST,), port_1=BAD)
    probes = probe_set(daemon)
    probes.doubt()
    assert probes.ask(Question.LIVENESS) is None
    daemon.answers["port_1"] = GOOD
    assert probes.ask(Question.LIVENESS)
    daemon.answers["port_1"] = BAD
    result = probes.ask(Question.LIVENESS)
    assert result
    assert not result.is_good


def test_a_known_configuration_ends_the_doubt() -> None:
    probes = probe_set(Daemon((FIRST,), port_1=BAD))
    probes.doubt()
    probes.configure(ROUTER)
    assert probes.ask(Question.LIVENESS)


def test_probes_that_cannot_be_rendered_are_rendered_again_later_and_the_doubt_stays() -> None:
    daemon, clock = Daemon((FIRST,), port_1=BAD), Clock()
    probes = probe_set(daemon, clock)
    probes.doubt()
    daemon.rendered = RenderError("no such network")
    probes.render()
    assert probes.blind == "cannot watch vrs-one-1: no such network"
    assert probes.render_due == clock.monotonic() + RENDER_AGAIN_SECONDS
    daemon.rendered = (FIRST,)
    probes.render()
    assert probes.blind == ""
    assert probes.ask(Question.READINESS) is None
