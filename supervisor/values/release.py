"""Releases that were imported, and the versions of services they brought."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from supervisor.values.names import Digest, ImageId, ServiceName
from supervisor.values.trust import Signing


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a service, from a release."""

    release: str
    version: str
    image: ImageId
    definition: Digest

    def is_same_as(self, other: Version) -> bool:
        """True if the same image and definition would run: two releases may bring one version."""
        return (self.image, self.definition) == (other.image, other.definition)


@dataclass(frozen=True, slots=True)
class Release:
    """A bundle whose images and definitions are in the store."""

    name: str
    created: str
    source: str  # the medium that it was imported from
    imported: float  # seconds since the epoch
    services: tuple[tuple[ServiceName, Version], ...]
    signing: Signing | None = None  # None: an earlier supervisor imported it, and kept nothing of who signed it

    def version_of(self, service: ServiceName) -> Version | None:
        """Return the version of a service in this release; None if the release lacks it."""
        return dict(self.services).get(service)


class InstanceState(StrEnum):
    """The part that an instance has in its service."""

    CANDIDATE = "candidate"
    ACTIVE = "active"
    FORMER = "former"  # alive, finishing its connections
    RETIRED = "retired"
