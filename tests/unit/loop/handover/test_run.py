"""The memory of a step ends with the step; facts that the journal records in between leave it alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from supervisor.loop.handover.run import HandoverRun, RunContext, Side
from supervisor.values.association import Association
from supervisor.values.handover import Direction, Handover, Kind, Mode, Outcome
from supervisor.values.names import ServiceName

HANDOVER = Handover(1, ServiceName("x"), Kind.SWAP, Mode.OVERLAP, 1, 2, index=4)


@dataclass(slots=True)
class Notes:
    tries: int = 0


def run_of(handover: Handover) -> HandoverRun:
    unused = cast(Any, None)
    run = HandoverRun(handover, RunContext(unused, 0.0, 0.0), Side(unused, unused, unused), None)
    run.memory.began, run.memory.good = 5.0, 2
    run.memory.of(Notes).tries = 3
    run.across.held_port = 4500
    return run


@pytest.mark.parametrize(
    ("recorded", "is_remembered"),
    [
        pytest.param(HANDOVER, True, id="nothing new"),
        pytest.param(replace(HANDOVER, synced="sha256:1"), True, id="a copy"),
        pytest.param(replace(HANDOVER, candidate=3, is_reconfigured=True), True, id="a later candidate"),
        pytest.param(replace(HANDOVER, associations=(Association("a", "b", "esp", 1, 1, "m"),)), True, id="leftovers"),
        pytest.param(replace(HANDOVER, index=5), False, id="the next step"),
        pytest.param(replace(HANDOVER, direction=Direction.UNDO), False, id="turned round at the same row"),
        pytest.param(replace(HANDOVER, outcome=Outcome.SUCCEEDED), False, id="the end"),
    ],
)
def test_a_memory_ends_with_its_step(recorded: Handover, is_remembered: bool) -> None:
    run = run_of(HANDOVER)
    run.take(recorded)
    assert run.handover == recorded
    remembered = (run.memory.began, run.memory.good, run.memory.of(Notes).tries)
    assert remembered == ((5.0, 2, 3) if is_remembered else (None, 0, 0))
    assert run.across.held_port == 4500
