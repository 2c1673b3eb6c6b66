"""Bills of materials in a bundle: judged by the records in the image's layers, and refused by the service's name."""

from __future__ import annotations

import gzip
import json
import tarfile
from typing import Any

import pytest

from supervisor.edges.bundle.layers import LayerRecords, merged, records, unpacked
from supervisor.edges.bundle.reader import Bundle
from supervisor.edges.bundle.sbom import read_packages
from supervisor.values.errors import BundleError, DigestMismatchError, SbomError
from supervisor.values.names import Digest
from supervisor.values.packages import Fix, Package
from tests.unit.bundle.bundle_workshop import Workshop, sha256, tar

STATUS = "var/lib/dpkg/status.d/"


def record(name: str, version: str, status: str = "install ok installed") -> bytes:
    return f"Package: {name}\nStatus: {status}\nArchitecture: amd64\nVersion: {version}\n".encode()


LIBC, SSL = record("libc6", "2.36-9"), record("libssl3", "3.0.1")


def component(name: str, version: str, architecture: str = "amd64", *fixed: str) -> dict[str, Any]:
    properties = [{"name": "vr:source", "value": "openssl" if name == "libssl3" else name}]
    properties += [{"name": "vr:fixed", "value": value} for value in fixed]
    purl = f"pkg:deb/debian/{name}@{version}?arch={architecture}&distro=debian-bookworm"
    return {"type": "library", "name": name, "version": version, "purl": purl, "properties": properties}


GOOD = (component("libc6", "2.36-9"), component("libssl3", "3.0.1", "amd64", "3.0.1 CVE-2025-0001 CVE-2025-0002"))


def document(image: str, components: object = GOOD) -> bytes:
    subject = {"type": "container", "name": "alpha", "bom-ref": image}
    return json.dumps(
        {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": subject}, "components": components}
    ).encode()


@pytest.fixture
def alpha(workshop: Workshop) -> str:
    """Return the id of an image whose two layers record two packages."""
    workshop.write_image("alpha", ({f"{STATUS}libc6": LIBC}, {f"{STATUS}libssl3": SSL, "usr/bin/alpha": b"x"}))
    return str(json.loads((workshop.images / "images.json").read_text())["alpha"]["image"])


def with_sbom(workshop: Workshop, content: bytes) -> Bundle:
    (workshop.images / "sboms").mkdir(exist_ok=True)
    (workshop.images / "sboms" / "alpha.json").write_bytes(content)
    return Bundle.open(workshop.build(), workshop.trusted)


def test_one_that_matches_its_image_is_signed_with_the_rest(workshop: Workshop, alpha: str) -> None:
    with with_sbom(workshop, document(alpha)) as bundle:
        bundle.verify_all()
        assert bundle.sbom("alpha") == document(alpha)
        assert bundle.sbom("beta") is None
        assert read_packages(document(alpha), "alpha")[1] == Package(
            "libssl3", "3.0.1", "amd64", "openssl", (Fix("3.0.1", ("CVE-2025-0001", "CVE-2025-0002")),)
        )


@pytest.mark.parametrize(
    ("components", "message"),
    [
        (GOOD[:1], "libssl3 3.0.1 amd64 is in the image, and not listed"),
        ((*GOOD, component("zlib1g", "1.2")), "zlib1g 1.2 amd64 is listed, and not in the image"),
        (
            (GOOD[0], component("libssl3", "3.0.2")),
            "libssl3 3.0.2 amd64 is listed, and not in the image; libssl3 3.0.1 amd64 is in the image, and not listed",
        ),
        ((GOOD[0], component("libssl3", "3.0.1", "arm64")), "libssl3 3.0.1 arm64 is listed, and not in the image"),
        ([component(f"p{number}", "1") for number in range(9)], "; and 6 more"),
        ("none", "components: must be a list, not a text"),
        ([{"purl": "pkg:deb/x"}], "components[0].name: is missing"),
        ([{"name": "a\x1b[2J"}], "components[0].name"),
        ([{"name": "a\x9b2J"}], "components[0].name"),
    ],
)
def test_one_that_does_not_is_refused_by_name(workshop: Workshop, alpha: str, components: object, message: str) -> None:
    with with_sbom(workshop, document(alpha, components)) as bundle, pytest.raises(SbomError) as refused:
        bundle.verify_all()
    assert str(refused.value).startswith("cannot accept the bill of materials of alpha: ")
    assert message in str(refused.value)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (document("sha256:0"), "it is about sha256:0, the image is sha256:"),
        (b"{", "is not JSON"),
        (b"[]", "must be a mapping"),
        (b"[" * 100_000, "cannot accept the bill of materials of alpha"),
        (b" " * ((2 << 20) + 1), "more than any"),
        (b'{"bomFormat": "SPDX"}', "bomFormat: must be CycloneDX"),
    ],
)
def test_one_that_cannot_be_read_is_refused(workshop: Workshop, alpha: str, content: bytes, message: str) -> None:
    with with_sbom(workshop, content) as bundle, pytest.raises(SbomError, match=message):
        bundle.verify_all()


def test_a_property_of_nothing_but_spaces_names_no_fix() -> None:
    (package,) = read_packages(document("sha256:1", [component("libc6", "1", "amd64", " ")]), "alpha")
    assert package.fixes == ()


def test_none_is_accepted_where_no_image_has_one(workshop: Workshop, alpha: str) -> None:
    """Such a release was built before there were bills of materials."""
    with Bundle.open(workshop.build(), workshop.trusted) as bundle:
        assert alpha == bundle.index.services[0].image
        bundle.verify_all()


def test_none_is_refused_where_the_image_records_packages_and_others_have_one(workshop: Workshop, alpha: str) -> None:
    beta = json.loads((workshop.images / "images.json").read_text())["beta"]["image"]
    (workshop.images / "sboms").mkdir()
    (workshop.images / "sboms" / "beta.json").write_bytes(document(beta, []))
    with Bundle.open(workshop.build(), workshop.trusted) as bundle:
        assert alpha == bundle.index.services[0].image
        with pytest.raises(SbomError, match="of alpha: there is none, and the image records 2 packages"):
            bundle.verify_all()


def test_a_layer_that_is_not_what_the_image_says_is_refused() -> None:
    layer = tar({"a": b"x"})
    with pytest.raises(DigestMismatchError, match="cannot accept layer one"):
        records("layer one", Digest("sha256:0"), iter([layer]))
    with pytest.raises(BundleError, match="cannot accept layer one: it is no tar"):
        records("layer one", Digest("sha256:0"), iter([b"x" * 5000]))
    packed = gzip.compress(layer, mtime=0)
    assert b"".join(unpacked("one", iter([packed[:3], packed[3:]]))) == layer
    assert b"".join(unpacked("one", iter([layer]))) == layer
    for broken, message in ((packed[:-9], "it ends early"), (packed[:20] + b"\xff" * 99, "cannot unpack one")):
        with pytest.raises(BundleError, match=message):
            b"".join(unpacked("one", iter([broken])))


def test_a_tar_that_takes_too_much_is_refused() -> None:
    """The one who signs may err, or have lost the key: an import must not take the router's memory."""
    name = tarfile.TarInfo("a")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, 1 << 30
    for layer, message in (
        (name.tobuf() + bytes(1024), "a header of its tar has 1073741824 bytes"),
        (tarfile.TarInfo(f"{STATUS}big").tobuf() * 50_001 + bytes(1024), "more than 50000 entries"),
    ):
        with pytest.raises(BundleError, match=message):
            records("it", Digest("sha256:0"), iter([layer]))
    large = tarfile.TarInfo(f"{STATUS}large")
    large.size = 1 << 30
    with pytest.raises(BundleError, match="its records of packages are larger than any"):
        records("it", Digest("sha256:0"), iter([large.tobuf()]))
    with pytest.raises(BundleError, match="it has more than 256 MiB"):
        for _ in unpacked("it", iter([bytes(1 << 20)] * 257)):
            pass


def test_records_of_layers_are_laid_on_each_other() -> None:
    def layer(files: dict[str, bytes]) -> LayerRecords:
        content = tar(files)
        return records("it", Digest(f"sha256:{sha256(content)}"), iter([content]))

    lower = layer({f"./{STATUS}libc6": LIBC, f"{STATUS}libssl3": SSL, f"{STATUS}gone": record("gone", "1")})
    whiteout = layer({f"{STATUS}.wh.gone": b"", f"{STATUS}libssl3": record("libssl3", "3.0.2")})
    assert merged([lower, whiteout]) == {("libc6", "2.36-9", "amd64"), ("libssl3", "3.0.2", "amd64")}
    emptied = layer({f"{STATUS}.wh..wh..opq": b"", f"{STATUS}new": record("new", "1")})
    assert merged([lower, emptied]) == {("new", "1", "amd64")}
    assert merged([lower, layer({"var/lib/.wh.dpkg": b""})]) == frozenset()
    dpkg = layer({"var/lib/dpkg/status": LIBC + b"\n" + record("old", "1", "deinstall ok config-files") + b"\n" + SSL})
    assert merged([dpkg]) == {("libc6", "2.36-9", "amd64"), ("libssl3", "3.0.1", "amd64")}
