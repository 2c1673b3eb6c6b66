"""Shapes: one declaration of what a document may hold gives both its reader and its JSON Schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from supervisor.values.errors import Fault
from supervisor.values.listing import listed

Schema = dict[str, Any]
"""A JSON Schema, draft 2020-12."""


class _Faulty:
    def __repr__(self) -> str:
        return "FAULTY"


FAULTY: Final = _Faulty()
"""Stands where a value was refused; leaves no reader of documents, because a fault was recorded beside it."""


MOST_FAULTS = 1000
"""Reading ends at more faults than these: a document of millions of items, all of them wrong, is no reason to end."""


class DocumentError(Exception):
    """A document cannot be used; `faults` has every reason, with its path."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(listed(faults))
        self.faults = tuple(faults)
        self.is_cut = len(faults) > MOST_FAULTS  # reading ended there: the rest of the document may have more


class Shape(Protocol):
    """A declaration of what may stand in one place of a document. Shapes are values: they hold no state."""

    def read(self, value: object, at: str, faults: list[Fault]) -> Any:
        """Return our value of the plain `value` at the path `at`; FAULTY after adding the reason to `faults`.

        A list or mapping with a faulty part is returned with FAULTY in the part's place, so that rules between parts
        can still look at the others. Any plain value may be given: nothing is raised.
        """

    def schema(self) -> Schema:
        """Return the JSON Schema of the values that `read` takes. It takes more where JSON Schema has no words."""


def read_as(shape: Shape, document: object) -> Any:
    """Return our value of a whole document. Raises DocumentError: it has faults; all of them are listed."""
    faults: list[Fault] = []
    value = shape.read(document, "", faults)
    if faults:
        raise DocumentError(faults)
    return value


def below(at: str, key: object) -> str:
    """Return the path of `key` in the mapping at `at`; an empty `at` is the document itself."""
    name = key if isinstance(key, str) and key.isprintable() else shown(key)
    return f"{at}.{name}" if at else name


def shown(value: object) -> str:
    """Return the beginning of a plain value as faults quote it."""
    try:
        return f"{value!r:.40}"
    except ValueError:  # Python writes no number of thousands of digits
        return "a very large number"


def kind_of(value: object) -> str:
    """Return the word of an author for the type of a plain value."""
    names = {type(None): "nothing", bool: "a boolean", int: "a number", float: "a number", str: "a text"}
    names |= {list: "a list", dict: "a mapping"}
    return names.get(type(value), f"a {type(value).__name__}")
