"""The way from command files to the router's configuration."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from supervisor.values.errors import Fault
from supervisor.values.intake import Taken
from supervisor.values.router import RouterConfig


class Intake(Protocol):
    """Turns configuration files of a management server into the router's configuration.

    `stored` is the configuration in the intake's own form, as `take` returned it and the store holds it; None: none
    was taken in yet. Nothing is changed but what is returned, so every call may be repeated.
    """

    def take(self, stored: str | None, files: Sequence[tuple[str, bytes]]) -> Taken:
        """Merge files, as (name, content) in order, into `stored`; files that cannot be read are named in the result.

        Raises ConfigurationError: when `stored` cannot be read.
        """

    def interpret(self, stored: str | None) -> tuple[RouterConfig, tuple[Fault, ...]]:
        """Return the router's configuration and the faults of parts that are left out of it; None: an empty one.

        Raises ConfigurationError: when `stored` cannot be read.
        """

    def forget(self, stored: str | None, spent: Collection[str]) -> str | None:
        """Return `stored` without the items that a service has used up, each named by its offer; None: it has none.

        Raises ConfigurationError: when `stored` cannot be read.
        """
