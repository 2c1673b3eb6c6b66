"""Declarations of images: every key becomes a value, and all faults come at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from builder.declaration import DeclarationError, User, read_all, read_declaration

IMAGES = Path(__file__).resolve().parents[3] / "images"


def test_unknown_keys_are_refused(tmp_path: Path) -> None:
    (tmp_path / "image.yaml").write_text("packages: []\ncommmand: [x]\n")
    with pytest.raises(DeclarationError, match="commmand: is not a known key"):
        read_declaration(tmp_path)


FAULTS = """\
packages: [a b]
version: {as: "{major}"}
keep: [usr/bin/x]
folders: [{path: /x, mode: 700}]
users: [{name: x}]
groups: {dip: -1}
environment: {A-B: x}
compile_python: "yes"
"""


def test_all_faults_of_a_declaration_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "image.yaml").write_text(FAULTS)
    with pytest.raises(DeclarationError) as refused:
        read_declaration(tmp_path)
    assert re.findall(r"(?:; |yaml: )([\w\[\].-]+):", str(refused.value)) == [
        "packages[0]",
        "version.as",
        "version.package",
        "keep[0]",
        "folders[0].mode",
        "users[0].uid",
        "groups.dip",
        "environment.A-B",
        "compile_python",
    ]


def test_an_image_runs_as_a_user_that_it_declares(tmp_path: Path) -> None:
    (tmp_path / "image.yaml").write_text("users: [{name: x, uid: 7}]\nrun_as: y\n")
    with pytest.raises(DeclarationError, match="run_as: y is not one of `users`"):
        read_declaration(tmp_path)
    (tmp_path / "image.yaml").write_text("users: [{name: x, uid: 7}]\nrun_as: x\n")
    assert read_declaration(tmp_path).users == (User("x", 7, 7, "/"),)


def test_images_of_services_may_lie_elsewhere(tmp_path: Path) -> None:
    for name in ("toy", "base"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "image.yaml").write_text("packages: [x]\n")
    (tmp_path / "notes").mkdir()
    base, images = read_all(tmp_path / "base", [tmp_path])
    assert (base.name, [image.name for image in images]) == ("base", ["toy"])
    with pytest.raises(DeclarationError, match="toy is not the only folder of that name"):
        read_all(tmp_path / "base", [tmp_path, tmp_path])


def test_every_declared_image_says_its_version_and_its_command() -> None:
    base, images = read_all(IMAGES / "base", [IMAGES])
    assert base.version is None
    assert images
    for image in images:
        assert image.version is not None
        assert image.command
        assert not image.run_as or image.run_as in {user.name for user in image.users}
