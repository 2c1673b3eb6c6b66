"""Shapes: one declaration of what a document may hold gives both its parser and its JSON Schema.

A shape reads a plain value into one of ours. What is wrong is added to `faults` with its path, and `FAULTY` is
returned in its place, so that reading goes on and the author gets the whole list.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

from supervisor.values.errors import Fault


class _Faulty:
    def __repr__(self) -> str:
        return "FAULTY"


FAULTY: Final = _Faulty()
"""Stands where a value was refused; never leaves the catalog, because a fault was recorded beside it."""

Schema = dict[str, Any]


class Shape(Protocol):
    def read(self, value: object, at: str, faults: list[Fault]) -> Any: ...

    def schema(self) -> Schema: ...


def below(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key


def kind_of(value: object) -> str:
    """What an author would call the value."""
    names = {type(None): "nothing", bool: "a boolean", int: "a number", float: "a number", str: "a text"}
    names |= {list: "a list", dict: "a mapping"}
    return names.get(type(value), f"a {type(value).__name__}")


@dataclass(frozen=True, slots=True)
class Text:
    """A text; `pattern` must match the whole of it and `hint` says in words what the pattern wants."""

    pattern: str = r"[^\x00]+"
    hint: str = "must not be empty"
    limit: int = 4096
    takes_numbers: bool = False  # `port: 53` where a template is expected

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        if self.takes_numbers and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            faults.append(Fault(at, f"must be a text, not {kind_of(value)}"))
        elif len(value) > self.limit:
            faults.append(Fault(at, f"is longer than {self.limit} characters"))
        elif not re.fullmatch(self.pattern, value):
            faults.append(Fault(at, self.hint))
        else:
            return value
        return FAULTY

    def schema(self) -> Schema:
        text: Schema = {"type": "string", "pattern": rf"^(?:{self.pattern})$(?!\n)", "maxLength": self.limit}
        return {"anyOf": [text, {"type": "integer"}]} if self.takes_numbers else text


@dataclass(frozen=True, slots=True)
class Number:
    minimum: int
    maximum: int

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            faults.append(Fault(at, f"must be a whole number, not {kind_of(value)}"))
        elif not self.minimum <= value <= self.maximum:
            faults.append(Fault(at, f"must be between {self.minimum} and {self.maximum}, not {value}"))
        else:
            return value
        return FAULTY

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True, slots=True)
class Boolean:
    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        if isinstance(value, bool):
            return value
        faults.append(Fault(at, f"must be true or false, not {kind_of(value)}"))
        return FAULTY

    def schema(self) -> Schema:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Exactly:
    """One number only: the version of the syntax."""

    number: int

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        if value == self.number and not isinstance(value, bool):
            return self.number
        faults.append(Fault(at, f"must be {self.number}: this supervisor knows no other version of the syntax"))
        return FAULTY

    def schema(self) -> Schema:
        return {"const": self.number}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a unit: `64MiB`, `250ms`; a bare number counts in the base unit."""

    noun: str
    example: str
    units: tuple[tuple[str, float], ...]
    maximum: float
    may_be_zero: bool = False
    is_whole: bool = False

    @property
    def _pattern(self) -> str:
        digits = r"[0-9]{1,15}" if self.is_whole else r"[0-9]{1,15}(?:\.[0-9]{1,6})?"
        return rf"({digits})({'|'.join(unit for unit, _ in self.units)})"

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        found = self._amount(value)
        if found is None:
            faults.append(Fault(at, f"must be a {self.noun} like {self.example}, not {value!r:.40}"))
        elif found < 0 or (found == 0 and not self.may_be_zero):
            faults.append(Fault(at, f"must be a {self.noun} above zero"))
        elif found > self.maximum:
            faults.append(Fault(at, f"is above the greatest {self.noun} allowed ({self.maximum:g})"))
        else:
            return int(found) if self.is_whole else float(found)
        return FAULTY

    def _amount(self, value: object) -> float | None:
        if isinstance(value, str):
            match = re.fullmatch(self._pattern, value)
            return float(match[1]) * dict(self.units)[match[2]] if match else None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return None
        return None if self.is_whole and not float(value).is_integer() else value

    def schema(self) -> Schema:
        bound = "minimum" if self.may_be_zero else "exclusiveMinimum"
        number = {"type": "integer" if self.is_whole else "number", bound: 0, "maximum": self.maximum}
        nonzero = "" if self.may_be_zero else r"(?![0.]*[a-zA-Z])"
        return {"anyOf": [number, {"type": "string", "pattern": rf"^{nonzero}{self._pattern}$(?!\n)"}]}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a closed set of words; `make` turns the word into our value."""

    words: tuple[str, ...]
    make: Callable[[str], Any] = str

    @staticmethod
    def of(enum: type[StrEnum]) -> Choice:
        return Choice(tuple(enum), enum)

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        if isinstance(value, str) and value in self.words:
            return self.make(value)
        known = ", ".join(self.words) if len(self.words) <= 8 else "see docs/manifest.md"
        faults.append(Fault(at, f"{value!r:.40} is not known ({known})"))
        return FAULTY

    def schema(self) -> Schema:
        return {"enum": [str(word) for word in self.words]}


@dataclass(frozen=True, slots=True)
class Optional:
    """A value or null."""

    shape: Shape

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        return None if value is None else self.shape.read(value, at, faults)

    def schema(self) -> Schema:
        return {"anyOf": [self.shape.schema(), {"type": "null"}]}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list; refused items leave FAULTY in their place so that the others keep their index."""

    item: Shape
    minimum: int = 0
    is_set: bool = False

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        if not isinstance(value, list):
            faults.append(Fault(at, f"must be a list, not {kind_of(value)}"))
            return FAULTY
        if len(value) < self.minimum:
            faults.append(Fault(at, f"must have at least {self.minimum} item{'s' if self.minimum > 1 else ''}"))
        if self.is_set:
            twice = {str(item) for index, item in enumerate(value) if item in value[:index]}
            faults.extend(Fault(at, f"lists {item} twice") for item in sorted(twice))
        return tuple(self.item.read(item, f"{at}[{index}]", faults) for index, item in enumerate(value))

    def schema(self) -> Schema:
        more: Schema = {"minItems": self.minimum} if self.minimum else {}
        return {"type": "array", "items": self.item.schema()} | more | ({"uniqueItems": True} if self.is_set else {})


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping whose keys the author chooses; becomes pairs in the order of the document."""

    key: Text
    value: Shape

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        if not isinstance(value, Mapping):
            faults.append(Fault(at, f"must be a mapping, not {kind_of(value)}"))
            return FAULTY
        pairs = []
        for key, item in value.items():
            place = below(at, str(key))
            name = self.key.read(key, place, faults)
            pairs.append((name, self.value.read(item, place, faults)))
        return tuple(pair for pair in pairs if FAULTY not in pair)

    def schema(self) -> Schema:
        names = {"pattern": self.key.schema()["pattern"]}
        return {"type": "object", "propertyNames": names, "additionalProperties": self.value.schema()}


@dataclass(frozen=True, slots=True)
class Field:
    """A key of a record. `name` is the attribute it fills when that differs from the key."""

    key: str
    shape: Shape
    is_required: bool = False
    name: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with known keys, handed to `make` as keyword arguments; keys that are absent take its defaults.

    `make` gets FAULTY where a value was refused, so that the rules can still look at the rest.
    """

    make: Callable[..., Any]
    fields: tuple[Field, ...]
    exactly_one_of: tuple[str, ...] = ()
    extra: tuple[Text, Shape] | None = None  # keys of a pattern, for families like header_<Name>
    conditions: tuple[Schema, ...] = field(default=(), hash=False)  # rules between keys, for the JSON Schema only

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        found = self.read_fields(value, at, faults)
        if found is FAULTY:
            return FAULTY
        missing = {item.name or item.key for item in self.fields if item.is_required} - found.keys()
        return self.make(**found, **dict.fromkeys(missing, FAULTY))

    def read_fields(self, value: object, at: str, faults: list[Fault]) -> Any:
        """Return a dictionary of attributes, FAULTY where one was refused."""
        if not isinstance(value, Mapping):
            faults.append(Fault(at, f"must be a mapping, not {kind_of(value)}"))
            return FAULTY
        found: dict[str, Any] = {}
        known = {item.key: item for item in self.fields}
        for key, item in value.items():
            place = below(at, str(key))
            if key in known:
                found[known[key].name or key] = known[key].shape.read(item, place, faults)
            elif self.extra and isinstance(key, str) and re.fullmatch(self.extra[0].pattern, key):
                found[key] = self.extra[1].read(item, place, faults)
            else:
                faults.append(Fault(place, f"is not a known key ({', '.join(sorted(known))})"))
        faults.extend(
            Fault(below(at, item.key), "is missing")
            for item in self.fields
            if item.is_required and item.key not in value
        )
        if self.exactly_one_of and sum(key in value for key in self.exactly_one_of) != 1:
            faults.append(Fault(at, f"must have exactly one of {', '.join(self.exactly_one_of)}"))
        return found

    def schema(self) -> Schema:
        properties = {}
        for item in self.fields:
            properties[item.key] = item.shape.schema() | ({"description": item.about} if item.about else {})
        result: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
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
    """A mapping with one key, which says what its value is: `{http: {...}}`."""

    shapes: tuple[tuple[str, Record], ...]
    make: Callable[[str, Mapping[str, Any]], Any]

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        known = dict(self.shapes)
        if not isinstance(value, Mapping) or len(value) != 1:
            faults.append(Fault(at, f"must be a mapping with one key ({', '.join(known)})"))
            return FAULTY
        ((tag, body),) = value.items()
        if tag not in known:
            faults.append(Fault(below(at, str(tag)), f"is not a known kind ({', '.join(known)})"))
            return FAULTY
        found = known[tag].read_fields(body, below(at, tag), faults)
        return FAULTY if found is FAULTY else self.make(tag, found)

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
    """Index and name of every item whose name was there before."""
    return [(index, name) for index, name in enumerate(names) if name in names[:index]]
