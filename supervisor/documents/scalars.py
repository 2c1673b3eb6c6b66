"""Shapes of single values: texts, numbers, quantities with a unit, words of a closed set."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from supervisor.documents.shape import FAULTY, Schema, kind_of, shown
from supervisor.values.errors import Fault


@dataclass(frozen=True, slots=True)
class Text:
    """A text; `pattern` must match the whole of it, and `hint` says in words which texts the pattern wants.

    A text that the pattern refuses is quoted in the fault: it must be none that has to stay secret.
    """

    pattern: str = r"[^\x00]+"
    hint: str = "must have no NUL characters"
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
            faults.append(Fault(at, _refusal(self.hint, value)))
        else:
            return value
        return FAULTY

    def schema(self) -> Schema:
        text: Schema = {"type": "string", "pattern": rf"^(?:{self.pattern})$(?!\n)", "maxLength": self.limit}
        return {"anyOf": [text, {"type": "integer"}]} if self.takes_numbers else text


@dataclass(frozen=True, slots=True)
class Parsed:
    """A text that `parse` turns into our value, or refuses by a ValueError; `hint` says in words which texts it takes.

    A text that is refused is quoted in the fault, as that of `Text`.
    """

    parse: Callable[[str], Any]
    hint: str
    limit: int = 4096

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        if not isinstance(value, str):
            faults.append(Fault(at, f"must be a text, not {kind_of(value)}"))
        elif len(value) > self.limit:
            faults.append(Fault(at, f"is longer than {self.limit} characters"))
        else:
            try:
                return self.parse(value)
            except ValueError:
                faults.append(Fault(at, _refusal(self.hint, value)))
        return FAULTY

    def schema(self) -> Schema:
        return {"type": "string", "maxLength": self.limit}


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number from `minimum` to `maximum`; 3.0 is one, too."""

    minimum: int
    maximum: int

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            faults.append(Fault(at, f"must be a whole number, not {kind_of(value)}"))
        elif not self.minimum <= value <= self.maximum:
            faults.append(Fault(at, f"must be between {self.minimum} and {self.maximum}, not {shown(value)}"))
        else:
            return value
        return FAULTY

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True, slots=True)
class Integer:
    """An integer of any size; 3.0 is none, for documents that are stored as they came."""

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        faults.append(Fault(at, f"must be a whole number, not {kind_of(value)}"))
        return FAULTY

    def schema(self) -> Schema:
        return {"type": "integer"}


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of `unit`, zero or above, whole or not."""

    unit: str

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        if isinstance(value, float) and value >= 0:
            return value
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= sys.float_info.max:
            return float(value)
        faults.append(Fault(at, f"must be a number of {self.unit}, not {shown(value)}"))
        return FAULTY

    def schema(self) -> Schema:
        return {"type": "number", "minimum": 0}


@dataclass(frozen=True, slots=True)
class Boolean:
    """True or false."""

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        if isinstance(value, bool):
            return value
        faults.append(Fault(at, f"must be true or false, not {kind_of(value)}"))
        return FAULTY

    def schema(self) -> Schema:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Version:
    """The version of a syntax: one of these numbers."""

    numbers: tuple[int, ...]

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        if value in self.numbers and not isinstance(value, bool):
            return value
        known = " or ".join(map(str, self.numbers))
        faults.append(Fault(at, f"must be {known}: this supervisor knows no other version of the syntax"))
        return FAULTY

    def schema(self) -> Schema:
        return {"const": self.numbers[0]} if len(self.numbers) == 1 else {"enum": list(self.numbers)}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a unit, such as `64MiB` or `250ms`; a bare number counts in the base unit.

    `units` has the factor of each unit. The value is an integer where `is_whole`, else a float.
    """

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
        amount = self._amount(value)
        if amount is None:
            faults.append(Fault(at, f"must be a {self.noun} like {self.example}, not {shown(value)}"))
        elif amount < 0 or (amount == 0 and not self.may_be_zero):
            faults.append(Fault(at, f"must be a {self.noun} above zero"))
        elif amount > self.maximum:
            faults.append(Fault(at, f"is above the greatest {self.noun} allowed ({self.maximum:g})"))
        else:
            return int(amount) if self.is_whole else float(amount)
        return FAULTY

    def _amount(self, value: object) -> float | None:
        if isinstance(value, str):
            match = re.fullmatch(self._pattern, value)
            return float(match[1]) * dict(self.units)[match[2]] if match else None
        if isinstance(value, float):
            is_usable = value.is_integer() if self.is_whole else math.isfinite(value)
            return value if is_usable else None
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def schema(self) -> Schema:
        bound = "minimum" if self.may_be_zero else "exclusiveMinimum"
        number = {"type": "integer" if self.is_whole else "number", bound: 0, "maximum": self.maximum}
        nonzero = "" if self.may_be_zero else r"(?![0.]*[a-zA-Z/%])"
        return {"anyOf": [number, {"type": "string", "pattern": rf"^{nonzero}{self._pattern}$(?!\n)"}]}


@dataclass(frozen=True, slots=True)
class Choice:
    """A word of a closed set; `make` turns the word into our value.

    A fault lists the words, or says where they are listed when `listed` names a place.
    """

    words: tuple[str, ...]
    make: Callable[[str], Any] = str
    listed: str = ""

    @staticmethod
    def of(enum: type[StrEnum]) -> Choice:
        """Return the choice between the words of `enum`, whose values are its members."""
        return Choice(tuple(enum), enum)

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        if isinstance(value, str) and value in self.words:
            return self.make(value)
        known = f"see {self.listed}" if self.listed else ", ".join(self.words)
        faults.append(Fault(at, f"{shown(value)} is not known ({known})"))
        return FAULTY

    def schema(self) -> Schema:
        return {"enum": [str(word) for word in self.words]}


def _refusal(hint: str, value: str) -> str:
    return f"{hint}, not {shown(value)}" if value else "must not be empty"
