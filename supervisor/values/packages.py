"""Debian packages in images, as their bills of materials list them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fix:
    """An entry of a package's changelog: the version that it is about, and the CVE ids that it names."""

    version: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Package:
    """A binary package in an image."""

    name: str
    version: str
    architecture: str
    source: str  # the name of its source package
    fixes: tuple[Fix, ...] = ()
