"""What the image builder does with files, without a mirror: selecting, laying on a base, writing equal bytes twice."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from builder import elf
from builder.layout import Layout
from builder.tree import Entry, Kind, Tree, TreeError, canonical, difference, from_folder, select, with_parents

IMAGES = Path(__file__).resolve().parents[3] / "images"


def file(content: bytes = b"x") -> Entry:
    return Entry(Kind.FILE, 0o644, content=content)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("./lib64/ld.so", "usr/lib64/ld.so"),
        ("bin/sh", "usr/bin/sh"),
        ("usr/lib/x", "usr/lib/x"),
        ("/etc/../sbin/a", "usr/sbin/a"),
    ],
)
def test_paths_follow_the_merged_usr_links(path: str, expected: str) -> None:
    assert canonical(path) == expected


def test_selecting_follows_links_and_drops_what_is_unwanted() -> None:
    tree: Tree = {
        "usr/bin/a": Entry(Kind.LINK, target="../share/a1"),
        "usr/share/a1": file(),
        "etc/conf": file(),
        "etc/conf.bak": file(),
    }
    assert sorted(select(tree, ["/usr/bin/a", "/etc/*"], ["*.bak"])) == ["etc/conf", "usr/bin/a", "usr/share/a1"]


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({}, "cannot keep /usr/bin/a: no package contains it"),
        ({"usr/bin/a": Entry(Kind.LINK, target="b")}, "cannot find /usr/bin/b in any package: /usr/bin/a points to it"),
    ],
)
def test_what_is_not_there_is_named(tree: Tree, message: str) -> None:
    with pytest.raises(TreeError, match=message):
        select(tree, ["/usr/bin/a"], [])


def test_a_program_brings_its_loader_and_libraries_or_names_the_missing_one() -> None:
    program = Path("/usr/bin/true").read_bytes()
    facts = elf.read(program)
    assert facts.interpreter is not None
    assert "libc.so.6" in facts.needed
    loader, libraries = canonical(facts.interpreter), f"usr/lib/{elf.TRIPLETS[facts.machine]}"
    tree: Tree = {"usr/bin/true": file(program), loader: file()}
    with pytest.raises(TreeError, match=r"cannot keep /usr/bin/true: no package contains its library lib\S+"):
        select(tree, ["/usr/bin/true"], [])
    tree |= {f"{libraries}/{name}": file() for name in facts.needed}
    assert set(select(tree, ["/usr/bin/true"], [])) == set(tree)


def test_a_service_layer_holds_only_what_the_base_lacks() -> None:
    base = with_parents({"usr/lib/shared": file(), "etc/passwd": file(b"root")})
    tree = with_parents(base | {"etc/passwd": file(b"root and daemon"), "usr/sbin/daemon": file()})
    assert sorted(difference(tree, base)) == ["etc/passwd", "usr/sbin", "usr/sbin/daemon"]


def test_the_same_tree_gives_the_same_digests(tmp_path: Path) -> None:
    tree = with_parents({"usr/bin/b": file(), "usr/bin/a": Entry(Kind.LINK, target="b")})
    digests = []
    for name, order in (("one", sorted(tree)), ("two", sorted(tree, reverse=True))):
        layout = Layout(tmp_path / name, epoch=1)
        layer = layout.add_layer({path: tree[path] for path in order})
        digests.append((layer, layout.add_image("x:1", (layer,), "amd64", {"Cmd": ["/usr/bin/a"]})))
    assert digests[0] == digests[1]


def test_files_of_a_folder_lose_owner_and_odd_modes(tmp_path: Path) -> None:
    (tmp_path / "etc" / "__pycache__").mkdir(parents=True)
    (tmp_path / "etc" / "__pycache__" / "x.pyc").write_bytes(b"")
    (tmp_path / "etc" / ".cache").write_bytes(b"")
    (tmp_path / "etc" / "conf").write_text("x")
    (tmp_path / "etc" / "conf").chmod(0o600)
    (tmp_path / "etc" / "run").write_text("x")
    (tmp_path / "etc" / "run").chmod(0o700)
    assert {path: oct(entry.mode) for path, entry in from_folder(tmp_path).items()} == {
        "etc/conf": "0o644",
        "etc/run": "0o755",
    }


def test_the_elf_reader_understands_this_interpreter() -> None:
    assert any(name.startswith("libc.") for name in elf.read(Path(sys.executable).resolve().read_bytes()).needed)
