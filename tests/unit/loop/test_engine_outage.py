"""An engine that was away: known to everybody as soon as one of them could not speak to it, or waits for it."""

from __future__ import annotations

import pytest

from supervisor.loop.engine_outage import RECENT_SECONDS, SILENCE_SECONDS, EngineOutage
from supervisor.values.errors import EngineError, EngineUnavailableError


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def ask(engine_outage: EngineOutage, time: Time, seconds: float, error: EngineError | None = None) -> None:
    with engine_outage.noticed(time):
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
    engine_outage, time = EngineOutage(), Time()
    if error:
        with pytest.raises(EngineError):
            ask(engine_outage, time, seconds, error)
    else:
        ask(engine_outage, time, seconds)
    assert engine_outage.is_recent(time.now) is is_away


def test_who_asks_last_hears_from_who_waits_since_long() -> None:
    engine_outage, time = EngineOutage(), Time()
    with engine_outage.noticed(time):
        time.now += SILENCE_SECONDS
        ask(engine_outage, time, 0.01)
        assert engine_outage.is_recent(time.now)


def test_it_is_forgotten() -> None:
    engine_outage, time = EngineOutage(), Time()
    ask(engine_outage, time, SILENCE_SECONDS)
    assert not engine_outage.is_recent(time.now + RECENT_SECONDS)
