"""Twenty kinds of broken candidate for each service, swapped to while its clients are at work: nobody is worse off.

What the gate can see is never given traffic, and costs nobody a request. What fails while it serves is reverted within
a second of being noticed; until then its clients get what it gives them, which is told and bounded.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from lab.router import NEWER, OLDER, bundle_path
from lab.session import SERVICES
from supervisor.values.handover import Step
from tests.faults.broken.kinds import Kind, kinds_of
from tests.faults.broken.releases import IMAGES, KEY, broken_release
from tests.faults.broken.trial import Trial, Verdict
from tests.faults.subject import Subject, suffering

pytestmark = [pytest.mark.integration, pytest.mark.lab, pytest.mark.timeout(900)]

SOAK = 10.0  # longer than any of them takes to fail


@pytest.fixture(scope="module")
def patient() -> Iterator[Subject]:
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    for needed in (bundle_path(OLDER), bundle_path(NEWER), IMAGES / "images.json", KEY):
        if not needed.is_file():
            pytest.skip(f"{needed} is missing: run `make bundle`")
    with suffering("vrfb", soak=SOAK, drain=2.0) as made:
        yield made


@pytest.fixture(scope="module")
def number() -> Iterator[int]:
    """Every release has a name of its own."""
    return itertools.count(1)


@pytest.mark.parametrize("name", SERVICES)
def test_a_broken_candidate_does_not_replace_what_works(
    patient: Subject,
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
                verdicts.append(Trial(patient, name, kind, broken).hold())
            print(verdicts[-1])
        except AssertionError as error:
            wrong.append(f"{name} {kind}: {error}")
            print(f"BROKEN PROMISE: {wrong[-1]}")
            _mend(patient, name)
    record_property("broken", len(verdicts))
    record_property("slowest_revert_seconds", max((one.reverted_within or 0.0 for one in verdicts), default=0.0))
    record_property("lost_while_serving", sum(one.lost for one in verdicts))
    assert not wrong, "\n".join(wrong)


def _mend(subject: Subject, name: str) -> None:
    """What one candidate did shall not be told again by all that follow."""
    subject.await_rest(60.0)
    good = subject.version_in(OLDER, name)
    if subject.status(name).version != good:
        subject.router.vrctl("swap", name, "--to", good, "--no-wait")
        subject.await_step(name, Step.SOAK)
        subject.router.vrctl("confirm", name)
        subject.await_rest(60.0)


def test_every_service_has_twenty_kinds_or_cannot_show_them() -> None:
    """A service that lacks one has no such part: no lease file, no answers of its own, no check before it runs."""
    assert len({kind.name for name in SERVICES for kind in kinds_of(name)}) >= 20
    assert {name: len(kinds_of(name)) for name in SERVICES if len(kinds_of(name)) < 18} == {}


def test_the_wrapper_is_a_template_as_it_stands() -> None:
    text = (Path(__file__).parent / "broken" / "wrapper.py").read_text(encoding="utf-8")
    assert "endraw" not in text
