"""One swap after the other over all services, while clients are at work: nothing grows, and nothing is lost."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from lab.scenarios import Seen
from lab.services import SERVICES
from supervisor.values.handover import Outcome
from tests.faults.experiment import everyone_at_work
from tests.faults.footprint import Footprint, footprint
from tests.faults.router_under_test import RouterUnderTest
from tests.kit.live.invariants import violations

pytestmark = [pytest.mark.integration, pytest.mark.lab, pytest.mark.timeout(3600)]

SWAPS, SAMPLE = 300, 10
WARM = {True: 60, False: 5}  # swaps until every service ran both versions, and caches and pools have their size
# A hand-over with its phases and events is some 1.5 KiB; the log before it is written back 4 MiB (SQLite's 1000 pages).
JOURNAL_BYTES_A_SWAP = 8 * 1024
JOURNAL_LOG_BYTES = 5 * 1024 * 1024


@pytest.mark.slow
def test_nothing_grows_from_swap_to_swap(
    breakable: RouterUnderTest, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    is_whole = request.config.getoption("--faults") == "all"
    swaps, warm = (SWAPS, WARM[True]) if is_whole else (SAMPLE, WARM[False])
    sut, began = breakable, None
    sut.await_rest(60.0)
    with everyone_at_work(sut) as clients:
        for number, name in zip(range(swaps), itertools.cycle(SERVICES), strict=False):
            if number == warm:
                began = _rested(sut)
            _swap(sut, name, number)
        ended = _rested(sut)
        results = [Seen(load, running.stop()) for load, running in clients.items()]
    assert began is not None
    print(f"{swaps} swaps: {began} became {ended}")
    record_property("swaps", swaps)
    record_property("rss_growth", round(ended.rss / began.rss, 3))
    lost = [fault for result in results if (fault := result.fault)]
    assert not lost, "\n".join(lost)
    grown = ended.growth(began)
    if not is_whole:  # so few swaps say nothing of memory
        grown = [growth for growth in grown if "rss" not in growth]
    assert not grown, grown
    assert ended.journal - began.journal <= JOURNAL_LOG_BYTES + JOURNAL_BYTES_A_SWAP * (swaps - warm), (began, ended)
    broken = violations(sut.router)
    assert not broken, broken


def _swap(sut: RouterUnderTest, name: str, number: int) -> None:
    wanted = sut.other_version(name)
    sut.ask(lambda control: control.swap(name, wanted, wait=True))
    record, runs = sut.history(name, 1)[0], sut.status(name).version
    message = f"swap {number} of {name}: {record}"
    assert record.outcome in (Outcome.RUNNING, Outcome.SUCCEEDED), message  # the former one may still be cleared away
    assert record.to_version == runs == wanted, message


def _rested(sut: RouterUnderTest) -> Footprint:
    sut.await_rest(60.0)
    return footprint(sut)
