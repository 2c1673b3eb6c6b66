"""The way out: built images and service folders become one signed, reproducible ISO. Runs where releases are made.

It names neither images nor services: `images.json` and the folders list them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from supervisor.decisions.release_identity import identity_of_index
from supervisor.edges.bundle import index as index_file
from supervisor.edges.bundle import keys
from supervisor.edges.bundle.definition import definition_digest, definition_files
from supervisor.edges.bundle.delta import NewLayers
from supervisor.edges.bundle.papers import SIGNATURE
from supervisor.edges.bundle.reader import Bundle
from supervisor.edges.bundle.unpacking import UnpackMeter, metered
from supervisor.edges.trust.papers import INDEX
from supervisor.values.bundle import (
    FORMAT,
    VOLUME_ID,
    BundledService,
    BundleFile,
    BundleIndex,
    blob_path,
    most_unpacked,
)
from supervisor.values.errors import BundleBuildError, LayerRefusedError
from supervisor.values.names import Digest, ServiceName


def build_bundle(
    images: Path,
    services: Path,
    release: str,
    created: datetime,
    *,
    key: Path,
    output: Path,
    supervisor_minimum: str = "0.1.0",
    base: Bundle | None = None,
    minimum_release: str | None = None,
    papers: Callable[[bytes], Mapping[str, bytes]] = lambda _: {},
) -> BundleIndex:
    """Write the ISO of `release` to `output`; return its index.

    With `base`, leave out the layers that this release has, and write the others as differences to its layers where
    these are smaller. `papers` gives the trust documents that go along, by their names on the medium, for the bytes of
    the index.
    """
    listing = _read_json(images / "images.json")
    folders = {path.parent.name: path.parent for path in sorted(services.glob("*/manifest.yaml"))}
    _check_pairs(listing, folders)
    content: dict[str, Path | bytes] = {"oci/oci-layout": images / "oci" / "oci-layout"}
    bundled, architectures, whole = [], set(), set()
    new_layers, patches = NewLayers(images, base), set()
    for name, folder in folders.items():
        definition = definition_files(folder)
        document = _sbom(images, name)
        service = _service(name, listing[name], definition, document)
        bundled.append(service)
        content |= {f"services/{name}/{path}": data for path, data in definition.items()}
        content |= {blob_path(service.sbom): document} if service.sbom and document else {}
        content |= {blob_path(digest): images / blob_path(digest) for digest in (service.image, service.image_manifest)}
        for layer in new_layers.of(service):
            content[blob_path(layer.digest)] = layer.content
            patches |= {layer.patch} if layer.patch else set()
            whole |= set() if layer.patch else {blob_path(layer.digest)}
        architectures.add(str(_read_json(images / blob_path(service.image)).get("architecture")))
    if len(architectures) != 1:
        raise BundleBuildError(f"cannot put images for {', '.join(sorted(architectures))} into one bundle")
    content["oci/index.json"] = _oci_index(images, bundled)
    index = BundleIndex(
        format=FORMAT,
        release=release,
        created=created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        supervisor_minimum=supervisor_minimum,
        architecture=architectures.pop(),
        services=tuple(bundled),
        files=tuple(_file(path, source, is_layer=path in whole) for path, source in sorted(content.items())),
        base=base.index.release if base else None,
        base_identity=identity_of_index(base.index) if base else None,
        patches=tuple(sorted(patches, key=lambda patch: patch.layer)),
        minimum_release=minimum_release,
    )
    _check_blobs(index)
    encoded = index_file.encode(index)
    index_file.decode(encoded, str(output))  # what we would refuse to read we do not write
    signed = {INDEX: encoded, SIGNATURE: keys.sign(encoded, key), **papers(encoded)}
    write_iso(content | signed, created, output)
    return index


def _sbom(images: Path, name: str) -> bytes | None:
    path = images / "sboms" / f"{name}.json"
    return _read(path) if path.exists() else None


def _service(
    name: str, facts: Mapping[str, Any], definition: Mapping[str, bytes], sbom: bytes | None
) -> BundledService:
    try:
        manifest = yaml.safe_load(definition["manifest.yaml"]) or {}
        return BundledService(
            name=ServiceName(name),
            version=str(facts["version"]),
            image=Digest(facts["image"]),
            image_manifest=Digest(facts["manifest"]),
            layers=tuple(Digest(layer) for layer in facts["layers"]),
            definition=definition_digest(definition),
            requires=tuple(ServiceName(other) for other in manifest.get("requires", ())),
            sbom=Digest(f"sha256:{hashlib.sha256(sbom).hexdigest()}") if sbom else None,
        )
    except (yaml.YAMLError, AttributeError, LookupError, TypeError) as error:
        raise BundleBuildError(f"cannot bundle {name}: {error!r} in its manifest or in images.json") from error


def _check_pairs(listing: Mapping[str, Any], folders: Mapping[str, Path]) -> None:
    for name in sorted(set(folders) - set(listing)):
        raise BundleBuildError(f"cannot bundle {name}: images.json has no image of that name")
    for name in sorted(set(listing) - set(folders)):
        raise BundleBuildError(f"cannot bundle {name}: there is an image, but no service folder with a manifest.yaml")


def _check_blobs(index: BundleIndex) -> None:
    for file in index.files:
        if file.path.startswith("oci/blobs/") and not file.path.endswith(file.sha256):
            raise BundleBuildError(f"cannot bundle {file.path}: its content has the digest {file.sha256}")


def _oci_index(images: Path, bundled: list[BundledService]) -> bytes:
    """Return the layout's own index, of the images that go along."""
    document = _read_json(images / "oci" / "index.json")
    wanted = {service.image_manifest for service in bundled}
    document["manifests"] = [manifest for manifest in document.get("manifests", ()) if manifest.get("digest") in wanted]
    return json.dumps(document, sort_keys=True).encode()


def _file(path: str, source: Path | bytes, *, is_layer: bool) -> BundleFile:
    data = source if isinstance(source, bytes) else _read(source)
    unpacked = _unpacked(path, data) if is_layer else None
    return BundleFile(path, hashlib.sha256(data).hexdigest(), len(data), unpacked)


def _unpacked(path: str, layer: bytes) -> int:
    """Return the room that a layer takes. Raises BundleBuildError: when no supervisor would take it."""
    meter = UnpackMeter(path, most_unpacked(len(layer)))
    try:
        for _ in metered([layer], meter):
            pass
        return meter.finish().size
    except LayerRefusedError as error:
        raise BundleBuildError(str(error).replace("cannot accept", "cannot bundle", 1)) from error


def write_iso(content: Mapping[str, Path | bytes], created: datetime, output: Path) -> None:
    """Write an ISO with these files, whole or not at all. Raises BundleBuildError: it cannot be written."""
    try:
        _write_iso(content, created, output)
    except OSError as error:
        raise BundleBuildError(f"cannot write {output}: {error.strerror or error}") from error


def _write_iso(content: Mapping[str, Path | bytes], created: datetime, output: Path) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="vr-bundle-", dir=output.parent) as folder:
        tree, result = Path(folder, "tree"), Path(folder, "bundle.iso")
        for path, source in content.items():
            place = tree / path
            place.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(source, bytes):
                place.write_bytes(source)
            else:
                shutil.copyfile(source, place)
        epoch = int(created.timestamp())
        for place in (tree, *tree.rglob("*")):
            os.utime(place, (epoch, epoch))
        # -r writes one owner and mode for all. SOURCE_DATE_EPOCH sets the volume's dates; other dates of files become
        # their modification times.
        command = [
            "xorriso",
            "-as",
            "mkisofs",
            "-quiet",
            "-r",
            "-V",
            VOLUME_ID,
            "-no-pad",
            "-o",
            str(result),
            str(tree),
        ]
        environment = os.environ | {"SOURCE_DATE_EPOCH": str(epoch), "TZ": "UTC"}
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        except OSError as error:
            raise BundleBuildError(f"cannot write {output}: xorriso cannot be run ({error.strerror})") from error
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise BundleBuildError(f"cannot write {output}: xorriso ended with {done.returncode}: {said}")
        result.replace(output)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleBuildError(f"cannot bundle {path}: {error.strerror}") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(_read(path))
    except ValueError as error:
        raise BundleBuildError(f"cannot bundle {path}: it is not JSON") from error
    if not isinstance(document, dict):
        raise BundleBuildError(f"cannot bundle {path}: it is not a mapping")
    return document
