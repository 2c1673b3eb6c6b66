"""A root file system in memory: paths to entries, filled from packages and folders, reduced to what an image needs."""

from __future__ import annotations

import posixpath
import subprocess
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from pathlib import Path

from builder import elf

MERGED = {"bin", "sbin", "lib", "lib32", "lib64", "libx32"}  # links into usr, in every release


class TreeError(Exception):
    """A file that an image needs is not in its packages."""


class Kind(Enum):
    """The kind of an entry."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Entry:
    """A path of a tree: a file with its bytes, a folder, or a symbolic link with its target."""

    kind: Kind
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    content: bytes = b""
    target: str = ""


Tree = dict[str, Entry]


def canonical(path: str) -> str:
    """Return `path` without leading slash and with the merged-usr links resolved."""
    path = posixpath.normpath("/" + path).lstrip("/")
    return f"usr/{path}" if path.split("/", 1)[0] in MERGED else path


def unpack(deb: Path) -> Tree:
    """Return the files of a Debian package. Its maintainer scripts are never run."""
    tree: Tree = {}
    with (
        subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as unpacker,
        tarfile.open(fileobj=unpacker.stdout, mode="r|") as archive,
    ):
        for member in archive:
            path = canonical(member.name)
            if member.isfile():
                stream = archive.extractfile(member)
                tree[path] = Entry(Kind.FILE, member.mode, content=stream.read() if stream else b"")
            elif member.issym():
                tree[path] = Entry(Kind.LINK, 0o777, target=member.linkname)
            elif member.islnk():
                tree[path] = tree[canonical(member.linkname)]
    if unpacker.returncode:
        raise TreeError(f"cannot unpack {deb.name}: dpkg-deb ended with {unpacker.returncode}")
    return tree


def from_folder(folder: Path) -> Tree:
    """Return the files of `folder`, owned by root: 0755 where the owner may execute, 0644 otherwise."""
    tree: Tree = {}
    for path in sorted(folder.rglob("*")):
        if is_leftover(path.relative_to(folder)):
            continue
        name = canonical(path.relative_to(folder).as_posix())
        if path.is_symlink():
            tree[name] = Entry(Kind.LINK, 0o777, target=str(path.readlink()))
        elif path.is_file():
            tree[name] = Entry(Kind.FILE, 0o755 if path.stat().st_mode & 0o100 else 0o644, content=path.read_bytes())
    return tree


def is_leftover(path: Path) -> bool:
    """True if a tool left `path` in the sources: byte code, or a hidden cache."""
    return any(part == "__pycache__" or part.startswith(".") for part in path.parts)


def select(tree: Tree, keep: Iterable[str], drop: Iterable[str]) -> Tree:
    """Return the files that the globs in `keep` name, and those that these need: link targets, loaders, libraries.

    Raises TreeError: a glob matches nothing, or a file that is needed is in no package.
    """
    keep, drop = tuple(keep), tuple(drop)
    waiting: list[str] = []
    for glob in keep:
        matches = [path for path in tree if fnmatchcase("/" + path, glob)]
        if not matches:
            raise TreeError(f"cannot keep {glob}: no package contains it")
        waiting += (path for path in matches if not any(fnmatchcase("/" + path, other) for other in drop))
    chosen: Tree = {}
    while waiting:
        path = waiting.pop()
        if path in chosen:
            continue
        entry = chosen[path] = tree[path]
        if entry.kind is Kind.LINK:
            waiting.append(_existing(tree, follow(path, entry.target), f"/{path} points to it"))
        elif entry.content.startswith(elf.MAGIC):
            waiting += _libraries(tree, path, entry.content)
    return chosen


def with_parents(tree: Tree) -> Tree:
    """Return `tree` with a folder entry for every parent that has none."""
    complete = dict(tree)
    for path in tree:
        parent = posixpath.dirname(path)
        while parent and parent not in complete:
            complete[parent] = Entry(Kind.FOLDER)
            parent = posixpath.dirname(parent)
    return complete


def difference(tree: Tree, base: Tree) -> Tree:
    """Return the entries that have to lie on top of `base` to get `tree`."""
    return {path: entry for path, entry in tree.items() if base.get(path) != entry}


def follow(path: str, target: str) -> str:
    """Return the path that the link at `path` leads to."""
    return canonical(posixpath.join("/" + posixpath.dirname(path), target))


def _libraries(tree: Tree, path: str, content: bytes) -> list[str]:
    binary = elf.read(content)
    libraries = [_existing(tree, canonical(binary.interpreter), f"/{path} needs it")] if binary.interpreter else []
    folders = [canonical(folder.replace("$ORIGIN", "/" + posixpath.dirname(path))) for folder in binary.search]
    folders += [f"usr/lib/{elf.TRIPLETS[binary.machine]}", "usr/lib"]
    for name in binary.needed:
        places = [f"{folder}/{name}" for folder in folders if f"{folder}/{name}" in tree]
        if not places:
            raise TreeError(f"cannot keep /{path}: no package contains its library {name}")
        libraries.append(places[0])
    return libraries


def _existing(tree: Tree, path: str, why: str) -> str:
    if path not in tree:
        raise TreeError(f"cannot find /{path} in any package: {why}")
    return path
