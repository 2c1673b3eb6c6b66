"""Releases beside the store: one file for each, with its definitions, from which the tables can be filled again.

A definition is accepted only if its files have its digest. The file is in the folder of the store and as trusted as
the store itself; images are not in it.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from supervisor.decisions.definition_digest import definition_digest
from supervisor.edges.store import codec
from supervisor.edges.trust.memory import dump_signing, load_signing
from supervisor.values.names import Digest, ServiceName
from supervisor.values.release import Release

FOLDER = "releases"

DefinitionFiles = Mapping[Digest, Mapping[str, bytes]]


def write_release(folder: Path, release: Release, definitions: DefinitionFiles) -> None:
    """Write the file of a release, synced and renamed in.

    Raises OSError: when it could not be written; an earlier file of the release is unchanged.
    """
    place = _place(folder, release.name)
    place.parent.mkdir(mode=0o700, exist_ok=True)
    fresh = place.with_suffix(".new")
    handle = os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(_dump(release, definitions), file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(place)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def remove_release(folder: Path, name: str) -> None:
    """Remove the file of a release; nothing happens when there is none."""
    _place(folder, name).unlink(missing_ok=True)


def has_release(folder: Path, name: str) -> bool:
    """Return True if the release has a file."""
    return _place(folder, name).is_file()


def read_releases(folder: Path) -> Iterator[tuple[Release, DefinitionFiles]]:
    """Yield the releases whose files can be read, oldest import first; other files are ignored."""
    releases = []
    for place in sorted((folder / FOLDER).glob("*.json")):
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
            releases.append(_load(json.loads(place.read_text(encoding="utf-8"))))
    yield from sorted(releases, key=lambda entry: entry[0].imported)


def _place(folder: Path, name: str) -> Path:
    return folder / FOLDER / f"{hashlib.sha256(name.encode(errors='surrogateescape')).hexdigest()[:32]}.json"


def _dump(release: Release, definitions: DefinitionFiles) -> dict[str, Any]:
    return {
        "name": release.name,
        "created": release.created,
        "source": release.source,
        "imported": release.imported,
        "signing": release.signing and dump_signing(release.signing),
        "services": {name: codec.dump_version(version) for name, version in release.services},
        "definitions": {
            digest: {path: base64.b64encode(content).decode() for path, content in files.items()}
            for digest, files in definitions.items()
        },
    }


def _load(fields: Any) -> tuple[Release, DefinitionFiles]:
    services = tuple((ServiceName(name), codec.load_version(text)) for name, text in sorted(fields["services"].items()))
    signing = load_signing(fields["signing"]) if fields.get("signing") else None
    release = Release(
        str(fields["name"]), str(fields["created"]), str(fields["source"]), float(fields["imported"]), services, signing
    )
    definitions = {
        Digest(digest): {path: base64.b64decode(content, validate=True) for path, content in files.items()}
        for digest, files in fields["definitions"].items()
    }
    for digest, files in definitions.items():
        if definition_digest(files) != digest:
            raise ValueError(f"the files of definition {digest} are not those of its digest")
    return release, definitions
