"""A daemon of an image, run without an engine: its own loader starts it with its own libraries."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

IMAGES = Path(__file__).parents[2] / "build" / "images"


def unpacked(codename: str, service: str, folder: Path) -> Path:
    """Return `folder` with the files of the service's image in it."""
    layout = IMAGES / codename / "oci"
    index = json.loads((layout / "index.json").read_text())
    names = {entry["annotations"]["org.opencontainers.image.ref.name"]: entry["digest"] for entry in index["manifests"]}
    (digest,) = (digest for name, digest in names.items() if name.partition(":")[0] == service)
    for layer in json.loads(_blob(layout, digest).read_text())["layers"]:
        with tarfile.open(_blob(layout, layer["digest"])) as archive:
            archive.extraction_filter = lambda member, _: member  # our own image; links in it lead out of the folder
            archive.extractall(folder)
    return folder


def command(root: Path, program: str) -> list[str]:
    (loader,) = (root / "usr/lib").rglob("ld-linux-*.so.*")
    return [str(loader), "--library-path", str(loader.parent), str(root / program.lstrip("/"))]


def _blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")
