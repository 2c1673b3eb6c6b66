"""What an image is, as its author wrote it: `images/<name>/image.yaml` read once into values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

# fmt: off
KEYS = {
    "summary", "packages", "skip", "version", "keep", "drop", "links", "folders", "users", "groups", "run_as",
    "command", "environment", "compile_python",
}
# fmt: on


class DeclarationError(Exception):
    """An image.yaml cannot be understood."""


@dataclass(frozen=True, slots=True)
class User:
    """A line of /etc/passwd and the group of the same name."""

    name: str
    uid: int
    gid: int
    home: str


@dataclass(frozen=True, slots=True)
class Folder:
    """A directory that has to exist because the root is read-only: a mount point or a daemon's home."""

    path: str
    owner: str
    mode: int


@dataclass(frozen=True, slots=True)
class Version:
    """Which package gives the service its version, and how that is written (`{full}`, `{minor}`)."""

    package: str
    pattern: str


@dataclass(frozen=True, slots=True)
class ImageDeclaration:
    """One image: packages to take from, files to keep, and what the container starts by default."""

    name: str
    packages: tuple[str, ...]
    skip: tuple[str, ...]
    version: Version | None
    keep: tuple[str, ...]
    drop: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    folders: tuple[Folder, ...]
    users: tuple[User, ...]
    groups: tuple[tuple[str, int], ...]
    run_as: str | None
    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    compile_python: bool
    files: Path


def read_declaration(folder: Path) -> ImageDeclaration:
    """Read `folder`/image.yaml; unknown keys are refused because a misspelt one would be ignored silently."""
    document: dict[str, Any] = yaml.safe_load((folder / "image.yaml").read_text()) or {}
    unknown = sorted(set(document) - KEYS)
    if unknown:
        raise DeclarationError(f"cannot read {folder}/image.yaml: unknown keys {', '.join(unknown)}")
    version = document.get("version")
    return ImageDeclaration(
        name=folder.name,
        packages=tuple(document.get("packages", ())),
        skip=tuple(document.get("skip", ())),
        version=Version(version["package"], version.get("as", "{full}")) if version else None,
        keep=tuple(document.get("keep", ())),
        drop=tuple(document.get("drop", ())),
        links=tuple(sorted((document.get("links") or {}).items())),
        folders=tuple(
            Folder(item["path"], item.get("owner", "root"), int(str(item.get("mode", "0755")), 8))
            for item in document.get("folders", ())
        ),
        users=tuple(
            User(item["name"], item["uid"], item.get("gid", item["uid"]), item.get("home", "/"))
            for item in document.get("users", ())
        ),
        groups=tuple(sorted((document.get("groups") or {}).items())),
        run_as=document.get("run_as"),
        command=tuple(document.get("command", ())),
        environment=tuple(sorted((document.get("environment") or {}).items())),
        compile_python=bool(document.get("compile_python", False)),
        files=folder / "files",
    )


def read_all(base: Path, images: Sequence[Path]) -> tuple[ImageDeclaration, tuple[ImageDeclaration, ...]]:
    """Return the declaration in the folder `base`, and those in the other folders below `images`."""
    folders = sorted(path.parent for place in images for path in place.glob("*/image.yaml") if path.parent != base)
    return read_declaration(base), tuple(read_declaration(folder) for folder in folders)
