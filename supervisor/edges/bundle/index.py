"""bundle.json to values and back. A signed index is still checked: names become paths, and a signer can err."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

from supervisor.edges.bundle.directories import is_plain
from supervisor.values.bundle import FORMAT, BundledService, BundleFile, BundleIndex, blob_path
from supervisor.values.errors import Fault, InvalidIndexError, UnsupportedFormatError
from supervisor.values.names import Digest, ServiceName

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SUM = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_TEXT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~:_-]{0,127}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_NUMBERS = re.compile(r"\d+(\.\d+)*")
_FOLDERS = ("oci", "services")

T = TypeVar("T")


def encode(index: BundleIndex) -> bytes:
    """Return the one way to write `index`."""
    document = {
        "format": index.format,
        "release": index.release,
        "created": index.created,
        "supervisor": index.supervisor_minimum,
        "architecture": index.architecture,
        "base": index.base,
        "services": {
            service.name: {
                "version": service.version,
                "image": service.image,
                "manifest": service.manifest,
                "layers": list(service.layers),
                "definition": service.definition,
                "requires": list(service.requires),
            }
            for service in index.services
        },
        "files": {file.path: {"sha256": file.sha256, "size": file.size} for file in index.files},
    }
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()


def decode(content: bytes, bundle: str) -> BundleIndex:
    """Return the index in `content`. UnsupportedFormatError, or InvalidIndexError with every fault in it."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidIndexError(bundle, [Fault("bundle.json", f"is not JSON ({error})")]) from error
    if not isinstance(document, dict):
        raise InvalidIndexError(bundle, [Fault("bundle.json", "is not a mapping")])
    found = document.get("format")
    if isinstance(found, int) and found != FORMAT:
        raise UnsupportedFormatError(bundle, found, FORMAT)
    reading = _Reading()
    index = reading.index(document)
    if reading.faults:
        raise InvalidIndexError(bundle, reading.faults)
    return index


class _Reading:
    """One pass over the document that goes on after a fault, so that all of them are found."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def index(self, document: dict[str, Any]) -> BundleIndex:
        self._keys(
            document, "", {"format", "release", "created", "supervisor", "architecture", "base", "services", "files"}
        )
        index = BundleIndex(
            format=self._number(document, "format", ""),
            release=self._text(document, "release", "", _TEXT),
            created=self._text(document, "created", "", _TIME),
            supervisor_minimum=self._text(document, "supervisor", "", _NUMBERS),
            architecture=self._text(document, "architecture", "", _NAME),
            base=None if document.get("base") is None else self._text(document, "base", "", _TEXT),
            services=self._each(document, "services", self._service),
            files=self._each(document, "files", self._file),
        )
        self._promises(index)
        return index

    def _service(self, name: str, entry: dict[str, Any], path: str) -> BundledService:
        if not _NAME.fullmatch(name):
            self._fault(path, "is not a name a service can have")
        self._keys(entry, path, {"version", "image", "manifest", "layers", "definition", "requires"})
        return BundledService(
            name=ServiceName(name),
            version=self._text(entry, "version", path, _TEXT),
            image=Digest(self._text(entry, "image", path, _DIGEST)),
            manifest=Digest(self._text(entry, "manifest", path, _DIGEST)),
            layers=tuple(Digest(layer) for layer in self._texts(entry, "layers", path, _DIGEST)),
            definition=Digest(self._text(entry, "definition", path, _DIGEST)),
            requires=tuple(ServiceName(other) for other in self._texts(entry, "requires", path, _NAME)),
        )

    def _file(self, name: str, entry: dict[str, Any], path: str) -> BundleFile:
        if not is_safe(name):
            self._fault(path, "is not a plain path below " + " or ".join(_FOLDERS))
        self._keys(entry, path, {"sha256", "size"})
        return BundleFile(name, self._text(entry, "sha256", path, _SUM), self._number(entry, "size", path))

    def _promises(self, index: BundleIndex) -> None:
        """What services refer to has to be listed; a delta may leave out layers."""
        names = {service.name for service in index.services}
        for service in index.services:
            for other in sorted(set(service.requires) - names):
                self._fault(f"services.{service.name}.requires", f"{other} is not among the services")
        listed = {file.path: file.sha256 for file in index.files}
        for service in index.services:
            wanted = [("image", service.image), ("manifest", service.manifest)]
            wanted += [("layers", layer) for layer in service.layers] if index.base is None else []
            for key, digest in wanted:
                if _DIGEST.fullmatch(digest) and listed.get(blob_path(digest)) != digest.removeprefix("sha256:"):
                    self._fault(f"services.{service.name}.{key}", f"{digest} is not among the files")

    def _each(self, document: dict[str, Any], key: str, read: Callable[[str, dict[str, Any], str], T]) -> tuple[T, ...]:
        entries = document.get(key)
        if not isinstance(entries, dict) or not entries:
            self._fault(key, "is missing or empty")
            return ()
        found = []
        for name, entry in sorted(entries.items()):
            if isinstance(entry, dict):
                found.append(read(name, entry, f"{key}.{name}"))
            else:
                self._fault(f"{key}.{name}", "is not a mapping")
        return tuple(found)

    def _keys(self, entry: dict[str, Any], path: str, known: set[str]) -> None:
        for key in sorted(set(entry) - known):
            self._fault(f"{path}.{key}".lstrip("."), "is unknown")

    def _text(self, entry: dict[str, Any], key: str, path: str, pattern: re.Pattern[str]) -> str:
        value = entry.get(key)
        if isinstance(value, str) and pattern.fullmatch(value):
            return value
        self._fault(
            f"{path}.{key}".lstrip("."), "is missing" if value is None else f"{value!r} is not what belongs here"
        )
        return ""

    def _texts(self, entry: dict[str, Any], key: str, path: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
        value = entry.get(key)
        if isinstance(value, list) and all(isinstance(one, str) and pattern.fullmatch(one) for one in value):
            return tuple(value)
        self._fault(f"{path}.{key}", "is missing" if value is None else f"{value!r} is not what belongs here")
        return ()

    def _number(self, entry: dict[str, Any], key: str, path: str) -> int:
        value = entry.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        self._fault(f"{path}.{key}".lstrip("."), "is missing" if value is None else f"{value!r} is not a number")
        return 0

    def _fault(self, path: str, problem: str) -> None:
        self.faults.append(Fault(path, problem))


def is_safe(path: str) -> bool:
    """Return True if `path` can only mean a file below one of the bundle's folders."""
    folder, separator, _ = path.partition("/")
    return is_plain(path) and bool(separator) and folder in _FOLDERS
