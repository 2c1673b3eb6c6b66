"""What becomes of a hand-over that soaks, and of the configuration that is handed over beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from supervisor.decisions.handover import TABLES, current, is_committed, step_index
from supervisor.decisions.overtaking import is_about_version, is_passed_on, is_soaking, may_overtake, overtaken
from supervisor.values.handover import Direction, Handover, Kind, Mode, Outcome, Step
from supervisor.values.names import Digest, ImageId, ServiceName
from supervisor.values.state import Instance

VERSIONS = {Kind.SWAP, Kind.UPGRADE, Kind.ROLLBACK, Kind.RETRY, Kind.MIGRATE}
MODES = (Mode.OVERLAP, Mode.TAKEOVER)


def at(step: Step, kind: Kind = Kind.SWAP, mode: Mode = Mode.OVERLAP, number: int = 1) -> Handover:
    return Handover(number, ServiceName("x"), kind, mode, number, number + 1, index=step_index(mode, step))


@pytest.mark.parametrize("kind", list(Kind))
def test_a_soak_is_for_a_version_or_for_a_configuration(kind: Kind) -> None:
    assert is_about_version(at(Step.SOAK, kind)) == (kind in VERSIONS)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("soaking", MODES)
def test_only_two_takeovers_at_once_are_too_many(soaking: Mode, mode: Mode) -> None:
    assert may_overtake(at(Step.SOAK, mode=soaking), mode) == (mode is not Mode.TAKEOVER)


@pytest.mark.parametrize("mode", MODES)
def test_nothing_overtakes_what_does_not_soak(mode: Mode) -> None:
    for phase in TABLES[mode]:
        assert is_soaking(at(phase.step, mode=mode)) == (phase.step is Step.SOAK)
        assert phase.step is Step.SOAK or not may_overtake(at(phase.step, mode=mode), Mode.OVERLAP)
    back = Handover(1, ServiceName("x"), Kind.SWAP, mode, 1, 2, index=7, direction=Direction.UNDO)
    assert not may_overtake(back, Mode.OVERLAP)


@pytest.mark.parametrize("kind", sorted(VERSIONS))
@pytest.mark.parametrize("mode", MODES)
def test_the_soak_of_a_version_goes_on_for_the_newer_candidate(kind: Kind, mode: Mode) -> None:
    soaking, newer = overtaken(at(Step.SOAK, kind, mode), at(Step.SOAK, Kind.CONFIGURE, number=2))
    assert (current(soaking), soaking.former, soaking.candidate) == (Step.SOAK, 1, 3)
    assert soaking.is_reconfigured
    assert (current(newer), newer.former, is_committed(newer)) == (Step.DRAIN, 2, True)


@pytest.mark.parametrize("kind", [Kind.CONFIGURE, Kind.RESTART])
def test_the_soak_of_a_configuration_is_over(kind: Kind) -> None:
    soaking, newer = overtaken(at(Step.SOAK, kind), at(Step.SOAK, Kind.CONFIGURE, number=2))
    assert (current(soaking), soaking.outcome, is_committed(soaking)) == (Step.DRAIN, Outcome.RUNNING, True)
    assert newer == at(Step.SOAK, Kind.CONFIGURE, number=2)


@pytest.mark.parametrize(
    ("made_for", "is_reconfigured", "expected"),
    [
        pytest.param(1, False, False, id="the first candidate"),
        pytest.param(1, True, False, id="configured in place"),
        pytest.param(2, True, True, id="a later candidate"),
        pytest.param(None, True, False, id="recorded before instances knew"),
    ],
)
def test_a_later_candidate_was_made_for_another_generation(
    made_for: int | None, is_reconfigured: bool, expected: bool
) -> None:
    soaking = replace(at(Step.SOAK), candidate=3, is_reconfigured=is_reconfigured)
    digest = Digest("sha256:0")
    candidate = Instance(ServiceName("x"), 3, "2", "2", ImageId(digest), digest, None, (), former=made_for)
    assert is_passed_on(soaking, candidate) == expected
