"""Doubts about releases: nothing of one whose key is gone or revoked, or that is below a floor, is started anew."""

from __future__ import annotations

from supervisor.decisions.doubt import doubt, version_doubt
from supervisor.loop.world import World
from supervisor.values.errors import DoubtedReleaseError
from supervisor.values.release import Release, Version
from supervisor.values.state import Instance


def doubt_about(world: World, release: Release) -> str:
    """Return why nothing of a release may be started anew; empty: it may."""
    return doubt(release, world.origin.trust.state(), world.settings.trust_policy)


def refuse_doubted(world: World, version: Version, active: Instance | None) -> None:
    """Return if a generation of a version may be made: what runs, or ran last, goes on in spite of every doubt.

    Raises DoubtedReleaseError: it is another version, and every release that brings it is in doubt.
    """
    if active is not None and (active.image, active.definition) == (version.image, version.definition):
        return
    if text := doubt_about_version(world, version):
        raise DoubtedReleaseError(version.release, text)


def doubt_about_version(world: World, version: Version) -> str:
    """Return why a version may not be started anew; empty: it may."""
    return version_doubt(version, world.store.releases(), world.origin.trust.state(), world.settings.trust_policy)
