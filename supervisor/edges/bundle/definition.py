"""The definition of a service as it travels in a bundle: its folder without what only its developers need."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from supervisor.values.names import Digest

_STAY_AT_HOME = ("golden", "README.md")


def definition_files(folder: Path) -> dict[str, bytes]:
    """Return the files of `services/<name>/` that belong to its definition, by path below the folder."""
    found = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    return {
        name.as_posix(): path.read_bytes()
        for name, path in sorted(found.items())
        if name.parts[0] not in _STAY_AT_HOME and not any(part.startswith((".", "__pycache__")) for part in name.parts)
    }


def definition_digest(files: Mapping[str, bytes]) -> Digest:
    """Return the digest of a definition: of the sorted lines `<sha256>  <path>`, which sha256sum could have written."""
    return listing_digest({name: hashlib.sha256(content).hexdigest() for name, content in files.items()})


def listing_digest(sums: Mapping[str, str]) -> Digest:
    """The same, from the hashes of the files."""
    lines = "".join(f"{total}  {name}\n" for name, total in sorted(sums.items()))
    return Digest("sha256:" + hashlib.sha256(lines.encode()).hexdigest())
