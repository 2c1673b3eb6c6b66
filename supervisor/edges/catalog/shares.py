"""The words of `fair` in a manifest: what one source of connections may have of a frontend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from supervisor.documents import Boolean, Field, Number, Record, Schema
from supervisor.edges.catalog.vocabulary import EXPRESSION, RATE
from supervisor.values.errors import Fault
from supervisor.values.manifest import LEAST_OPEN, MOST_OPEN, FairRule

_NUMBER = Number(LEAST_OPEN, MOST_OPEN)


@dataclass(frozen=True, slots=True)
class _OpenShape:
    """A number, or a text that is an expression."""

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        return (EXPRESSION if isinstance(value, str) else _NUMBER).read(value, at, faults)

    def schema(self) -> Schema:
        return {"anyOf": [_NUMBER.schema(), EXPRESSION.schema()]}


FAIR = Record(
    FairRule,
    (
        Field("open", _OpenShape(), True, about="connections that a source may have open at once; also an expression"),
        Field("rate", RATE, True, about="connections that a source may open each second"),
        Field("guests_only", Boolean(), about="who is no guest gets nothing"),
    ),
)
