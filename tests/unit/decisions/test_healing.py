"""What is done about an instance that fails: a table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from supervisor.decisions.falling_back import TOO_OFTEN
from supervisor.decisions.healing import Patient, Remedy, remedy
from supervisor.values.manifest import Strategy

WELL = Patient(Strategy.OVERLAP, is_down=False, is_hung=False, failures=0, has_former=True)
HUNG = replace(WELL, is_hung=True, failures=1)
DOWN = replace(WELL, is_down=True, failures=1)
KEY_DAEMON = replace(HUNG, strategy=Strategy.TAKEOVER)


@pytest.mark.parametrize(
    ("patient", "expected"),
    [
        pytest.param(WELL, Remedy.NOTHING, id="all is well"),
        pytest.param(replace(WELL, failures=TOO_OFTEN), Remedy.NOTHING, id="well again after many failures"),
        pytest.param(HUNG, Remedy.REPLACE, id="hangs"),
        pytest.param(replace(HUNG, was_replaced=True), Remedy.KILL, id="hangs, and the replacement failed"),
        pytest.param(KEY_DAEMON, Remedy.KILL, id="hangs, and two cannot run"),
        pytest.param(replace(HUNG, has_room=False), Remedy.KILL, id="hangs, and there is no room"),
        pytest.param(replace(HUNG, is_paused=True), Remedy.NOTHING, id="hangs soon after a replacement"),
        pytest.param(replace(KEY_DAEMON, is_paused=True), Remedy.KILL, id="a pause is for replacements"),
        pytest.param(DOWN, Remedy.NOTHING, id="down: it is started again"),
        pytest.param(replace(DOWN, failures=TOO_OFTEN - 1), Remedy.NOTHING, id="down, not too often"),
        pytest.param(replace(DOWN, failures=TOO_OFTEN), Remedy.FALL_BACK, id="down too often"),
        pytest.param(replace(KEY_DAEMON, failures=TOO_OFTEN), Remedy.KILL, id="many ends, and now it hangs"),
        pytest.param(replace(HUNG, failures=TOO_OFTEN), Remedy.REPLACE, id="hangs after many ends"),
        pytest.param(replace(DOWN, failures=TOO_OFTEN, has_former=False), Remedy.NOTHING, id="nothing to go back to"),
        pytest.param(replace(HUNG, failures=TOO_OFTEN, has_former=False), Remedy.REPLACE, id="hangs, nothing before"),
        pytest.param(replace(DOWN, failures=TOO_OFTEN, has_room=False), Remedy.NOTHING, id="down too often, no room"),
    ],
)
def test_remedy(patient: Patient, expected: Remedy) -> None:
    assert remedy(patient) is expected
