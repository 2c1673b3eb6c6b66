"""The families of commands, found by listing the modules of `cloudstack`: a module with a `FAMILY` is one."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from importlib import import_module

from supervisor.edges.intake import cloudstack
from supervisor.edges.intake.family import Family


def in_order(families: Mapping[str, Family]) -> Iterator[Family]:
    """Yield the families, each after those that it reads (`after`), and else in the order given."""
    done: set[str] = set()

    def with_those_before(family: Family) -> Iterator[Family]:
        if family.type not in done:
            done.add(family.type)
            for type_ in family.after:
                yield from with_those_before(families[type_])
            yield family

    for family in families.values():
        yield from with_those_before(family)


def _listed() -> Iterator[Family]:
    for module in pkgutil.iter_modules(cloudstack.__path__):
        family = getattr(import_module(f"{cloudstack.__name__}.{module.name}"), "FAMILY", None)
        if isinstance(family, Family):
            yield family


FAMILIES: Mapping[str, Family] = {
    family.type: family for family in in_order({family.type: family for family in _listed()})
}
"""Families by type, in the order in which they are interpreted."""
