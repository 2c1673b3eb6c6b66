"""Bundles with few services, so that the emulated processors do not unpack images that no test there looks at."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lab.router import NEWER, OLDER, ROOT, program
from lab.tools import run
from lab.vm.kernel import FOLDER

BUILD_SECONDS = 120.0
IMAGES = {OLDER: "bookworm", NEWER: "trixie"}
KEY = ROOT / "build" / "keys" / "lab.key"


def path(release: str) -> Path:
    """Return the bundle of a release for the virtual machine."""
    return FOLDER / f"tunnel-{release}.iso"


def write(*services: str) -> None:
    """Write a bundle of each release with these services alone."""
    for release, images in IMAGES.items():
        _write(services, release, ROOT / "build" / "images" / images)


def _write(services: Sequence[str], release: str, images: Path) -> None:
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        folder = Path(name)
        known = json.loads((images / "images.json").read_text())
        (folder / "images.json").write_text(json.dumps({service: known[service] for service in services}))
        for part in ("oci", "sboms"):
            (folder / part).symlink_to(images / part)
        for service in services:
            shutil.copytree(ROOT / "services" / service, folder / "services" / service)
        options = ("--images", str(folder), "--services", str(folder / "services"), "--release", release)
        output = ("--key", str(KEY), "--output", str(path(release)))
        run([program("vr-supervisor"), "bundle", "build", *options, *output], timeout=BUILD_SECONDS)
