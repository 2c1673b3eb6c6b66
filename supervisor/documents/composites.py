"""Shapes of lists and mappings, made of the shapes of their parts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from supervisor.documents.scalars import Parsed, Text
from supervisor.documents.shape import FAULTY, MOST_FAULTS, Schema, Shape, below, kind_of, shown
from supervisor.values.errors import Fault


def _pair(key: Any, value: Any) -> tuple[Any, Any]:
    return key, value


def _count(number: int, singular: str, plural: str) -> str:
    return f"{number} {singular if number == 1 else plural}"


@dataclass(frozen=True, slots=True)
class Optional:
    """A value, or null, which becomes None."""

    shape: Shape

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        return None if value is None else self.shape.read(value, at, faults)

    def schema(self) -> Schema:
        return {"anyOf": [self.shape.schema(), {"type": "null"}]}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list, which becomes a tuple; refused items leave FAULTY in their place, so that the others keep their index.

    In a set no item may be equal to another.
    """

    item: Shape
    minimum: int = 0
    is_set: bool = False
    maximum: int | None = None

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        if not isinstance(value, list):
            faults.append(Fault(at, f"must be a list, not {kind_of(value)}"))
            return FAULTY
        if len(value) < self.minimum:
            faults.append(Fault(at, f"must have at least {_count(self.minimum, 'item', 'items')}"))
        if self.maximum is not None and len(value) > self.maximum:
            faults.append(Fault(at, f"must have at most {_count(self.maximum, 'item', 'items')}"))
            return FAULTY
        if self.is_set:
            repeated = [item for index, item in enumerate(value) if item in value[:index]]
            twice = {item if isinstance(item, str) else shown(item) for item in repeated}
            faults.extend(Fault(at, f"lists {item} twice") for item in sorted(twice))
        items = []
        for index, item in enumerate(value):
            if len(faults) > MOST_FAULTS:
                return FAULTY
            items.append(self.item.read(item, f"{at}[{index}]", faults))
        return tuple(items)

    def schema(self) -> Schema:
        more: Schema = {"minItems": self.minimum} if self.minimum else {}
        if self.maximum is not None:
            more["maxItems"] = self.maximum
        return {"type": "array", "items": self.item.schema()} | more | ({"uniqueItems": True} if self.is_set else {})


@dataclass(frozen=True, slots=True)
class TupleOf:
    """A list with an item of each of these shapes; `hint` says in words which one that is. Nothing of it is quoted."""

    items: tuple[Shape, ...]
    hint: str

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        inner: list[Fault] = []
        if isinstance(value, list) and len(value) == len(self.items):
            read = tuple(shape.read(item, at, inner) for shape, item in zip(self.items, value, strict=True))
            if not inner:
                return read
        faults.append(Fault(at, self.hint))
        return FAULTY

    def schema(self) -> Schema:
        items = [shape.schema() for shape in self.items]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping whose keys the author chooses, which becomes a tuple in the order of the document.

    `make` turns the key and the value of an entry into an item of the tuple. Entries with a refused key, or whose
    value was refused as a whole, are left out.
    """

    key: Text | Parsed
    value: Shape
    make: Callable[[Any, Any], Any] = _pair
    minimum: int = 0
    maximum: int | None = None

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        if not isinstance(value, Mapping):
            faults.append(Fault(at, f"must be a mapping, not {kind_of(value)}"))
            return FAULTY
        if len(value) < self.minimum:
            faults.append(Fault(at, f"must have at least {_count(self.minimum, 'entry', 'entries')}"))
        if self.maximum is not None and len(value) > self.maximum:
            faults.append(Fault(at, f"must have at most {_count(self.maximum, 'entry', 'entries')}"))
            return FAULTY
        items = []
        for key, item in value.items():
            if len(faults) > MOST_FAULTS:
                return FAULTY
            place = below(at, key)
            pair = self.key.read(key, place, faults), self.value.read(item, place, faults)
            if pair[0] is not FAULTY and pair[1] is not FAULTY:
                items.append(self.make(*pair))
        return tuple(items)

    def schema(self) -> Schema:
        key = self.key.schema()
        names = {"propertyNames": {"pattern": key["pattern"]}} if "pattern" in key else {}
        more: Schema = {"minProperties": self.minimum} if self.minimum else {}
        if self.maximum is not None:
            more["maxProperties"] = self.maximum
        return {"type": "object"} | names | {"additionalProperties": self.value.schema()} | more


@dataclass(frozen=True, slots=True)
class Field:
    """A key of a record.

    `name` is the attribute that it fills where that differs from the key; `about` describes it in the JSON Schema.
    """

    key: str
    shape: Shape
    is_required: bool = False
    name: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with known keys, given to `make` as keyword arguments; absent keys take its defaults.

    `make` gets FAULTY where a value was refused and where a required key is absent. `extra` is the pattern and the
    shape of further keys, for families such as `header_<Name>`. An open record is written by other programs than
    ours: unknown keys are passed over, and null stands for an absent key.
    """

    make: Callable[..., Any]
    fields: tuple[Field, ...]
    exactly_one_of: tuple[str, ...] = ()
    extra: tuple[Text, Shape] | None = None
    is_open: bool = False
    conditions: tuple[Schema, ...] = field(default=(), hash=False)  # rules between keys, for the JSON Schema only

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        attributes = self.read_fields(value, at, faults)
        if attributes is FAULTY:
            return FAULTY
        missing = {item.name or item.key for item in self.fields if item.is_required} - attributes.keys()
        return self.make(**attributes, **dict.fromkeys(missing, FAULTY))

    def read_fields(self, value: object, at: str, faults: list[Fault]) -> Any:
        """Return the dictionary of attributes that are given, with FAULTY where a value was refused.

        FAULTY instead of the dictionary: the value is no mapping.
        """
        if not isinstance(value, Mapping):
            faults.append(Fault(at, f"must be a mapping, not {kind_of(value)}"))
            return FAULTY
        if self.is_open:
            value = {key: item for key, item in value.items() if item is not None}
        attributes: dict[str, Any] = {}
        known = {item.key: item for item in self.fields}
        for key, item in value.items():
            if len(faults) > MOST_FAULTS:
                return FAULTY
            place = below(at, key)
            if key in known:
                attributes[known[key].name or key] = known[key].shape.read(item, place, faults)
            elif self.extra and isinstance(key, str) and re.fullmatch(self.extra[0].pattern, key):
                attributes[key] = self.extra[1].read(item, place, faults)
            elif not self.is_open:
                faults.append(Fault(place, f"is not a known key ({', '.join(sorted(known))})"))
        faults.extend(
            Fault(below(at, item.key), "is missing")
            for item in self.fields
            if item.is_required and item.key not in value
        )
        if self.exactly_one_of and sum(key in value for key in self.exactly_one_of) != 1:
            faults.append(Fault(at, f"must have exactly one of {', '.join(self.exactly_one_of)}"))
        return attributes

    def schema(self) -> Schema:
        properties = {}
        for item in self.fields:
            properties[item.key] = item.shape.schema() | ({"description": item.about} if item.about else {})
        result: Schema = {"type": "object", "properties": properties, "additionalProperties": self.is_open}
        if required := [item.key for item in self.fields if item.is_required]:
            result["required"] = required
        if self.extra:
            result["patternProperties"] = {self.extra[0].schema()["pattern"]: self.extra[1].schema()}
        if self.exactly_one_of:
            result["oneOf"] = [{"required": [key]} for key in self.exactly_one_of]
        if self.conditions:
            result["allOf"] = list(self.conditions)
        return result


@dataclass(frozen=True, slots=True)
class Tagged:
    """A mapping with a single key, the kind of its value: `{http: {...}}`.

    `make` turns the kind and the dictionary of the value's attributes into our value.
    """

    shapes: tuple[tuple[str, Record], ...]
    make: Callable[[str, Mapping[str, Any]], Any]

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        known = dict(self.shapes)
        if not isinstance(value, Mapping) or len(value) != 1:
            faults.append(Fault(at, f"must be a mapping with one key ({', '.join(known)})"))
            return FAULTY
        ((tag, body),) = value.items()
        if tag not in known:
            faults.append(Fault(below(at, tag), f"is not a known kind ({', '.join(known)})"))
            return FAULTY
        attributes = known[tag].read_fields(body, below(at, tag), faults)
        return FAULTY if attributes is FAULTY else self.make(tag, attributes)

    def schema(self) -> Schema:
        properties = {tag: shape.schema() for tag, shape in self.shapes}
        return {
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        }


def names_twice(names: Sequence[str]) -> list[tuple[int, str]]:
    """Return index and name of every item whose name was there before."""
    return [(index, name) for index, name in enumerate(names) if name in names[:index]]
