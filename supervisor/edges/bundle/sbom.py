"""Bills of materials, CycloneDX in JSON: read into packages, and judged by the image that they are about.

An image says itself which packages its files come from: in /var/lib/dpkg/status.d, one file for each, or in
/var/lib/dpkg/status where it has a dpkg (deb-status(5)).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs

from supervisor.documents import DocumentError, Field, ListOf, Record, Text, read_as, read_json
from supervisor.edges.bundle.layers import Recorded
from supervisor.values.bundle import BundledService
from supervisor.values.errors import SbomError
from supervisor.values.packages import Fix, Package

LARGEST = 2 << 20  # bytes; a message of the API takes it
_PACKAGES = "pkg:deb/"
_SOURCE, _FIXED = "vr:source", "vr:fixed"
_LISTED = 5  # differences that an error names

_TEXT = Text(r"[^\x00-\x1f\x7f-\x9f]*", limit=4096)
_PROPERTY = Record(
    dict, (Field("name", _TEXT, True), Field("value", Text(r"[^\x00-\x1f\x7f-\x9f]*", limit=65536))), is_open=True
)
_COMPONENT = Record(
    dict,
    (
        Field("name", _TEXT, True),
        Field("version", _TEXT),
        Field("purl", _TEXT),
        Field("properties", ListOf(_PROPERTY)),
    ),
    is_open=True,
)
_SUBJECT = Record(dict, (Field("bom-ref", _TEXT, True),), is_open=True)
_METADATA = Record(dict, (Field("component", _SUBJECT, True),), is_open=True)
_SBOM = Record(
    dict,
    (
        Field("bomFormat", Text("CycloneDX", "must be CycloneDX"), True),
        Field("metadata", _METADATA, True),
        Field("components", ListOf(_COMPONENT)),
    ),
    is_open=True,
)


def read_packages(document: bytes, service: str) -> tuple[Package, ...]:
    """Return the Debian packages that a bill of materials lists, sorted; `service` is its name in errors.

    Raises SbomError: it cannot be read.
    """
    _, packages = _read(document, service)
    return packages


def judge(document: bytes, service: BundledService, recorded: Iterable[Recorded]) -> None:
    """Return if a bill of materials is that of the service's image, whose layers record these packages.

    Raises SbomError: it is of another image, cannot be read, or lists other packages.
    """
    subject, packages = _read(document, service.name)
    if subject != service.image:
        raise SbomError(service.name, f"it is about {subject}, the image is {service.image}")
    listed = {(package.name, package.version, package.architecture) for package in packages}
    present = set(recorded)
    faults = [f"{_words(package)} is listed, and not in the image" for package in sorted(listed - present)]
    faults += [f"{_words(package)} is in the image, and not listed" for package in sorted(present - listed)]
    if faults:
        more = [f"and {len(faults) - _LISTED} more"] if len(faults) > _LISTED else []
        raise SbomError(service.name, "; ".join(faults[:_LISTED] + more))


def _read(document: bytes, service: str) -> tuple[str, tuple[Package, ...]]:
    if len(document) > LARGEST:
        raise SbomError(service, f"it has {len(document)} bytes, more than any")
    try:
        content = read_as(_SBOM, read_json(document))
    except DocumentError as error:
        raise SbomError(service, str(error)) from error
    packages = [_package(item) for item in content.get("components", ()) if item.get("purl", "").startswith(_PACKAGES)]
    return content["metadata"]["component"]["bom-ref"], tuple(sorted(packages, key=lambda package: package.name))


def _package(component: dict[str, Any]) -> Package:
    properties = [(item["name"], item.get("value", "")) for item in component.get("properties", ())]
    architecture = parse_qs(component["purl"].partition("?")[2]).get("arch", [""])[0]
    name = component["name"]
    fixes = (words for key, value in properties if key == _FIXED and (words := value.split()))
    return Package(
        name,
        component.get("version", ""),
        architecture,
        next((value for key, value in properties if key == _SOURCE), name),
        tuple(Fix(version, tuple(ids)) for version, *ids in fixes),
    )


def _words(package: Recorded) -> str:
    return " ".join(part or "(none)" for part in package)
