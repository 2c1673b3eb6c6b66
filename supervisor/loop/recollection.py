"""The last notes of daemons' knowledge, for those that come after one that hangs or has ended."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from supervisor.values.manifest import Knowledge
from supervisor.values.names import ServiceName

_NOTHING: Mapping[Knowledge, str] = MappingProxyType({})


class Recollection:
    """Used by every worker for its own service alone; it ends with the process."""

    def __init__(self) -> None:
        self._answers: dict[ServiceName, Mapping[Knowledge, str]] = {}

    def note(self, service: ServiceName, answers: Mapping[Knowledge, str]) -> None:
        """Replace what was known of the service; a note of nothing is one, too."""
        self._answers[service] = answers

    def of(self, service: ServiceName) -> Mapping[Knowledge, str]:
        return self._answers.get(service, _NOTHING)
