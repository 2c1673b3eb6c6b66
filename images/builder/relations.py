"""Relations between Debian packages (deb-control(5), Depends), checked where one package of an image is replaced.

Only Depends and Pre-Depends: an image has files, and nothing is installed.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from builder.tree import TreeError

_ATOM = re.compile(r"([a-z0-9][a-z0-9.+-]*)(?::\w+)?\s*(?:\(\s*(<<|<=|=|>=|>>)\s*(\S+?)\s*\))?")
_WORDS = {"<<": "lt", "<=": "le", "=": "eq", ">=": "ge", ">>": "gt"}


@dataclass(frozen=True, slots=True)
class Control:
    """What a package file says of itself, as far as relations go."""

    name: str
    version: str
    architecture: str
    depends: str
    provides: str


def read_control(deb: Path) -> Control:
    """Return what a package file says of itself. Raises TreeError: it is no package."""
    words = ("Package", "Version", "Architecture", "Pre-Depends", "Depends", "Provides")
    done = subprocess.run(["dpkg-deb", "-f", str(deb), *words], capture_output=True, text=True, check=False)
    fields = dict(re.findall(r"^(\S+): (.*(?:\n .*)*)$", done.stdout, re.MULTILINE))
    if done.returncode or not {"Package", "Version", "Architecture"} <= fields.keys():
        raise TreeError(f"cannot use {deb} as a package: {done.stderr.strip() or 'it does not say which one it is'}")
    depends = ", ".join(fields[word] for word in ("Pre-Depends", "Depends") if word in fields)
    return Control(fields["Package"], fields["Version"], fields["Architecture"], depends, fields.get("Provides", ""))


def unmet(changed: Collection[str], present: Mapping[str, Control], skipped: Collection[str]) -> Iterator[str]:
    """Yield, in words, the relations that do not hold between the changed packages and those beside them.

    `present` are all packages of an image after the change; `skipped` are patterns of names that images go without.
    """
    provided = _provided(present)
    for control in present.values():
        for relation in filter(None, map(str.strip, control.depends.split(","))):
            atoms = [match.groups() for match in map(_ATOM.fullmatch, map(str.strip, relation.split("|"))) if match]
            concerns = control.name in changed or any(name in changed for name, _, _ in atoms)
            if concerns and not any(_holds(atom, present, provided, skipped) for atom in atoms):
                yield f"{control.name} {control.version} needs {relation}"


def is_newer(version: str, than: str) -> bool:
    """True if a version comes after another one (deb-version(7))."""
    return _compares(version, "gt", than)


def _holds(
    atom: tuple[str | Any, ...],
    present: Mapping[str, Control],
    provided: Mapping[str, set[str]],
    skipped: Collection[str],
) -> bool:
    name, sign, version = atom
    if any(fnmatchcase(name, pattern) for pattern in skipped):
        return True
    versions = ({present[name].version} if name in present else set()) | provided.get(name, set())
    return any(sign is None or (each != "" and _compares(each, _WORDS[sign], str(version))) for each in versions)


def _provided(present: Mapping[str, Control]) -> dict[str, set[str]]:
    """Return the names that packages provide, each with the versions of it; an empty one where none is said."""
    found: dict[str, set[str]] = {}
    for control in present.values():
        for match in _ATOM.finditer(control.provides):
            found.setdefault(match[1], set()).add(match[3] or "")
    return found


def _compares(version: str, sign: str, other: str) -> bool:
    done = subprocess.run(["dpkg", "--compare-versions", version, sign, other], check=False)
    return done.returncode == 0
