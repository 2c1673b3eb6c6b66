"""Packages of images replaced: what does not get on with the others is named before anything is built."""

from __future__ import annotations

from pathlib import Path

import pytest
from builder.declaration import ImageDeclaration
from builder.patching import patch_release
from builder.relations import Control, read_control, unmet
from builder.tree import TreeError

from tests.unit.images.test_sbom import write_deb


def control(name: str, version: str, depends: str = "", provides: str = "") -> Control:
    return Control(name, version, "amd64", depends, provides)


LIBC = control("libc6", "2.36-9", provides="libc6-2.36, c-abi (= 3)")


@pytest.mark.programs
@pytest.mark.parametrize(
    ("packages", "faults"),
    [
        pytest.param([control("a", "1", "libc6 (>= 2.35), libc6"), LIBC], [], id="met"),
        pytest.param([control("a", "1", "libc6 (>= 2.38)"), LIBC], ["a 1 needs libc6 (>= 2.38)"], id="too old"),
        pytest.param([control("a", "1", "new-one"), LIBC], ["a 1 needs new-one"], id="not there"),
        pytest.param([control("a", "1", "new-one | libc6 (= 2.36-9)"), LIBC], [], id="alternative"),
        pytest.param([control("a", "1", "debconf (>= 0.5) | debconf-2.0"), LIBC], [], id="images go without"),
        pytest.param([control("a", "1", "libc6-2.36, c-abi (>= 2)"), LIBC], [], id="provided"),
        pytest.param([control("a", "1", "libc6-2.36 (>= 1)"), LIBC], ["a 1 needs libc6-2.36 (>= 1)"], id="no version"),
        pytest.param(
            [control("a", "2"), control("b", "1", "a (= 1), gone")],
            ["b 1 needs a (= 1)"],
            id="another package needs the former version; its other faults are not ours",
        ),
    ],
)
def test_relations_with_the_changed_package(packages: list[Control], faults: list[str]) -> None:
    present = {package.name: package for package in packages}
    assert list(unmet({"a"}, present, ["debconf"])) == faults


@pytest.mark.programs
def test_a_package_that_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    images, output = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    (images / "images.json").write_text("{}")
    (images / "packages.json").write_text('{"web": {"tiny": "2.0-1"}}')
    older, other = write_deb(tmp_path / "a", "tiny", "1.0-1"), write_deb(tmp_path / "b", "stranger", "1")
    for package, message in (
        (str(older), r"cannot patch with tiny 1\.0-1: the images have 2\.0-1"),
        (str(other), "cannot patch with stranger: no image is made of it"),
        ("tiny", "cannot patch with tiny: it is neither"),
        (str(tmp_path / "missing.deb"), "cannot use .*missing.deb as a package"),
    ):
        with pytest.raises(TreeError, match=message):
            patch_release(
                "bookworm",
                ImageDeclaration("base", tmp_path),
                (),
                [package],
                images=images,
                cache=tmp_path / "cache",
                output=output,
                epoch=0,
            )
    assert read_control(older).version == "1.0-1"
    assert not output.exists()
