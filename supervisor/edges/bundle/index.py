"""bundle.json to values and back. A signed index is still checked: names become paths, and a signer can err."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from supervisor.decisions.doubt import instant, numbers
from supervisor.documents import (
    FAULTY,
    DocumentError,
    Field,
    ListOf,
    MapOf,
    Number,
    Optional,
    Parsed,
    Record,
    Text,
    Version,
    read_json,
)
from supervisor.edges.bundle.directories import is_plain
from supervisor.values.bundle import (
    FORMAT,
    LARGEST_DEFINITIONS,
    LARGEST_LAYER,
    LARGEST_READ,
    MOST_LAYERS,
    MOST_LISTED,
    MOST_SERVICES,
    BundledService,
    BundleFile,
    BundleIndex,
    LayerPatch,
    blob_path,
    most_unpacked,
)
from supervisor.values.errors import Fault, InvalidIndexError, UnsupportedFormatError
from supervisor.values.names import Digest, ServiceName

_FOLDERS = ("oci", "services")
FIRST, LAST = instant("2000-01-01T00:00:00Z"), instant("2100-01-01T00:00:00Z")


def is_safe(path: str) -> bool:
    """True if `path` can only mean a file below one of the bundle's folders."""
    folder, separator, _ = path.partition("/")
    return is_plain(path) and bool(separator) and folder in _FOLDERS


def _path(text: str) -> str:
    if not is_safe(text):
        raise ValueError(text)
    return text


def _time(text: str) -> str:
    if not FIRST <= instant(text) < LAST:
        raise ValueError(text)
    return text


def _file(path: str, attributes: dict[str, Any]) -> BundleFile:
    return BundleFile(path, **attributes)


def _patch(layer: str, attributes: dict[str, Any]) -> LayerPatch:
    return LayerPatch(Digest(layer), **attributes)


def _service(name: str, attributes: dict[str, Any]) -> BundledService:
    return BundledService(ServiceName(name), **attributes)


_DIGEST = Text(r"sha256:[0-9a-f]{64}", "must be sha256: and 64 hexadecimal digits")
_NAME = Text(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "must be lower case letters, digits and dashes, at most 63")
_VERSION = Text(r"[A-Za-z0-9][A-Za-z0-9.+~:_-]{0,127}", "must be letters, digits and .+~:_-, at most 128")
_FLOOR = Text(
    r"(?=[^0-9]*[0-9])[A-Za-z0-9][A-Za-z0-9.+~:_-]{0,127}", "must be a release, with a number in its name, at most 128"
)
_SERVICE = Record(
    dict,
    (
        Field("version", _VERSION, True),
        Field("image", _DIGEST, True),
        Field("manifest", _DIGEST, True, "image_manifest"),
        Field("layers", ListOf(_DIGEST, minimum=1, maximum=MOST_LAYERS), True),
        Field("definition", _DIGEST, True),
        Field("requires", ListOf(_NAME, maximum=MOST_SERVICES), True),
        Field("sbom", Optional(_DIGEST)),
    ),
)
_FILE = Record(
    dict,
    (
        Field("sha256", Text(r"[0-9a-f]{64}", "must be 64 hexadecimal digits"), True),
        Field("size", Number(0, (1 << 63) - 1), True),
        Field("unpacked", Number(0, (1 << 63) - 1)),
    ),
)
_PATCH = Record(
    dict,
    (
        Field("base", _DIGEST, True),
        Field("patch", _DIGEST, True),
        Field("size", Number(1, LARGEST_LAYER), True),
    ),
)
_TIME = Parsed(_time, "must be a time like 2025-01-31T00:00:00Z, of this century", 20)
_NUMBERS = Text(r"[0-9]+(\.[0-9]+)*", "must be numbers with dots between")
_PATH = Parsed(_path, "must be a plain path below oci or services")
INDEX = Record(
    BundleIndex,
    (
        Field("format", Version((FORMAT,)), True),
        Field("release", _VERSION, True),
        Field("created", _TIME, True),
        Field("supervisor", _NUMBERS, True, "supervisor_minimum"),
        Field("architecture", _NAME, True),
        Field("base", Optional(_VERSION)),
        Field("base_identity", Optional(_DIGEST)),
        Field("minimum_release", Optional(_FLOOR)),
        Field("patches", MapOf(_DIGEST, _PATCH, _patch, maximum=MOST_LISTED)),
        Field("services", MapOf(_NAME, _SERVICE, _service, minimum=1, maximum=MOST_SERVICES), True),
        Field("files", MapOf(_PATH, _FILE, _file, minimum=1, maximum=MOST_LISTED), True),
    ),
)
"""The syntax of bundle.json."""


def encode(index: BundleIndex) -> bytes:
    """Return bundle.json; equal indexes give equal bytes."""
    document = {
        "format": index.format,
        "release": index.release,
        "created": index.created,
        "supervisor": index.supervisor_minimum,
        "architecture": index.architecture,
        "base": index.base,
        "base_identity": index.base_identity,
        "patches": {
            patch.layer: {"base": patch.base, "patch": patch.patch, "size": patch.size} for patch in index.patches
        },
        "services": {
            service.name: {
                "version": service.version,
                "image": service.image,
                "manifest": service.image_manifest,
                "layers": list(service.layers),
                "definition": service.definition,
                "requires": list(service.requires),
                "sbom": service.sbom,
            }
            for service in index.services
        },
        "files": {file.path: _facts(file) for file in index.files},
    }
    if index.minimum_release is not None:  # an earlier supervisor refuses an index with keys that it does not know
        document["minimum_release"] = index.minimum_release
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()


def _facts(file: BundleFile) -> dict[str, object]:
    facts: dict[str, object] = {"sha256": file.sha256, "size": file.size}
    return facts if file.unpacked is None else facts | {"unpacked": file.unpacked}


def decode(content: bytes, bundle: str) -> BundleIndex:
    """Return the index in `content`; `bundle` is its name in errors. Services and files are sorted by name.

    Raises UnsupportedFormatError: it has another format than ours. Raises InvalidIndexError: it has faults; all of
    them are listed.
    """
    try:
        document = read_json(content, refuses_twins=True)
    except DocumentError as error:
        raise InvalidIndexError(bundle, [Fault("bundle.json", fault.problem) for fault in error.faults]) from error
    if not isinstance(document, dict):
        raise InvalidIndexError(bundle, [Fault("bundle.json", "is not a mapping")])
    version = document.get("format")
    if isinstance(version, int) and version != FORMAT:
        raise UnsupportedFormatError(bundle, version, FORMAT)
    faults: list[Fault] = []
    index: BundleIndex = INDEX.read(_sorted(document), "", faults)
    faults.extend(_broken_references(index))
    faults.extend(_too_large(index))
    faults.extend(_above_itself(index))
    if faults:
        raise InvalidIndexError(bundle, faults)
    return index


def _sorted(document: dict[str, Any]) -> dict[str, Any]:
    parts = {key: document[key] for key in ("services", "files", "patches") if isinstance(document.get(key), dict)}
    return {**document, **{key: dict(sorted(entries.items())) for key, entries in parts.items()}}


def _broken_references(index: Any) -> Iterator[Fault]:
    """Yield what services refer to and the index does not list; a delta may leave out layers."""
    if index.services is FAULTY or index.files is FAULTY:
        return
    names = {service.name for service in index.services}
    listed = {file.path: file.sha256 for file in index.files}
    if index.base is not None and index.base_identity is None:
        yield Fault("base_identity", "is missing: a delta names the very release that it is a delta to")
    for patch in index.patches if index.patches is not FAULTY else ():
        if patch.patch is not FAULTY and listed.get(blob_path(patch.patch)) != patch.patch.removeprefix("sha256:"):
            yield Fault(f"patches.{patch.layer}.patch", f"{patch.patch} is not among the files")
    for service in index.services:
        at = f"services.{service.name}"
        for other in _good(service.requires):
            if other not in names:
                yield Fault(f"{at}.requires", f"{other} is not among the services")
        layers = _good(service.layers) if index.base is None else ()
        digests = [
            ("image", service.image),
            ("manifest", service.image_manifest),
            *(("layers", layer) for layer in layers),
            *((("sbom", service.sbom),) if service.sbom else ()),
        ]
        for key, digest in digests:
            if digest is not FAULTY and listed.get(blob_path(digest)) != digest.removeprefix("sha256:"):
                yield Fault(f"{at}.{key}", f"{digest} is not among the files")


def _too_large(index: Any) -> Iterator[Fault]:
    """Yield the files that would be held in memory and are too large for it, and the layers that grow too much."""
    if index.services is FAULTY or index.files is FAULTY:
        return
    files = {file.path: file for file in index.files if file.size is not FAULTY}
    held = {
        blob_path(digest): f"services.{service.name}.{key}"
        for service in index.services
        for key, digest in (("image", service.image), ("manifest", service.image_manifest))
        if digest is not FAULTY
    }
    for path, at in held.items():
        if path in files and files[path].size > LARGEST_READ:
            yield Fault(at, f"has {files[path].size} bytes, more than {LARGEST_READ}")
    definitions = sum(file.size for path, file in files.items() if path.startswith("services/"))
    if definitions > LARGEST_DEFINITIONS:
        yield Fault("files", f"definitions have {definitions} bytes together, more than {LARGEST_DEFINITIONS}")
    for path, file in files.items():
        if file.unpacked not in (None, FAULTY) and file.unpacked > most_unpacked(file.size):
            yield Fault(
                f"files.{path}.unpacked", f"is {file.unpacked}, which {file.size} bytes of a layer never come to"
            )


def _above_itself(index: Any) -> Iterator[Fault]:
    """Yield a floor that the release itself is below: no router would take it."""
    release, floor = index.release, index.minimum_release
    if FAULTY not in (release, floor) and floor is not None and numbers(release) < numbers(floor):
        yield Fault("minimum_release", f"is {floor}, and the release is {release}")


def _good(items: Any) -> tuple[Any, ...]:
    return () if items is FAULTY else tuple(item for item in items if item is not FAULTY)
