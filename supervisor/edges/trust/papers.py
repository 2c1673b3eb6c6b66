"""The signed papers of one medium: the index, and beside it what says that it may be believed."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

STATEMENT, REVOCATIONS, ROOTS = "targets.json", "revoked.json", "root"
INDEX = "bundle.json"
LARGEST = 512_000  # bytes of any of them; so says the TUF specification's client workflow of a root
_ROOT = re.compile(r"root/([1-9][0-9]{0,8})\.json")


@dataclass(frozen=True, slots=True)
class Papers:
    """The papers of a medium. `roots` are the versions that are on it; they are read when they are needed."""

    index: bytes
    signature: bytes | None  # raw, over the index, by one key
    statement: bytes | None  # TUF's targets, about the index
    revocations: bytes | None
    roots: Collection[int]
    read_root: Callable[[int], bytes]


def root_name(version: int) -> str:
    """Return the name of a root document on a medium and in a folder of them."""
    return f"{ROOTS}/{version}.json"


def root_version(name: str) -> int | None:
    """Return the version that the name of a root document says; None: it is no such name."""
    found = _ROOT.fullmatch(name)
    return int(found[1]) if found else None


def is_paper(name: str) -> bool:
    """True if a file of a medium is a paper that has signatures of its own, and is in no index."""
    return name in (STATEMENT, REVOCATIONS) or root_version(name) is not None
