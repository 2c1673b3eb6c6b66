"""Bounds of the configuration: numbers beyond which a service's daemon cannot carry out a part of it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds by name. A name that is not among them has no bound."""

    most: tuple[tuple[str, int], ...] = ()
    least: tuple[tuple[str, int], ...] = ()

    def most_of(self, name: str) -> int:
        """Return the greatest number that a part may have."""
        return dict(self.most).get(name, sys.maxsize)

    def least_of(self, name: str) -> int:
        """Return the smallest number that a part may have; 0 without a bound."""
        return dict(self.least).get(name, 0)


NO_BOUNDS = Bounds()


def narrowest(bounds: Iterable[Bounds]) -> Bounds:
    """Return the bounds that keep within all of these."""
    most: dict[str, int] = {}
    least: dict[str, int] = {}
    for each in bounds:
        most |= {name: min(number, most.get(name, number)) for name, number in each.most}
        least |= {name: max(number, least.get(name, number)) for name, number in each.least}
    return Bounds(tuple(sorted(most.items())), tuple(sorted(least.items())))
