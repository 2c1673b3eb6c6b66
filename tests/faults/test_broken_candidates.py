"""Twenty kinds of broken candidate for each service, swapped to while its clients are at work: nobody is worse off.

What the gate can see is never given traffic, and costs nobody a request. What fails while it serves is reverted within
a second of being noticed; until then its clients get what it gives them, which is counted and bounded.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from lab.broken.draft import WRAPPER
from lab.broken.kind import Kind
from lab.router import NEWER, OLDER, bundle_path
from lab.services import SERVICES
from supervisor.values.handover import Step
from tests.faults.broken.kinds import kinds_of
from tests.faults.broken.releases import IMAGES, KEY, broken_release
from tests.faults.broken.trial import Trial, Verdict
from tests.faults.router_under_test import RouterUnderTest, router_under_test

pytestmark = [pytest.mark.integration, pytest.mark.lab, pytest.mark.timeout(900)]

SOAK = 10.0  # longer than any of them takes to fail


@pytest.fixture(scope="module")
def sut() -> Iterator[RouterUnderTest]:
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    for needed in (bundle_path(OLDER), bundle_path(NEWER), IMAGES / "images.json", KEY):
        if not needed.is_file():
            pytest.skip(f"{needed} is missing: run `make bundle`")
    with router_under_test("vrfb", soak=SOAK, drain=2.0) as made:
        yield made


@pytest.fixture(scope="module")
def number() -> Iterator[int]:
    """Return numbers for the releases: each has a name of its own."""
    return itertools.count(1)


@pytest.mark.parametrize("name", SERVICES)
def test_a_broken_candidate_does_not_replace_what_works(
    sut: RouterUnderTest,
    number: Iterator[int],
    tmp_path: Path,
    sample: Callable[[Sequence[Kind], str], tuple[Kind, ...]],
    name: str,
    record_property: Callable[[str, object], None],
) -> None:
    kinds = sample(kinds_of(name), f"broken {name}")
    if not kinds:
        pytest.skip("not the fault that was asked for")
    verdicts: list[Verdict] = []
    wrong: list[str] = []
    for kind in kinds:
        try:
            with broken_release(tmp_path, name, kind, next(number)) as broken:
                verdicts.append(Trial(sut, name, kind, broken).hold())
            print(verdicts[-1])
        except AssertionError as error:
            wrong.append(f"{name} {kind}: {error}")
            print(f"BROKEN PROMISE: {wrong[-1]}")
            _mend(sut, name)
    record_property("broken", len(verdicts))
    record_property(
        "slowest_revert_seconds", max((verdict.reverted_within or 0.0 for verdict in verdicts), default=0.0)
    )
    record_property("lost_while_serving", sum(verdict.lost for verdict in verdicts))
    assert not wrong, "\n".join(wrong)


def _mend(sut: RouterUnderTest, name: str) -> None:
    """Bring the older version back, so that one broken promise does not break those that follow."""
    sut.await_rest(60.0)
    good = sut.version_in(OLDER, name)
    if sut.status(name).version != good:
        sut.router.vrctl("swap", name, "--to", good, "--no-wait")
        sut.await_step(name, Step.SOAK)
        sut.router.vrctl("confirm", name)
        sut.await_rest(60.0)


def test_every_service_has_twenty_kinds_or_cannot_show_them() -> None:
    """A service that lacks one has no such part: no lease file, no answers of its own, no check before it runs.

    A service whose breakage nobody has described shows those that need no description.
    """
    described = [name for name, service in SERVICES.items() if service.breakage.configuration]
    assert len({kind.name for name in SERVICES for kind in kinds_of(name)}) >= 20
    assert {name: len(kinds_of(name)) for name in described if len(kinds_of(name)) < 18} == {}
    assert {name: len(kinds_of(name)) for name in SERVICES if len(kinds_of(name)) < 13} == {}


def test_the_wrapper_is_a_template_as_it_stands() -> None:
    assert "endraw" not in WRAPPER.read_text(encoding="utf-8")
