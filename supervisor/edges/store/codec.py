"""Values to JSON and back, for the columns that hold a whole value."""

from __future__ import annotations

import json
from dataclasses import astuple

from supervisor.decisions.instance_record import dump_instance, load_instance
from supervisor.values.association import Association
from supervisor.values.handover import Direction, Handover, Kind, Mode, Outcome, Waiver
from supervisor.values.names import Digest, ServiceName
from supervisor.values.release import Version

__all__ = [
    "dump_handover",
    "dump_instance",
    "dump_version",
    "load_handover",
    "load_instance",
    "load_version",
]


def dump_version(version: Version) -> str:
    return json.dumps([version.release, version.version, version.image, version.definition])


def load_version(text: str) -> Version:
    release, version, image, definition = json.loads(text)
    return Version(release, version, Digest(image), Digest(definition))


def dump_handover(handover: Handover) -> str:
    return json.dumps(
        {
            "kind": handover.kind,
            "mode": handover.mode,
            "former": handover.former,
            "candidate": handover.candidate,
            "index": handover.index,
            "direction": handover.direction,
            "reached": handover.reached,
            "reason": handover.reason,
            "synced": handover.synced,
            "associations": [astuple(association) for association in handover.associations],
            "is_reconfigured": handover.is_reconfigured,
            "waiver": astuple(handover.waiver),
        }
    )


def load_handover(number: int, service: str, outcome: str, text: str) -> Handover:
    fields = json.loads(text)
    return Handover(
        id=number,
        service=ServiceName(service),
        kind=Kind(fields["kind"]),
        mode=Mode(fields["mode"]),
        former=fields["former"],
        candidate=fields["candidate"],
        index=fields["index"],
        direction=Direction(fields["direction"]),
        outcome=Outcome(outcome),
        reached=fields["reached"],
        reason=fields["reason"],
        synced=fields["synced"],
        # A journal written before there were any has none.
        associations=tuple(Association(*association) for association in fields.get("associations", ())),
        is_reconfigured=fields.get("is_reconfigured", False),
        waiver=Waiver(*fields.get("waiver", ())),
    )
