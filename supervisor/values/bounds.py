"""Bounds of the configuration: numbers beyond which a service's daemon cannot carry out a part of it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
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
MOST: Mapping[str, tuple[int, int]] = {
    "check_headers": (0, 1 << 16),  # of a health check
    "checks": (1, (1 << 31) - 1),  # until a member counts as up or down
    "connections": (1, (1 << 31) - 1),  # at once
    "cookie_options": (0, 1 << 16),
    "milliseconds": (1, (1 << 63) - 1),
    "table_entries": (1, (1 << 63) - 1),  # of a table of clients
}
"""The greatest numbers that a service may state, each with the range that makes sense."""
LEAST: Mapping[str, tuple[int, int]] = {
    "lease_seconds": (0, 86_400),
    "tls_security_level": (0, 5),  # of OpenSSL: SSL_CTX_set_security_level(3)
}
"""The smallest numbers that a service may state, each with the range that makes sense."""
BUILT_IN_BOUNDS = Bounds(
    most=(
        ("check_headers", 16),
        ("checks", 1_000_000),
        ("connections", 1_000_000),
        ("cookie_options", 24),
        ("milliseconds", (1 << 31) - 1),
        ("table_entries", 1 << 24),
    ),
    least=(("lease_seconds", 120), ("tls_security_level", 2)),
)
"""The bounds that hold while no service states its own: no release is here, or manifests of schema 1."""


def narrowest(bounds: Iterable[Bounds]) -> Bounds:
    """Return the bounds that keep within all of these."""
    most: dict[str, int] = {}
    least: dict[str, int] = {}
    for each in bounds:
        most |= {name: min(number, most.get(name, number)) for name, number in each.most}
        least |= {name: max(number, least.get(name, number)) for name, number in each.least}
    return Bounds(tuple(sorted(most.items())), tuple(sorted(least.items())))
