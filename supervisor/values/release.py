"""Releases that were imported, and the versions of services they brought."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from supervisor.values.names import Digest, ImageId, ServiceName


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a service, from one release."""

    release: str
    version: str
    image: ImageId
    definition: Digest

    def is_same_as(self, other: Version) -> bool:
        """Would the same run? Two releases may bring one version."""
        return (self.image, self.definition) == (other.image, other.definition)


@dataclass(frozen=True, slots=True)
class Release:
    """A bundle whose images and definitions are in the store."""

    name: str
    created: str
    source: str  # where it was imported from
    imported: float
    services: tuple[tuple[ServiceName, Version], ...]

    def version_of(self, service: ServiceName) -> Version | None:
        return dict(self.services).get(service)


class InstanceState(StrEnum):
    CANDIDATE = "candidate"
    ACTIVE = "active"
    FORMER = "former"  # alive, finishing its connections
    RETIRED = "retired"
