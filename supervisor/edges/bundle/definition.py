"""The definition of a service as it travels in a bundle: its folder without what only its developers need."""

from __future__ import annotations

from pathlib import Path

from supervisor.decisions.definition_digest import definition_digest, listing_digest

__all__ = ["definition_digest", "definition_files", "listing_digest"]

_STAY_AT_HOME = ("golden", "README.md")


def definition_files(folder: Path) -> dict[str, bytes]:
    """Return the files of `services/<name>/` that belong to its definition, by path below the folder."""
    files = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    return {
        name.as_posix(): path.read_bytes()
        for name, path in sorted(files.items())
        if name.parts[0] not in _STAY_AT_HOME and not any(part.startswith((".", "__pycache__")) for part in name.parts)
    }
