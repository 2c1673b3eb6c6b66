"""What turns command files into the router's configuration."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from supervisor.values.errors import Fault
from supervisor.values.intake import Taken
from supervisor.values.router import RouterConfig


class Intake(Protocol):
    """Turns configuration files of a management server into the router's configuration."""

    def take(self, kept: str | None, files: Sequence[tuple[str, bytes]]) -> Taken:
        """Merge files, (name, content) in order, into what is kept. Files refused are named in the faults."""

    def interpret(self, kept: str | None) -> tuple[RouterConfig, tuple[Fault, ...]]:
        """A part that cannot be used is left out and named; it never blocks the rest."""

    def forget(self, kept: str | None, spent: Collection[str]) -> str | None:
        """Return what is kept without the items that a service has used up, each named by its offer.

        None: none of them is in it. May be repeated. ConfigurationError: `kept` cannot be read.
        """
