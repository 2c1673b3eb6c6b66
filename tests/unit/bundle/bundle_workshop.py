"""A small bundle made of synthetic images and services, and the means to make one that is wrong in one way."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from supervisor.edges.bundle import keys
from supervisor.edges.bundle.build import build_bundle
from supervisor.edges.bundle.medium import Medium
from supervisor.edges.bundle.reader import host_architecture
from supervisor.values.bundle import VOLUME_ID
from supervisor.values.names import Digest


@dataclass(frozen=True, slots=True)
class Sources:
    """Satisfies `ports.media.Bases`: media by release, releases by name, and what an engine has of them."""

    paths: Mapping[str, str]
    identities: Mapping[str, Digest] = field(default_factory=dict)
    images: Mapping[tuple[str, str], bytes] = field(default_factory=dict)

    def media(self, release: str) -> Sequence[str]:
        return [self.paths[release]] if release in self.paths else []

    def identity(self, release: str) -> Digest | None:
        return self.identities.get(release)

    def services(self, release: str) -> Sequence[str]:
        return [service for of, service in self.images if of == release]

    def image(self, release: str, service: str) -> Iterable[bytes] | None:
        saved = self.images.get((release, service))
        return None if saved is None else (saved[at : at + 1000] for at in range(0, len(saved), 1000))


CREATED = datetime(2025, 1, 1, tzinfo=UTC)
MANIFEST = """\
schema: 2
name: {name}
summary: Answers nothing
network: router
strategy: overlap
command: [/bin/{name}]
user: {{uid: 990, gid: 990}}
limits: {{memory: 16MiB, pids: 4, nofile: 64}}
config:
  - {{template: daemon.conf.j2, target: daemon.conf}}
readiness: {{probes: [{{tcp: {{port: 80}}}}], interval: 100ms, threshold: 1, deadline: 5s}}
liveness: {{probes: [{{tcp: {{port: 80}}}}], interval: 1s, threshold: 3}}
drain: {{deadline: 1s}}
"""


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def tar(layer: bytes | Mapping[str, bytes]) -> bytes:
    files = {"content": layer} if isinstance(layer, bytes) else layer
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return written.getvalue()


@dataclass(frozen=True, slots=True)
class Workshop:
    """A folder with all that a bundle is made of."""

    folder: Path

    @property
    def images(self) -> Path:
        return self.folder / "images"

    @property
    def services(self) -> Path:
        return self.folder / "services"

    @property
    def key(self) -> Path:
        return self.folder / "lab.key"

    @property
    def trusted(self) -> Path:
        return self.folder / "trusted"

    def write_image(
        self, name: str, layers: Sequence[bytes | Mapping[str, bytes]], architecture: str | None = None
    ) -> None:
        """Add an image to the layout and to images.json. Layers are the files in them, or the content of one file."""
        blobs = self.images / "oci" / "blobs" / "sha256"
        blobs.mkdir(parents=True, exist_ok=True)

        def store(content: bytes) -> str:
            (blobs / sha256(content)).write_bytes(content)
            return f"sha256:{sha256(content)}"

        unpacked = [tar(layer) for layer in layers]
        packed = [store(gzip.compress(layer, mtime=0)) for layer in unpacked]
        diffs = [f"sha256:{sha256(layer)}" for layer in unpacked]
        config = store(
            json.dumps(
                {
                    "architecture": architecture or host_architecture(),
                    "os": "linux",
                    "config": {"Labels": {"name": name}},
                    "rootfs": {"type": "layers", "diff_ids": diffs},
                }
            ).encode()
        )
        manifest = store(
            json.dumps({"config": {"digest": config}, "layers": [{"digest": digest} for digest in packed]}).encode()
        )
        listing = self.images / "images.json"
        known = json.loads(listing.read_text()) if listing.exists() else {}
        known[name] = {"image": config, "manifest": manifest, "version": "1.0-1", "layers": packed}
        listing.write_text(json.dumps(known))
        (self.images / "oci" / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        index = {"schemaVersion": 2, "manifests": [{"digest": facts["manifest"]} for facts in known.values()]}
        (self.images / "oci" / "index.json").write_text(json.dumps(index))

    def write_service(self, name: str) -> None:
        folder = self.services / name
        (folder / "templates").mkdir(parents=True, exist_ok=True)
        (folder / "golden").mkdir(exist_ok=True)
        (folder / "manifest.yaml").write_text(MANIFEST.format(name=name))
        (folder / "templates" / "daemon.conf.j2").write_text(f"# {name}\n")
        (folder / "golden" / "daemon.conf").write_text("not for the bundle\n")
        (folder / "README.md").write_text("not for the bundle\n")

    def build(self, release: str = "1.0", output: str = "good.iso", **options: Any) -> Path:
        path = self.folder / output
        build_bundle(self.images, self.services, release, CREATED, key=self.key, output=path, **options)
        return path

    def variant(self, changes: Mapping[str, bytes | None], *, volume: str = VOLUME_ID, index: Any = None) -> Path:
        """The good bundle with files replaced, added or (None) left out; a changed `index` is signed again."""
        return self.variant_of(self.build(), changes, volume=volume, index=index)

    def variant_of(
        self, bundle: Path, changes: Mapping[str, bytes | None], *, volume: str = VOLUME_ID, index: Any = None
    ) -> Path:
        """A bundle with files replaced, added or left out, as `variant`."""
        with Medium(bundle) as medium:
            content: dict[str, bytes | None] = {name: medium.read(name) for name in medium.files()}
        if index is not None:
            encoded = json.dumps(index).encode()
            content |= {"bundle.json": encoded, "bundle.json.sig": keys.sign(encoded, self.key)}
        tree = self.folder / "variant"
        for name, data in (content | dict(changes)).items():
            if data is not None:
                place = tree / name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
        path = self.folder / "variant.iso"
        command = ["xorriso", "-as", "mkisofs", "-quiet", "-r", "-V", volume, "-no-pad", "-o", str(path), str(tree)]
        subprocess.run(command, check=True, capture_output=True)
        return path

    def index(self) -> Any:
        with Medium(self.build()) as medium:
            return json.loads(medium.read("bundle.json"))
