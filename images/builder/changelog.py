"""CVE ids in the changelogs of Debian packages, entry by entry.

deb-changelog(5) has the form. Images carry no documents, so changelogs are read here, where packages are at hand.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Mapping

from builder.tree import Kind, Tree, follow

Fixes = tuple[tuple[str, tuple[str, ...]], ...]
"""The version of each changelog entry that names CVE ids, newest first, with those ids, sorted."""

_ENTRY = re.compile(r"^\S+ \(([^)\s]+)\) [^;]*;", re.MULTILINE)
_CVE = re.compile(r"\bCVE-\d{4}-\d{4,7}\b")
_DOCUMENTS = "usr/share/doc"


def fixes(changelog: str) -> Fixes:
    """Return the entries of a changelog that name CVE ids."""
    _, *parts = _ENTRY.split(changelog)  # a version and the text below it, in turns
    named = (
        (version, tuple(sorted(set(_CVE.findall(text))))) for version, text in zip(parts[::2], parts[1::2], strict=True)
    )
    return tuple((version, ids) for version, ids in named if ids)


def changelog(package: str, trees: Mapping[str, Tree]) -> str | None:
    """Return the changelog of a package; None: it carries none.

    `trees` has the files of this package and others, by package: the folder of its documents may be a link into the
    folder of another one of the same source.
    """
    folder, seen = f"{_DOCUMENTS}/{package}", set()
    everything = [trees[package], *trees.values()]
    while folder not in seen:
        seen.add(folder)
        names = ("changelog.Debian.gz", "changelog.gz")  # the second for packages that are Debian's own
        if found := _first(everything, (f"{folder}/{name}" for name in names)):
            return gzip.decompress(found).decode("utf-8", "replace")
        for tree in everything:
            if folder in tree and tree[folder].kind is Kind.LINK:
                folder = follow(folder, tree[folder].target)
                break
    return None


def _first(trees: Iterable[Tree], paths: Iterable[str]) -> bytes | None:
    for path in paths:
        for tree in trees:
            if path in tree and tree[path].kind is Kind.FILE:
                return tree[path].content
    return None
