"""Makes a signed bundle with one broken service: the shipped image, with an interpreter beside the daemon.

No image is built: both layers are taken from the layout as they are, and put on top of each other by a new index.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.broken.draft import INTERPRETER, Draft
from lab.broken.kind import Kind
from lab.router import NEWER, ROOT
from lab.services import SERVICES
from supervisor.edges.bundle.build import build_bundle

INTERPRETED = next(name for name, service in SERVICES.items() if service.manifest["command"][0] == INTERPRETER)
"""A service whose image brings Python."""
IMAGES = ROOT / "build" / "images" / "trixie"
KEY = ROOT / "build" / "keys" / "lab.key"


@dataclass(frozen=True, slots=True)
class BrokenRelease:
    """A bundle with one broken service: its release, the service's version in it, and the ISO."""

    release: str
    version: str
    path: Path


@contextmanager
def broken_release(folder: Path, service: str, kind: Kind, number: int) -> Iterator[BrokenRelease]:
    """Write the bundle; it is needed until it has been imported."""
    place = folder / f"{service}-{kind.name}"
    try:
        draft = Draft.of(SERVICES[service].folder, place / "services" / service)
        kind.breaks(draft)
        draft.save()
        version = _fitted(place / "images", service, f"broken-{kind.name}")
        release, output = f"{NEWER}.{number}", place / "bundle.iso"
        build_bundle(place / "images", place / "services", release, datetime.now(UTC), key=KEY, output=output)
        yield BrokenRelease(release, version, output)
    finally:
        shutil.rmtree(place)


def _fitted(folder: Path, service: str, version: str) -> str:
    """Write an image layout with one image: the service's own over a layer with the interpreter."""
    listing: dict[str, Any] = json.loads((IMAGES / "images.json").read_text(encoding="utf-8"))
    blobs = folder / "oci" / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for blob in (IMAGES / "oci" / "blobs" / "sha256").iterdir():
        (blobs / blob.name).symlink_to(blob)
    shutil.copy(IMAGES / "oci" / "oci-layout", folder / "oci" / "oci-layout")

    def read(digest: str) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((blobs / digest.removeprefix("sha256:")).read_text(encoding="utf-8"))
        return document

    def store(document: dict[str, Any]) -> dict[str, Any]:
        content = json.dumps(document, sort_keys=True).encode()
        name = hashlib.sha256(content).hexdigest()
        if not (blobs / name).exists():
            (blobs / name).write_bytes(content)
        return {"digest": f"sha256:{name}", "size": len(content)}

    facts = dict(listing[service])
    if service != INTERPRETED:
        config, manifest = read(facts["image"]), read(facts["manifest"])
        beside_config, beside_manifest = read(listing[INTERPRETED]["image"]), read(listing[INTERPRETED]["manifest"])
        config["rootfs"]["diff_ids"].insert(1, beside_config["rootfs"]["diff_ids"][1])
        config["history"].append(config["history"][-1])
        manifest["layers"].insert(1, beside_manifest["layers"][1])
        manifest["config"] |= store(config)
        facts |= {
            "image": manifest["config"]["digest"],
            "manifest": store(manifest)["digest"],
            "layers": [layer["digest"] for layer in manifest["layers"]],
        }
    facts["version"] = version
    (folder / "images.json").write_text(json.dumps({service: facts}), encoding="utf-8")
    index = {"schemaVersion": 2, "manifests": [{"digest": facts["manifest"]}]}
    (folder / "oci" / "index.json").write_text(json.dumps(index), encoding="utf-8")
    return version
