"""A good bundle taken apart, so that one thing in it can be changed and everything else still fits."""

from __future__ import annotations

import copy
import gzip
import hashlib
import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from supervisor.decisions.definition_digest import listing_digest
from supervisor.edges.bundle import keys
from supervisor.edges.bundle.medium import Medium
from supervisor.edges.bundle.unpacking import UnpackMeter, metered
from supervisor.values.bundle import VOLUME_ID, blob_path
from tests.unit.bundle.bundle_workshop import Workshop

INDEX, SIGNATURE = "bundle.json", "bundle.json.sig"
ALPHA, BETA = "alpha", "beta"
Document = dict[str, Any]
Change = Callable[[Document], None]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def packed(plain: bytes) -> bytes:
    return gzip.compress(plain, mtime=0)


@dataclass(slots=True)
class Draft:
    """The files of a bundle without its index, and the index as a document. Methods keep digests and sizes right."""

    folder: Path
    files: dict[str, bytes]
    index: Document
    key: Path
    other_key: Path
    plain: dict[str, list[bytes]] = field(default_factory=dict)  # the unpacked layers of each service

    def copy(self) -> Draft:
        return Draft(
            self.folder,
            dict(self.files),
            copy.deepcopy(self.index),
            self.key,
            self.other_key,
            copy.deepcopy(self.plain),
        )

    def service(self, name: str) -> Document:
        service: Document = self.index["services"][name]
        return service

    def put(self, path: str, content: bytes, **facts: object) -> None:
        """Add or replace a file and list it."""
        self.files[path] = content
        self.index["files"][path] = {"sha256": sha256(content), "size": len(content), **facts}

    def put_blob(self, content: bytes, **facts: object) -> str:
        digest = f"sha256:{sha256(content)}"
        self.put(_path(digest), content, **facts)
        return digest

    def drop(self, path: str) -> None:
        self.files.pop(path, None)
        self.index["files"].pop(path, None)

    def define(self, service: str, path: str, content: bytes) -> None:
        """Add or replace a file of a definition."""
        prefix = f"services/{service}/"
        self.put(prefix + path, content)
        sums = {name.removeprefix(prefix): sha256(data) for name, data in self.files.items() if name.startswith(prefix)}
        self.service(service)["definition"] = listing_digest(sums)

    def document(self, service: str, kind: str) -> Document:
        """Return the configuration (`image`) or the `manifest` of a service's image."""
        document: Document = json.loads(self.files[_path(self.service(service)[kind])])
        return document

    def set_config(self, service: str, content: bytes) -> None:
        """Give the image another configuration, which its manifest names."""
        self.drop(_path(self.service(service)["image"]))
        self.service(service)["image"] = digest = self.put_blob(content)
        manifest = self.document(service, "manifest")
        manifest["config"]["digest"] = digest
        self.set_manifest(service, encoded(manifest))

    def set_manifest(self, service: str, content: bytes) -> None:
        self.drop(_path(self.service(service)["manifest"]))
        self.service(service)["manifest"] = self.put_blob(content)

    def change_config(self, service: str, change: Change) -> None:
        document = self.document(service, "image")
        change(document)
        self.set_config(service, encoded(document))

    def change_manifest(self, service: str, change: Change) -> None:
        document = self.document(service, "manifest")
        change(document)
        self.set_manifest(service, encoded(document))

    def set_layer(self, service: str, blob: bytes, plain: bytes, unpacked: int | None) -> None:
        """Replace the topmost layer of the service's image; `unpacked` None leaves out what it unpacks to."""
        entry = self.service(service)
        self.drop(_path(entry["layers"][-1]))
        facts = {} if unpacked is None else {"unpacked": unpacked}
        digest = self.put_blob(blob, **facts)
        entry["layers"][-1] = digest
        self.change_manifest(service, lambda manifest: manifest["layers"][-1].update(digest=digest))
        diff = f"sha256:{sha256(plain)}"
        self.change_config(service, lambda config: config["rootfs"]["diff_ids"].__setitem__(-1, diff))
        self.plain[service][-1] = plain

    def iso(
        self,
        *,
        content: bytes | None = None,
        signature: bytes | None = None,
        more: Mapping[str, bytes] = {},
        links: Mapping[str, str] = {},
        volume: str = VOLUME_ID,
    ) -> bytes:
        """Return the image. `content` stands for the index, `signature` for its signature by the trusted key.

        `more` are files that nobody lists, `links` symbolic links.
        """
        index = encoded(self.index) if content is None else content
        signed = keys.sign(index, self.key) if signature is None else signature
        return write_iso({**self.files, INDEX: index, SIGNATURE: signed, **more}, links, self.folder, volume)


def write_iso(files: Mapping[str, bytes], links: Mapping[str, str], folder: Path, volume: str = VOLUME_ID) -> bytes:
    tree, path = folder / "tree", folder / "mutated.iso"
    subprocess.run(["rm", "-rf", str(tree), str(path)], check=True)
    for name, content in files.items():
        place = tree / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    for name, target in links.items():
        (tree / name).unlink(missing_ok=True)
        (tree / name).symlink_to(target)
    command = ["xorriso", "-as", "mkisofs", "-quiet", "-r", "-V", volume, "-no-pad", "-o", str(path), str(tree)]
    subprocess.run(command, check=True, capture_output=True)
    return path.read_bytes()


def encoded(document: object) -> bytes:
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()


def room(blob: bytes) -> int:
    """Return what an index says of a good layer."""
    meter = UnpackMeter("layer", 1 << 40)
    for _ in metered([blob], meter):
        pass
    return meter.finish().size


def good(folder: Path) -> Draft:
    """Make a good bundle of two services with small images in `folder`, and take it apart."""
    workshop = Workshop(folder)
    keys.generate(workshop.key, workshop.trusted / "lab.pub")
    other = folder / "other.key"
    keys.generate(other, folder / "elsewhere" / "other.pub")
    shared = bytes(range(256)) * 64
    for name in (ALPHA, BETA):
        workshop.write_image(name, (shared, name.encode() * 3000))
        workshop.write_service(name)
    with Medium(workshop.build()) as medium:
        files = {name: medium.read(name) for name in medium.files()}
    index = json.loads(files.pop(INDEX))
    del files[SIGNATURE]
    draft = Draft(folder, files, index, workshop.key, other)
    for name in (ALPHA, BETA):
        draft.plain[name] = [gzip.decompress(files[_path(layer)]) for layer in draft.service(name)["layers"]]
    return draft


def _path(digest: str) -> str:
    return blob_path(digest)  # type: ignore[arg-type]
