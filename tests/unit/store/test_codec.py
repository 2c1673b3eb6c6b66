"""Hand-overs as the journal keeps them."""

from __future__ import annotations

import json

from supervisor.edges.store.codec import dump_handover, load_handover
from supervisor.values.association import Association
from supervisor.values.handover import Direction, Handover, Kind, Mode
from supervisor.values.names import ServiceName

WAY = ("203.0.113.2", "203.0.113.200")
HANDOVER = Handover(
    7,
    ServiceName("keys"),
    Kind.UPGRADE,
    Mode.TAKEOVER,
    former=1,
    candidate=2,
    index=3,
    direction=Direction.UNDO,
    reached=5,
    reason="not ready",
    synced="sha256:00",
    associations=(Association(*WAY, "esp", 0xC8A7C1DE, 1, "tunnel"), Association(*WAY, "ah", 1, 2, "transport")),
)


def test_a_hand_over_comes_back_as_it_was() -> None:
    assert load_handover(7, "keys", "running", dump_handover(HANDOVER)) == HANDOVER


def test_a_journal_from_before_there_were_associations_is_read() -> None:
    fields = json.loads(dump_handover(HANDOVER))
    del fields["associations"]
    assert load_handover(7, "keys", "running", json.dumps(fields)).associations == ()
