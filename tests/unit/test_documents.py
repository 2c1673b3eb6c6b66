"""Documents name files, functions and classes of the code: what they name exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()

WAYS = ("A. A command file", "B. An ISO", "C. `vrctl swap")
FEWEST_HOPS = 10

PATH = r"[\w.-]+(?:/[\w.-]+)*(?:/|\.\w+)"
NAMED = re.compile(rf"`({PATH})(?:: ([A-Za-z_][\w.]*))?`(?=((?:, `[A-Za-z_][\w.]*`)*))")
"""`file.py: name`, and after it names of the same file: `file.py: first`, `second`."""


def named(text: str) -> Iterator[tuple[str, str]]:
    """Yield each path that a text names, with each name that the text says is in it; empty: the path alone."""
    for path, first, others in NAMED.findall(text):
        if "/" in path and not path.startswith("<"):
            for name in (first, *re.findall(r"`([^`]+)`", others)) if first else ("",):
                yield path, name


def place(path: str) -> Path:
    """Return the place of a path that is meant below `supervisor/`, or else below the root."""
    below = ROOT / "supervisor" / path
    return below if below.exists() else ROOT / path


@cache
def names_in(path: Path) -> frozenset[str]:
    """Return the functions, classes and constants of a module, and the members of its classes as `Class.member`."""
    tree = ast.parse(path.read_text())
    members = {
        f"{defined.name}.{member}"
        for defined in tree.body
        if isinstance(defined, ast.ClassDef)
        for member in defined_in(defined.body)
    }
    return frozenset({*defined_in(tree.body), *members})


def defined_in(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def test_a_text_is_read_for_files_and_their_names() -> None:
    text = "`loop/a.py: first`, `Second.third` → `loop/a.py`, `loop/care/` and `other`; `docs/b.md`, `plain`"
    assert list(named(text)) == [
        ("loop/a.py", "first"),
        ("loop/a.py", "Second.third"),
        ("loop/a.py", ""),
        ("loop/care/", ""),
        ("docs/b.md", ""),
    ]


@pytest.mark.parametrize(("path", "name"), sorted(set(named(ARCHITECTURE))))
def test_everything_that_the_architecture_names_exists(path: str, name: str) -> None:
    assert place(path).exists()
    assert not name or name in names_in(place(path))


@pytest.mark.parametrize("way", WAYS)
def test_each_way_through_the_rooms_names_its_hops(way: str) -> None:
    section = ARCHITECTURE.partition(f"\n### {way}")[2].partition("\n#")[0]
    hops = re.split(r"(?m)^\d+\. ", section)[1:]
    assert len(hops) >= FEWEST_HOPS
    assert [hop for hop in hops if not any(name for _, name in named(hop))] == []


def test_every_room_of_the_loop_and_every_edge_is_on_the_map() -> None:
    there = {
        f"{layer}/{path.name}/"
        for layer in ("loop", "edges")
        for path in (ROOT / "supervisor" / layer).iterdir()
        if (path / "__init__.py").exists()
    }
    assert there <= {path for path, _ in named(ARCHITECTURE)}
