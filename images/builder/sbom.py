"""The software bill of materials of an image: CycloneDX 1.6 in JSON, one component for each Debian package in it.

Equal images give equal bytes: the serial number is made of the image's digest, the time is that of the release.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from builder.records import PackageRecord

SOURCE, FIXED = "vr:source", "vr:fixed"
"""Names of properties of a component: its source package; a version in its changelog and the CVE ids named there."""


def sbom(name: str, version: str, image: str, release: str, records: Iterable[PackageRecord], epoch: int) -> bytes:
    """Return the bill of materials of an image; `image` is its id, `release` the Debian release it is made of."""
    digest = image.removeprefix("sha256:")
    subject = Component(
        type=ComponentType.CONTAINER,
        name=name,
        version=version,
        bom_ref=image,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
    )
    components = [_component(record, release) for record in records]
    document = Bom(
        serial_number=uuid.UUID(bytes=bytes.fromhex(digest)[:16], version=4),
        metadata=BomMetaData(component=subject, timestamp=datetime.fromtimestamp(epoch, UTC)),
        components=components,
    )
    document.register_dependency(subject, components)
    return (JsonV1Dot6(document).output_as_string(indent=1) + "\n").encode()


def _component(record: PackageRecord, release: str) -> Component:
    qualifiers = {"arch": record.architecture, "distro": f"debian-{release}"}
    if record.source != record.name:
        qualifiers["upstream"] = record.source
    url = PackageURL("deb", "debian", record.name, record.version, qualifiers)
    fixed = (Property(name=FIXED, value=" ".join((version, *ids))) for version, ids in record.fixes)
    return Component(
        type=ComponentType.LIBRARY,
        name=record.name,
        version=record.version,
        bom_ref=url.to_string(),
        purl=url,
        publisher=record.maintainer or None,
        properties=[Property(name=SOURCE, value=record.source), *fixed],
    )
