"""What an image says of its packages: records in it, and a bill of materials beside it that is valid CycloneDX."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path

import pytest
from builder.apt import Package
from builder.changelog import changelog, fixes
from builder.records import PackageRecord, read_record, record_files, recorded, sources_of
from builder.sbom import sbom
from builder.tree import Entry, Kind, Tree, TreeError
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

CHANGELOG = """openssl (3.0.2-1+deb12u1) bookworm-security; urgency=medium

  * CVE-2025-1111 and again CVE-2025-1111, CVE-2024-22222
  * nothing (3.0.1-9) about another; version

 -- A. Maintainer <a@example.org>  Mon, 01 Sep 2025 00:00:00 +0000

openssl (3.0.2-1) unstable; urgency=low

  * No fix.

 -- A. Maintainer <a@example.org>  Sun, 01 Jun 2025 00:00:00 +0000

openssl (3.0.1-1) unstable; urgency=low

  * Fixes CVE-2023-3333.
"""
RECORD = PackageRecord("libssl3", "3.0.2-1+deb12u1", "amd64", "openssl", "A. <a@example.org>", fixes(CHANGELOG))
IMAGE = "sha256:" + "ab" * 32


def file(content: bytes = b"x") -> Entry:
    return Entry(Kind.FILE, 0o644, content=content)


def test_each_entry_of_a_changelog_has_the_ids_it_names() -> None:
    assert fixes(CHANGELOG) == (
        ("3.0.2-1+deb12u1", ("CVE-2024-22222", "CVE-2025-1111")),
        ("3.0.1-1", ("CVE-2023-3333",)),
    )
    assert fixes("") == ()


def test_the_changelog_is_found_through_the_link_to_another_package_of_the_source() -> None:
    packed = file(gzip.compress(CHANGELOG.encode()))
    trees: dict[str, Tree] = {
        "libssl3": {"usr/share/doc/libssl3": Entry(Kind.LINK, target="libssl-common")},
        "libssl-common": {"usr/share/doc/libssl-common/changelog.Debian.gz": packed},
        "native": {"usr/share/doc/native/changelog.gz": packed},
        "silent": {"usr/share/doc/silent/copyright": file()},
        "round": {"usr/share/doc/round": Entry(Kind.LINK, target="round")},
    }
    assert changelog("libssl3", trees) == CHANGELOG
    assert changelog("native", trees) == CHANGELOG
    assert changelog("silent", trees) is None
    assert changelog("round", trees) is None


def test_only_packages_that_files_come_from_are_recorded() -> None:
    one, two = Package("one", "1"), Package("two", "2")
    trees: dict[str, Tree] = {
        "one": {"usr/bin/a": file(), "usr/bin/both": file(b"1")},
        "two": {"usr/bin/b": file(), "usr/bin/both": file(b"2")},
    }
    assert sources_of(["usr/bin/a", "etc/ours"], (one, two), trees) == (one,)
    assert sources_of(["usr/bin/both"], (one, two), trees) == (two,)
    tree = record_files([RECORD]) | {"usr/bin/a": file()}
    assert recorded(tree) == ("libssl3",)
    assert b"Version: 3.0.2-1+deb12u1\n" in tree["var/lib/dpkg/status.d/libssl3"].content


def test_a_bill_of_materials_is_valid_and_the_same_for_the_same_image() -> None:
    made = sbom("alpha", "1.0", IMAGE, "bookworm", [RECORD], 1735689600)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(made.decode()) is None
    assert made == sbom("alpha", "1.0", IMAGE, "bookworm", [RECORD], 1735689600)
    (component,) = json.loads(made)["components"]
    assert component["purl"] == (
        "pkg:deb/debian/libssl3@3.0.2-1%2Bdeb12u1?arch=amd64&distro=debian-bookworm&upstream=openssl"
    )
    assert {"name": "vr:fixed", "value": "3.0.1-1 CVE-2023-3333"} in component["properties"]


@pytest.mark.programs
def test_a_package_is_what_its_control_file_says(tmp_path: Path) -> None:
    deb = write_deb(tmp_path, "tiny", "1:2.0-1")
    record = read_record(Package("tiny", "1:2.0-1"), deb, {"tiny": {}})
    assert record == PackageRecord("tiny", "1:2.0-1", "all", "tinysource", "A. Maintainer <a@example.org>")
    with pytest.raises(TreeError, match=r"cannot use \S+ as tiny 3: it is tiny 1:2\.0-1"):
        read_record(Package("tiny", "3"), deb, {"tiny": {}})
    (tmp_path / "other.deb").write_text("no package")
    with pytest.raises(TreeError, match=r"cannot read \S+other\.deb"):
        read_record(Package("tiny", "3"), tmp_path / "other.deb", {"tiny": {}})


def write_deb(folder: Path, name: str, version: str, depends: str = "") -> Path:
    control = folder / name / "DEBIAN" / "control"
    control.parent.mkdir(parents=True)
    control.write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: all\nSource: tinysource (9)\n"
        f"Maintainer: A. Maintainer <a@example.org>\nDescription: tiny\n" + (f"Depends: {depends}\n" if depends else "")
    )
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", str(folder / name)], check=True, capture_output=True)
    return folder / f"{name}.deb"
