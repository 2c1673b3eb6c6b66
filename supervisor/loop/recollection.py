"""Remembers the last answers about each service's knowledge, for the candidate after a daemon that hangs or ended."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from supervisor.values.manifest import Knowledge
from supervisor.values.names import ServiceName

_NOTHING: Mapping[Knowledge, str] = MappingProxyType({})


class Recollection:
    """The last answers of all services. Each worker uses it for its own service alone; it ends with the process."""

    def __init__(self) -> None:
        self._answers: dict[ServiceName, Mapping[Knowledge, str]] = {}

    def note(self, service: ServiceName, answers: Mapping[Knowledge, str]) -> None:
        """Replace the answers of a service; `answers` may be empty."""
        self._answers[service] = answers

    def last(self, service: ServiceName) -> Mapping[Knowledge, str]:
        """Return the last answers of a service; empty: there are none."""
        return self._answers.get(service, _NOTHING)
