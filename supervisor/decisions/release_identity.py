"""The identity of a release: the digest by which a delta bundle names its base.

It is made of what a router remembers of a release, so that a release imported long ago can be recognized without its
medium. Images and definitions are in it by their digests, and images' digests cover their layers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from supervisor.values.bundle import BundleIndex
from supervisor.values.names import Digest
from supervisor.values.release import Release


def identity_of_release(release: Release) -> Digest:
    """Return the identity of a release that was imported."""
    services = ((name, version.version, version.image, version.definition) for name, version in release.services)
    return _identity(release.name, release.created, services)


def identity_of_index(index: BundleIndex) -> Digest:
    """Return the identity of the release in a bundle; the same as that of the release once it is imported."""
    services = ((service.name, service.version, service.image, service.definition) for service in index.services)
    return _identity(index.release, index.created, services)


def _identity(release: str, created: str, services: Iterable[tuple[str, str, str, str]]) -> Digest:
    facts = [release, created, sorted(services)]
    return Digest("sha256:" + hashlib.sha256(json.dumps(facts, separators=(",", ":")).encode()).hexdigest())
