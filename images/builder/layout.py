"""Trees become layers, layers become images: an OCI image layout whose digests depend on nothing but its content."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from builder.tree import Kind, Tree

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True, slots=True)
class Layer:
    """A compressed tar in the layout: `digest` names the blob, `diff_id` its uncompressed content."""

    digest: str
    diff_id: str
    size: int


class Layout:
    """An OCI image layout being written; equal blobs are stored once."""

    def __init__(self, folder: Path, epoch: int) -> None:
        self._folder, self._epoch = folder, epoch
        self._created = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._manifests: list[dict[str, Any]] = []
        (folder / "blobs" / "sha256").mkdir(parents=True)

    def add_layer(self, tree: Tree) -> Layer:
        """Store `tree` as a layer: sorted, numeric owners, one time for all."""
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for path, entry in sorted(tree.items()):
                member = tarfile.TarInfo(path)
                member.mode, member.uid, member.gid, member.mtime = entry.mode, entry.uid, entry.gid, self._epoch
                if entry.kind is Kind.FOLDER:
                    member.type = tarfile.DIRTYPE
                elif entry.kind is Kind.LINK:
                    member.type, member.linkname = tarfile.SYMTYPE, entry.target
                member.size = len(entry.content)
                archive.addfile(member, io.BytesIO(entry.content))
        plain = tar.getvalue()
        packed = gzip.compress(plain, compresslevel=9, mtime=0)
        return Layer(self._store(packed), _digest(plain), len(packed))

    def add_image(
        self, reference: str, layers: tuple[Layer, ...], architecture: str, run: Mapping[str, Any]
    ) -> tuple[str, str]:
        """Store an image made of `layers`; return the digests of its config (the image's id) and its manifest."""
        config = {
            "architecture": architecture,
            "os": "linux",
            "created": self._created,
            "config": dict(run),
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": [{"created": self._created, "created_by": "images/build.py"} for _ in layers],
        }
        packed = _json(config)
        config_digest = self._store(packed)
        manifest = _json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": CONFIG, "digest": config_digest, "size": len(packed)},
                "layers": [{"mediaType": LAYER, "digest": layer.digest, "size": layer.size} for layer in layers],
            }
        )
        manifest_digest = self._store(manifest)
        self._manifests.append(
            {
                "mediaType": MANIFEST,
                "digest": manifest_digest,
                "size": len(manifest),
                "platform": {"architecture": architecture, "os": "linux"},
                "annotations": {"org.opencontainers.image.ref.name": reference},
            }
        )
        return config_digest, manifest_digest

    def close(self) -> None:
        """Write the index; nothing may be added afterwards."""
        (self._folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
        (self._folder / "index.json").write_bytes(_json({"schemaVersion": 2, "manifests": self._manifests}))

    def _store(self, content: bytes) -> str:
        digest = _digest(content)
        (self._folder / "blobs" / "sha256" / digest.removeprefix("sha256:")).write_bytes(content)
        return digest


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _json(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
