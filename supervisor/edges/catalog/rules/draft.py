"""The draft of a manifest, which rules look at, and the faults of its expressions and templates."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from supervisor.documents import FAULTY, names_twice
from supervisor.edges.templating import NAMES, expression_fault, template_fault
from supervisor.values.errors import Fault
from supervisor.values.manifest import (
    ConfigFile,
    Frontend,
    Probe,
    Undertaking,
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A manifest as far as it could be read, and the templates beside it."""

    folder: str
    fields: Mapping[str, Any]
    templates: Mapping[str, str]

    def value(self, key: str) -> Any:
        """Return the value of a key; None if it is absent or was refused."""
        value = self.fields.get(key)
        return None if value is FAULTY else value

    def items(self, key: str) -> Iterator[tuple[str, Any]]:
        """Yield path and value of every good item of the list at `key`."""
        for index, item in enumerate(self.value(key) or ()):
            if item is not FAULTY:
                yield f"{key}[{index}]", item

    def is_given(self, key: str) -> bool:
        """True if the key is there, whatever its value."""
        return key in self.fields

    @property
    def runtime_folders(self) -> set[str]:
        """The names of the service's runtime folders."""
        return {item.name for _, item in self.items("runtime") if item.name is not FAULTY}


Rule = Callable[[Draft], Iterator[Fault]]
"""A rule yields the faults of a draft that it is about."""


def item_faults(at: str, item: ConfigFile | Frontend | Probe | Undertaking, names: frozenset[str]) -> Iterator[Fault]:
    """Yield the faults of the expressions `each` and `when`; `names` are those that `when` sees."""
    yield from expression_faults(f"{at}.each", item.each, NAMES)
    yield from expression_faults(f"{at}.when", getattr(item, "when", None), names)


def expression_faults(at: str, text: object, names: frozenset[str]) -> Iterator[Fault]:
    """Yield the fault of an expression that sees `names`, if there is one and it has a fault."""
    if isinstance(text, str):
        yield from problem_at(at, expression_fault(text, names))


def template_faults(at: str, text: object, names: frozenset[str]) -> Iterator[Fault]:
    """Yield the fault of a template that sees `names`, if there is one and it has a fault."""
    if isinstance(text, str):
        yield from problem_at(at, template_fault(text, names))


def problem_at(at: str, problem: str | None) -> Iterator[Fault]:
    """Yield the fault of a place that has this problem; none without one."""
    if problem:
        yield Fault(at, problem)


def pattern_problem(text: str) -> str | None:
    """Return the problem of a text that is no regular expression; None if it is one."""
    try:
        re.compile(text)
    except re.error as error:
        return f"is not a regular expression: {error}"
    return None


def repeated(named: Sequence[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield path and name of every item whose name was there before; refused names are passed over."""
    good = [(at, name) for at, name in named if name is not FAULTY]
    for index, _ in names_twice([name for _, name in good]):
        yield good[index]
