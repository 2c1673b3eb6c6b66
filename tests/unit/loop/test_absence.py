"""An engine that was away: known to everybody as soon as one of them could not speak to it, or waits for it."""

from __future__ import annotations

import pytest

from supervisor.loop.absence import RECENT_SECONDS, SILENCE_SECONDS, Absence
from supervisor.values.errors import EngineError, EngineUnavailableError


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def ask(absence: Absence, time: Time, seconds: float, error: EngineError | None = None) -> None:
    with absence.noticed(time):
        time.now += seconds
        if error:
            raise error


@pytest.mark.parametrize(
    ("seconds", "error", "is_away"),
    [
        pytest.param(0.01, None, False, id="an answer"),
        pytest.param(0.01, EngineError("no such image"), False, id="a refusal"),
        pytest.param(0.01, EngineUnavailableError("it does not run"), True, id="nobody there"),
        pytest.param(SILENCE_SECONDS, None, True, id="a late answer"),
    ],
)
def test_one_question_tells(seconds: float, error: EngineError | None, is_away: bool) -> None:
    absence, time = Absence(), Time()
    if error:
        with pytest.raises(EngineError):
            ask(absence, time, seconds, error)
    else:
        ask(absence, time, seconds)
    assert absence.is_recent(time.now) is is_away


def test_who_asks_last_hears_from_who_waits_since_long() -> None:
    absence, time = Absence(), Time()
    with absence.noticed(time):
        time.now += SILENCE_SECONDS
        ask(absence, time, 0.01)
        assert absence.is_recent(time.now)


def test_it_is_forgotten() -> None:
    absence, time = Absence(), Time()
    ask(absence, time, SILENCE_SECONDS)
    assert not absence.is_recent(time.now + RECENT_SECONDS)
