"""Puts trust documents on a medium that is written already: people sign it one after the other."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from supervisor.decisions.doubt import instant
from supervisor.edges.bundle import index as index_file
from supervisor.edges.bundle.build import write_iso
from supervisor.edges.bundle.medium import Medium
from supervisor.edges.bundle.papers import papers_of
from supervisor.edges.trust.papers import REVOCATIONS, STATEMENT, Papers, is_paper, root_name, root_version
from supervisor.values.errors import BundleBuildError


def read_papers(path: Path) -> Papers:
    """Return the papers of a medium; nothing about them is verified but their size. Raises BundleError."""
    with Medium(path) as medium:
        return papers_of(medium)


def attach(path: Path, papers: Mapping[str, bytes]) -> None:
    """Put papers onto the ISO in a file, in the place of those of their names; everything else stays as it is.

    Raises BundleError: nothing has changed.
    """
    for name in papers:
        if not is_paper(name):
            raise BundleBuildError(f"cannot put {name} on {path}: it is no trust document")
    if not path.is_file():
        raise BundleBuildError(f"cannot put anything on {path}: it is no file")
    try:
        _rewrite(path, papers)
    except OSError as error:
        raise BundleBuildError(f"cannot write {path}: {error.strerror or error}") from error


def _rewrite(path: Path, papers: Mapping[str, bytes]) -> None:
    with tempfile.TemporaryDirectory(prefix="vr-papers-", dir=path.parent) as folder, Medium(path) as medium:
        content: dict[str, Path | bytes] = {}
        for number, name in enumerate(name for name in medium.files() if name not in papers):
            copy = Path(folder, str(number))
            with copy.open("wb") as file:
                file.writelines(medium.chunks(name))
            content[name] = copy
        created = index_file.decode(papers_of(medium).index, str(path)).created
        write_iso({**content, **papers}, datetime.fromtimestamp(instant(created), UTC), path)


def documents(
    *, statement: Path | None = None, roots: Path | None = None, revocations: Path | None = None
) -> dict[str, bytes]:
    """Return trust documents in files by their names on a medium; `roots` is a folder with N.json.

    Raises BundleBuildError: one cannot be read, or the folder has none.
    """
    places = {STATEMENT: statement, REVOCATIONS: revocations}
    named = {name: place for name, place in places.items() if place is not None}
    if roots is not None:
        versions = {root_version(f"root/{place.name}"): place for place in roots.glob("*.json")}
        found = {root_name(version): place for version, place in versions.items() if version is not None}
        if not found:
            raise BundleBuildError(f"cannot use {roots}: there is no root document N.json in it")
        named |= found
    try:
        return {name: place.read_bytes() for name, place in named.items()}
    except OSError as error:
        raise BundleBuildError(f"cannot read {error.filename}: {error.strerror}") from error
