"""The declaration of an image, as its author wrote it: `images/<name>/image.yaml` read into values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.documents import (
    Boolean,
    DocumentError,
    Field,
    ListOf,
    MapOf,
    Number,
    Parsed,
    Record,
    Text,
    names_twice,
    read_as,
    read_yaml,
)
from supervisor.values.errors import Fault

DECLARATION = "image.yaml"


class DeclarationError(Exception):
    """An image.yaml has faults, or images do not fit together."""


@dataclass(frozen=True, slots=True)
class User:
    """A line of /etc/passwd and the group of the same name."""

    name: str
    uid: int
    gid: int
    home: str = "/"


@dataclass(frozen=True, slots=True)
class Folder:
    """A directory that has to exist because the root is read-only: a mount point or a daemon's home."""

    path: str
    owner: str = "root"
    mode: int = 0o755


@dataclass(frozen=True, slots=True)
class Version:
    """The package that gives the service its version, and how that is written (`{full}`, `{minor}`)."""

    package: str
    pattern: str = "{full}"


@dataclass(frozen=True, slots=True)
class ImageDeclaration:
    """One image: packages to take from, files to take, and what the container starts by default."""

    name: str
    files: Path
    packages: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    version: Version | None = None
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    folders: tuple[Folder, ...] = ()
    users: tuple[User, ...] = ()
    groups: tuple[tuple[str, int], ...] = ()
    run_as: str | None = None
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    compile_python: bool = False


def _user(name: str, uid: int, gid: int | None = None, home: str = "/") -> User:
    return User(name, uid, uid if gid is None else gid, home)


def _folder(path: str, owner: str = "root", mode: str = "0755") -> Folder:
    return Folder(path, owner, int(mode, 8) if isinstance(mode, str) else 0)  # a refused mode is FAULTY here


def _version_pattern(text: str) -> str:
    try:
        text.format(full="", minor="")
    except (LookupError, AttributeError) as error:
        raise ValueError(text) from error
    return text


_WORD = Text(r"\S+", "must have no blanks")
_NAME = Text(r"[a-z_][a-z0-9_-]{0,31}", "must be a name: lower case letters, digits, dashes and underscores")
_PATH = Text(r"/[^\x00]*", "must be an absolute path")
_ID = Number(0, 65535)
_AS = Parsed(_version_pattern, "must be a text with no other names in braces than {full} and {minor}")
_VARIABLE = Text(r"[A-Za-z_][A-Za-z0-9_]*", "must be the name of a variable")
_VERSION = Record(Version, (Field("package", _WORD, True), Field("as", _AS, name="pattern")))
_USER = Record(_user, (Field("name", _NAME, True), Field("uid", _ID, True), Field("gid", _ID), Field("home", _PATH)))
_MODE = Text(r"[0-7]{3,4}", 'must be an octal mode in quotes, like "0700"')
_FOLDER = Record(_folder, (Field("path", _PATH, True), Field("owner", _NAME), Field("mode", _MODE)))
IMAGE = Record(
    dict,
    (
        Field("summary", Text(r"[^\x00-\x1f]+", "must be one line")),
        Field("packages", ListOf(_WORD)),
        Field("skip", ListOf(_WORD)),
        Field("version", _VERSION),
        Field("keep", ListOf(_PATH)),
        Field("drop", ListOf(Text())),
        Field("links", MapOf(_PATH, Text())),
        Field("folders", ListOf(_FOLDER)),
        Field("users", ListOf(_USER)),
        Field("groups", MapOf(_NAME, _ID)),
        Field("run_as", _NAME),
        Field("command", ListOf(Text())),
        Field("environment", MapOf(_VARIABLE, Text(r"[^\x00]*"))),
        Field("compile_python", Boolean()),
    ),
)
"""The syntax of image.yaml. README.md in `images/` says what the keys mean."""


def read_declaration(folder: Path) -> ImageDeclaration:
    """Return the declaration in `folder`, whose last component is the image's name.

    Raises DeclarationError: image.yaml has faults; all of them are listed.
    """
    path = folder / DECLARATION
    try:
        keys: dict[str, Any] = read_as(IMAGE, read_yaml(path.read_bytes()))
        if keys.get("run_as", "root") not in {"root", *(user.name for user in keys.get("users", ()))}:
            raise DocumentError((Fault("run_as", f"{keys['run_as']} is not one of `users`"),))
    except (OSError, DocumentError) as error:
        raise DeclarationError(f"cannot read {path}: {error}") from error
    keys.pop("summary", None)
    for key in ("links", "groups", "environment"):
        keys[key] = tuple(sorted(keys.get(key, ())))
    return ImageDeclaration(folder.name, folder / "files", **keys)


def read_all(base: Path, images: Sequence[Path]) -> tuple[ImageDeclaration, tuple[ImageDeclaration, ...]]:
    """Return the declaration in the folder `base`, and those of services: of the other folders below `images`.

    Raises DeclarationError: a declaration has faults, or two images have one name.
    """
    folders = sorted(path.parent for place in images for path in place.glob(f"*/{DECLARATION}") if path.parent != base)
    for index, name in names_twice([folder.name for folder in folders]):
        raise DeclarationError(f"cannot build image {name}: {folders[index]} is not the only folder of that name")
    return read_declaration(base), tuple(read_declaration(folder) for folder in folders)
