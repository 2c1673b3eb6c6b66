"""From a .deb to a service that runs it: a signed delta, imported where only the engine has the base, and swapped."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.router import BUNDLES, OLDER, TRUSTED, bundle_path, program
from tests.kit.live.router import LiveRouter, live_router

pytestmark = [pytest.mark.integration, pytest.mark.images, pytest.mark.timeout(400)]

ROOT = Path(__file__).resolve().parents[3]
IMAGES, KEY = BUNDLES.parent / "images", BUNDLES.parent / "keys" / "lab.key"
RELEASE, PACKAGE, SERVICE = f"{OLDER}.1", "dnsmasq-base", "dnsmasq"
MOST_BYTES, MOST_SECONDS = 5 * 10**6, 120.0


@dataclass(frozen=True, slots=True)
class Patch:
    """A signed delta of one package in another version, and how long it took to make."""

    path: Path
    version: str
    seconds: float


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def patched_deb(folder: Path) -> tuple[Path, str]:
    """Return the package of the base with a version and a changelog entry more, and that version."""
    known = json.loads((IMAGES / "bookworm" / "packages.json").read_text())[SERVICE][PACKAGE]
    (deb,) = (IMAGES / ".cache" / "bookworm" / "debs").glob(f"{PACKAGE}_{known.replace(':', '%3a')}_*.deb")
    run("dpkg-deb", "-R", str(deb), str(folder / "tree"))
    version = f"{known}+lab1"
    control = folder / "tree" / "DEBIAN" / "control"
    control.write_text(re.sub(r"^Version: .*$", f"Version: {version}", control.read_text(), flags=re.MULTILINE))
    changelog = folder / "tree" / "usr" / "share" / "doc" / PACKAGE / "changelog.Debian.gz"
    entry = f"dnsmasq ({version}) bookworm; urgency=high\n\n  * CVE-2099-0001\n\n -- A <a@example.org>  now\n\n"
    changelog.write_bytes(gzip.compress(entry.encode() + gzip.decompress(changelog.read_bytes())))
    made = folder / "patched.deb"
    run("dpkg-deb", "--build", "--root-owner-group", str(folder / "tree"), str(made))
    return made, version


@pytest.fixture(scope="module")
def patch(tmp_path_factory: pytest.TempPathFactory) -> Patch:
    folder = tmp_path_factory.mktemp("patch")
    deb, version = patched_deb(folder)
    began, path = time.monotonic(), folder / "patch.iso"
    images = folder / "images"
    run(
        *(sys.executable, str(ROOT / "images" / "patch.py"), "--release", "bookworm"),
        *("--images", str(IMAGES / "bookworm"), "--cache", str(IMAGES / ".cache" / "bookworm")),
        *("--output", str(images), str(deb)),
    )
    run(
        *(program("vr-supervisor"), "bundle", "build", "--images", str(images), "--services", str(ROOT / "services")),
        *("--release", RELEASE, "--base", str(bundle_path(OLDER)), "--trusted-keys", str(TRUSTED)),
        *("--key", str(KEY), "--output", str(path)),
    )
    return Patch(path, version, time.monotonic() - began)


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRouter]:
    """A router whose medium was pulled after it was imported."""
    medium = tmp_path_factory.mktemp("media") / "base.iso"
    shutil.copyfile(bundle_path(OLDER), medium)
    with live_router("vrp", soak=0.5, drain=3.0, media=[str(medium)]) as found:
        found.ready()
        medium.unlink()
        yield found


def test_a_patch_is_small_and_soon_made(patch: Patch) -> None:
    assert patch.path.stat().st_size <= MOST_BYTES
    assert patch.seconds <= MOST_SECONDS


def test_a_patch_runs_where_only_the_engine_has_its_base(router: LiveRouter, patch: Patch) -> None:
    vrctl = router.router.vrctl
    vrctl("bundle", "verify", str(patch.path))  # raises where it fails
    vrctl("bundle", "import", str(patch.path))
    (change,) = json.loads(vrctl("bundle", "diff", OLDER, str(patch.path), "--json").stdout)
    assert (change["package"], change["later"], change["fixed"]) == (PACKAGE, patch.version, ["CVE-2099-0001"])
    vrctl("swap", SERVICE, "--to", patch.version, "--no-soak")
    found = json.loads(vrctl("contains", "dnsmasq*", "--json").stdout)
    alive = [one["package_version"] for one in found if one["service"] == SERVICE and one["state"] == "active"]
    assert alive == [patch.version]
    assert router.ready()
