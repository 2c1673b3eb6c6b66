"""How long clients wait for a daemon that is killed or hangs. The bounds are generous; `make bench` prints figures."""

from __future__ import annotations

import signal
import statistics
from collections.abc import Callable, Sequence

import pytest

from bench.recovery import MOST_HUNG, silence
from lab.services import SERVICES
from tests.faults.router_under_test import RouterUnderTest
from tests.kit.live.invariants import violations

pytestmark = [pytest.mark.integration, pytest.mark.lab, pytest.mark.timeout(1800)]

MEASURED = tuple(name for name, service in SERVICES.items() if service.silence)
ROUNDS = 20
KILLED_SECONDS = 1.0  # the median; half of it on a machine that does nothing else
HUNG_SECONDS = 4.0  # the median; less than 3 on such a machine


def test_a_daemon_that_was_killed_serves_again_at_once(
    breakable: RouterUnderTest,
    sample: Callable[[Sequence[str], str], tuple[str, ...]],
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    rounds = ROUNDS if request.config.getoption("--faults") == "all" else 1
    _measure(breakable, sample(MEASURED, "killed"), signal.SIGKILL, rounds, KILLED_SECONDS, record_property)


def test_a_daemon_that_hangs_is_replaced(
    breakable: RouterUnderTest,
    sample: Callable[[Sequence[str], str], tuple[str, ...]],
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    rounds = MOST_HUNG if request.config.getoption("--faults") == "all" else 1
    _measure(breakable, sample(MEASURED, "hung"), signal.SIGSTOP, rounds, HUNG_SECONDS, record_property)


def _measure(
    sut: RouterUnderTest,
    names: tuple[str, ...],
    number: signal.Signals,
    rounds: int,
    bound: float,
    record_property: Callable[[str, object], None],
) -> None:
    if not names:
        pytest.skip("not the fault that was asked for")
    slow: list[str] = []
    for name in names:
        gaps = [silence(sut.router, name, number) for _ in range(rounds)]
        median = statistics.median(gaps)
        print(f"{name} {number.name}: median {median:.2f} s of {', '.join(f'{gap:.2f}' for gap in gaps)}")
        record_property(f"{name}_seconds", round(median, 3))
        if median > bound:
            slow.append(f"{name} was silent for {median:.2f} s, {bound:g} s may be: {gaps}")
    assert not slow, slow
    sut.await_rest()
    wrong = violations(sut.router)
    assert not wrong, wrong
