"""How interpretation goes on after a bad part: the part is left out, and named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from supervisor.values.errors import Fault


class BadPartError(Exception):
    """This part of the configuration cannot be used; its message is the reason."""


class Faults:
    """Collects what was left out."""

    def __init__(self) -> None:
        self._found: list[Fault] = []

    @property
    def found(self) -> tuple[Fault, ...]:
        return tuple(self._found)

    def add(self, path: str, problem: str) -> None:
        self._found.append(Fault(path, problem))

    @contextmanager
    def part(self, path: str) -> Iterator[None]:
        """What goes wrong inside is a fault of `path` and ends only that part.

        The kept form was checked when it was taken in, but it may be older than these checks: any of the errors that
        reading a JSON object raises counts.
        """
        try:
            yield
        except BadPartError as error:
            self.add(path, str(error))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            self.add(path, f"{type(error).__name__}: {error}")
