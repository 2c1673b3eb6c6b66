"""Faults of interpretation: a bad part is left out and named, and the others go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network

from supervisor.values.bounds import NO_BOUNDS, Bounds
from supervisor.values.errors import Fault
from supervisor.values.settings import DEFAULT_POOL


class BadPartError(Exception):
    """A part of the configuration cannot be used; the message is the reason."""


class Faults:
    """Collects the parts that are left out.

    `bounds` are those that a part must keep; `links` has the addresses of the services themselves.
    """

    def __init__(self, bounds: Bounds = NO_BOUNDS, links: IPv4Network = DEFAULT_POOL) -> None:
        self._faults: list[Fault] = []
        self.bounds, self.links = bounds, links

    @property
    def all(self) -> tuple[Fault, ...]:
        """The faults so far, in the order in which they were met."""
        return tuple(self._faults)

    def add(self, path: str, problem: str) -> None:
        """Record a fault of the part at `path`."""
        self._faults.append(Fault(path, problem))

    @contextmanager
    def part(self, path: str) -> Iterator[None]:
        """Make an error inside a fault of `path`: it ends only that part.

        The stored form was checked when it was taken in, but it may be older than these checks: any of the errors that
        reading a JSON object raises counts.
        """
        try:
            yield
        except BadPartError as error:
            self.add(path, str(error))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            self.add(path, f"{type(error).__name__}: {error}")
