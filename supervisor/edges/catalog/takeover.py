"""The words of `takeover` in a manifest: what the kernel needs while one daemon takes the place of another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from supervisor.documents import FAULTY, Boolean, Field, Number, Record, Schema
from supervisor.edges.catalog.vocabulary import EXPRESSION
from supervisor.values.errors import Fault
from supervisor.values.manifest import GapPort, Takeover

WHEN_OF_A_NUMBER = "not router.vpn.userspace_data_plane"
"""The condition that manifests mean which give the port alone: `when` was added later, and this was built in."""

_PORT = Number(1, 65535)
_PORT_WITH_CONDITION = Record(
    GapPort,
    (
        Field("port", _PORT, True),
        Field("when", EXPRESSION, about="expression: the port is not held while it is false"),
    ),
)


@dataclass(frozen=True, slots=True)
class _GapPortShape:
    """`{port, when}`, or the number of the port alone."""

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        if isinstance(value, Mapping):
            return _PORT_WITH_CONDITION.read(value, at, faults)
        number = _PORT.read(value, at, faults)
        return FAULTY if number is FAULTY else GapPort(number, WHEN_OF_A_NUMBER)

    def schema(self) -> Schema:
        return {"anyOf": [_PORT_WITH_CONDITION.schema(), _PORT.schema()]}


TAKEOVER = Record(
    Takeover,
    (
        Field(
            "encapsulation",
            _GapPortShape(),
            name="gap_port",
            about="UDP port of encapsulated ESP: held while no daemon listens",
        ),
        Field(
            "associations",
            Boolean(),
            name="clears_leftovers",
            about="what a killed daemon left in the kernel is deleted once it has been replaced",
        ),
    ),
)
