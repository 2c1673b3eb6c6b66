"""Finds the release or the version that an operator names, among those that are imported."""

from __future__ import annotations

from collections.abc import Iterable

from supervisor.decisions.versions import match_version
from supervisor.loop.releases.library import Library
from supervisor.values.errors import DoubtedReleaseError, UnknownReleaseError
from supervisor.values.names import ServiceName
from supervisor.values.release import Release, Version


def find_release(library: Library, name: str | None) -> Release:
    """Return the release of that name, or else the newest that is in no doubt.

    Raises UnknownReleaseError: there is none. Raises DoubtedReleaseError: the named one is in doubt, or all are.
    """
    known, trusted = library.by_age(), library.trusted()
    for release in reversed(trusted):
        if name in (None, release.name):
            return release
    for release in reversed(known):
        if name in (None, release.name):
            raise DoubtedReleaseError(release.name, library.doubt(release))
    raise UnknownReleaseError(name, [release.name for release in known])


def find_version(library: Library, service: ServiceName, name: str | None) -> Version:
    """Return the newest version of the service that `name` names, whole or by its beginning; None names all.

    Releases in doubt are looked at only if no other has one. Raises UnknownVersionError: there is none. Raises
    RequestError: `name` fits several.
    """
    trusted = _versions(library.trusted(), service)
    known = _versions(library.by_age(), service)
    if name is None:
        return (trusted or known)[-1]
    text = match_version(service, name, tuple(dict.fromkeys(version.version for version in known)))
    return next(version for version in reversed([*known, *trusted]) if version.version == text)


def _versions(releases: Iterable[Release], service: ServiceName) -> list[Version]:
    return [version for release in releases if (version := release.version_of(service))]
