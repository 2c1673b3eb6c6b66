"""Records of packages: those that files of an image come from, written into the image where scanners look for them.

`/var/lib/dpkg/status.d/` has one file for each package (in the form of deb-status(5)): the images have no dpkg, and a
file of their own for each package lets the shared layer and the service's layer both have some.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from builder.apt import Package
from builder.changelog import Fixes, changelog, fixes
from builder.tree import Entry, Kind, Tree, TreeError

FOLDER = "var/lib/dpkg/status.d"


@dataclass(frozen=True, slots=True)
class PackageRecord:
    """A package as its own control file describes it, with the CVE ids that its changelog names."""

    name: str
    version: str
    architecture: str
    source: str
    maintainer: str
    fixes: Fixes = ()


def read_record(package: Package, deb: Path, trees: Mapping[str, Tree]) -> PackageRecord:
    """Return the record of a package file; `trees` has what it and the packages beside it unpack to, by name.

    Raises TreeError: it is no package, or another one.
    """
    words = ("Package", "Version", "Architecture", "Source", "Maintainer")
    done = subprocess.run(["dpkg-deb", "-f", str(deb), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise TreeError(f"cannot read {deb}: {done.stderr.strip()}")
    fields = dict(re.findall(r"^(\S+): (.*)$", done.stdout, re.MULTILINE))
    if (fields.get("Package"), fields.get("Version")) != (package.name, package.version):
        said = f"{fields.get('Package')} {fields.get('Version')}"
        raise TreeError(f"cannot use {deb} as {package.name} {package.version}: it is {said}")
    return PackageRecord(
        package.name,
        package.version,
        fields["Architecture"],
        fields.get("Source", package.name).split(" ")[0],
        fields.get("Maintainer", ""),
        fixes(changelog(package.name, trees) or ""),
    )


def sources_of(chosen: Iterable[str], packages: Iterable[Package], trees: Mapping[str, Tree]) -> tuple[Package, ...]:
    """Return the packages that the chosen paths come from; of two that have one path the later one counts."""
    owners = {path: package for package in packages for path in trees[package.name]}
    found = {owners[path] for path in chosen if path in owners}
    return tuple(sorted(found, key=lambda package: package.name))


def record_files(records: Iterable[PackageRecord]) -> Tree:
    """Return the files that record the packages in an image."""
    return {f"{FOLDER}/{record.name}": Entry(Kind.FILE, 0o644, content=_status(record)) for record in records}


def recorded(tree: Tree) -> tuple[str, ...]:
    """Return the names of the packages that are recorded in a tree, sorted."""
    return tuple(sorted(path.rpartition("/")[2] for path in tree if path.startswith(f"{FOLDER}/")))


def _status(record: PackageRecord) -> bytes:
    return (
        f"Package: {record.name}\nStatus: install ok installed\nArchitecture: {record.architecture}\n"
        f"Source: {record.source}\nVersion: {record.version}\nMaintainer: {record.maintainer}\n"
    ).encode()
