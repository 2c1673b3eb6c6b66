"""A candidate that passes every probe and fails its clients is found by what is counted, unless it was so before."""

from __future__ import annotations

import itertools
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.broken.draft import Draft
from lab.broken.kind import Fails, Kind
from lab.router import NEWER, OLDER, bundle_path
from supervisor.values.handover import Outcome, Step
from supervisor.values.status import HandoverRecord
from tests.faults.broken.releases import IMAGES, KEY, broken_release
from tests.faults.router_under_test import RouterUnderTest, router_under_test
from tests.kit.live.invariants import violations

pytestmark = [pytest.mark.integration, pytest.mark.lab, pytest.mark.timeout(300)]

SERVICE = "dnsmasq"
SOAK = 4.0
KNOWN, FOREIGN = "data-server", "foreign.example.org"


def _no_upstreams(draft: Draft) -> None:
    draft.replace("dnsmasq.conf.j2", "server={{ upstream | token }}", "# {{ upstream | token }}")


BROKEN = Kind("has-nobody-to-ask", _no_upstreams, Fails.SERVING, "fails")


@pytest.fixture(scope="module")
def sut() -> Iterator[RouterUnderTest]:
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    for needed in (bundle_path(OLDER), bundle_path(NEWER), IMAGES / "images.json", KEY):
        if not needed.is_file():
            pytest.skip(f"{needed} is missing: run `make bundle`")
    with router_under_test("vrfe", soak=SOAK, drain=2.0) as made:
        yield made


@pytest.fixture(scope="module")
def number() -> Iterator[int]:
    return itertools.count(801)


def ask(sut: RouterUnderTest, name: str, times: int) -> None:
    """Ask for a name as a guest does: foreign names are refused, for the lab's upstreams cannot be reached."""
    for _ in range(times):
        subprocess.run(
            [
                "nsenter",
                f"--net=/run/netns/{sut.router.lab.guest}",
                "dig",
                "+tries=1",
                "+time=1",
                "@10.1.1.1",
                name,
            ],
            capture_output=True,
            check=False,
        )


def swapped(sut: RouterUnderTest, number: int, folder: Path) -> HandoverRecord:
    """Swap to the broken candidate while guests ask for foreign names."""
    with broken_release(folder, SERVICE, BROKEN, number) as broken:
        sut.router.vrctl("bundle", "import", str(broken.path))
        sut.ask(lambda control: control.swap(SERVICE, broken.version, wait=False))
        sut.await_step(SERVICE, Step.SOAK)
        time.sleep(0.7)  # the counters are read for the first time
        ask(sut, FOREIGN, 15)
        sut.await_rest()
    return sut.history(SERVICE, 1)[0]


def test_what_only_the_candidate_fails_takes_the_hand_over_back(
    sut: RouterUnderTest, number: Iterator[int], tmp_path: Path
) -> None:
    before = sut.status(SERVICE)
    ask(sut, KNOWN, 30)
    record = swapped(sut, next(number), tmp_path)
    now = sut.status(SERVICE)
    assert record.outcome == Outcome.REVERTED, record
    assert "answers failed since the cut-over" in record.reason
    assert f"vrs-{SERVICE}" in record.reason
    assert (now.version, now.generation) == (before.version, before.generation)
    assert "answers failed since the cut-over" in now.message
    assert not violations(sut.router)


@pytest.mark.slow
def test_what_failed_before_is_no_reason_to_go_back(
    sut: RouterUnderTest, number: Iterator[int], tmp_path: Path
) -> None:
    other = sut.other_version(SERVICE)
    sut.ask(lambda control: control.swap(SERVICE, other, wait=False))
    sut.await_rest()
    ask(sut, FOREIGN, 20)
    record = swapped(sut, next(number), tmp_path)
    assert record.outcome == Outcome.SUCCEEDED, record
    assert not violations(sut.router)
    # Another test's candidate is the same one: while it serves there is nothing to hand over.
    sut.ask(lambda control: control.swap(SERVICE, other, wait=False))
    sut.await_rest()
