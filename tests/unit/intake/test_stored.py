"""The stored form of a configuration, as the former supervisor wrote it: it means what it meant, and is shown so.

`tests/data/stored` has the text of a state database, and what `vrctl config show --json` and the status
said of it.
"""

from __future__ import annotations

import json
from pathlib import Path

from supervisor.decisions.show import show
from supervisor.edges.intake import CloudStackIntake, bags_from_json, bags_to_json
from supervisor.values.errors import Fault
from tests.kit.samples.bounds import BOUNDS

STORED = Path(__file__).parents[2] / "data" / "stored"
BAGS = (STORED / "bags.json").read_text().rstrip("\n")


def test_what_the_former_supervisor_stored_is_shown_as_it_was() -> None:
    router, _ = CloudStackIntake(bounds=lambda: BOUNDS).interpret(BAGS)
    assert json.dumps(show(router, b"k"), indent=2) + "\n" == (STORED / "router.json").read_text()


def test_the_same_parts_of_it_are_left_out() -> None:
    _, faults = CloudStackIntake(bounds=lambda: BOUNDS).interpret(BAGS)
    assert faults == tuple(Fault(*fault) for fault in json.loads((STORED / "faults.json").read_text()))


def test_it_is_stored_again_in_the_same_form() -> None:
    assert bags_to_json(bags_from_json(BAGS)) == BAGS
    assert CloudStackIntake().take(BAGS, []).stored == BAGS
