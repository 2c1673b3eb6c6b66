"""Finds the release or the version that an operator names, among those that are imported."""

from __future__ import annotations

from supervisor.decisions.versions import match_version
from supervisor.loop.releases.library import Library
from supervisor.values.errors import UnknownReleaseError
from supervisor.values.names import ServiceName
from supervisor.values.release import Release, Version


def find_release(library: Library, name: str | None) -> Release:
    """Return the release of that name, or else the newest. Raises UnknownReleaseError: there is none."""
    known = library.by_age()
    for release in reversed(known):
        if name in (None, release.name):
            return release
    raise UnknownReleaseError(name, [release.name for release in known])


def find_version(library: Library, service: ServiceName, name: str | None) -> Version:
    """Return the newest version of the service that `name` names, whole or by its beginning; None names all.

    Raises UnknownVersionError: there is none. Raises RequestError: `name` fits several.
    """
    releases = library.by_age()
    known = [version for release in releases if (version := release.version_of(service))]
    if name is None:
        return known[-1]
    text = match_version(service, name, tuple(dict.fromkeys(version.version for version in known)))
    return next(version for version in reversed(known) if version.version == text)
