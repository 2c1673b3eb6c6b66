"""Differences between the packages of two releases, and the packages that a word means."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from supervisor.values.packages import Fix, Package
from supervisor.values.status import PackageChange

Packages = Mapping[str, tuple[Package, ...]]
"""The packages of each service's image, by service."""


def changes(former: Packages, later: Packages) -> tuple[PackageChange, ...]:
    """Return what differs, sorted by package: one entry for each package and pair of versions, with its services.

    A package with the same version in both is no entry. `fixed` are the CVE ids that the later changelog names in
    entries that the former one lacks; `reopened` the other way round, as after a step back.
    """
    services: dict[tuple[str, str, str], list[str]] = {}
    fixes: dict[tuple[str, str, str], tuple[tuple[Fix, ...], tuple[Fix, ...]]] = {}
    for service in sorted({*former, *later}):
        before = {package.name: package for package in former.get(service, ())}
        after = {package.name: package for package in later.get(service, ())}
        for name in before.keys() | after.keys():
            old, new = before.get(name), after.get(name)
            key = (name, old.version if old else "", new.version if new else "")
            if key[1] != key[2]:
                services.setdefault(key, []).append(service)
                fixes[key] = (old.fixes if old else (), new.fixes if new else ())
    return tuple(
        PackageChange(
            package=name,
            former=old or None,
            later=new or None,
            services=tuple(services[name, old, new]),
            fixed=_named_only(*fixes[name, old, new]) if old and new else (),
            reopened=_named_only(*reversed(fixes[name, old, new])) if old and new else (),
        )
        for name, old, new in sorted(services)
    )


def means(word: str, package: Package) -> bool:
    """True if `word` is the package's name, that of its source package, or a pattern (`*`, `?`) of either."""
    return fnmatchcase(package.name, word) or fnmatchcase(package.source, word)


def _named_only(former: tuple[Fix, ...], later: tuple[Fix, ...]) -> tuple[str, ...]:
    """Return the ids in entries of `later` that `former` lacks.

    Along one branch the former changelog is the end of the later one. Two branches share older entries; what only the
    former branch has fixed under a version of its own is no news in the later one.
    """
    known, new = set(former), set(later)
    return tuple(sorted({id for fix in new - known for id in fix.ids} - {id for fix in known - new for id in fix.ids}))
