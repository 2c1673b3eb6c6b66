"""bundle.json: what is written is read again, and every fault is listed with its path."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from supervisor.edges.bundle.index import decode, encode
from supervisor.values.bundle import BundledService, BundleFile, BundleIndex, blob_path
from supervisor.values.errors import InvalidIndexError, UnsupportedFormatError
from supervisor.values.names import Digest, ServiceName

IMAGE, MANIFEST, LAYER, DEFINITION = (Digest(f"sha256:{letter * 64}") for letter in "abcd")
INDEX = BundleIndex(
    format=1,
    release="13.0",
    created="2025-01-31T00:00:00Z",
    supervisor_minimum="0.1.0",
    architecture="amd64",
    services=(BundledService(ServiceName("web"), "1:2.0-1", IMAGE, MANIFEST, (LAYER,), DEFINITION),),
    files=tuple(
        BundleFile(blob_path(digest), digest.removeprefix("sha256:"), 3) for digest in (IMAGE, MANIFEST, LAYER)
    ),
)


def test_an_index_is_read_as_it_was_written() -> None:
    assert decode(encode(INDEX), "a.iso") == INDEX
    assert encode(decode(encode(INDEX), "a.iso")) == encode(INDEX)


def test_what_layers_unpack_to_is_written_and_read() -> None:
    files = tuple(replace(file, unpacked=16_777_516) if LAYER[7:] in file.path else file for file in INDEX.files)
    assert decode(encode(replace(INDEX, files=files)), "a.iso").files == files


def test_a_key_that_is_there_twice_is_refused() -> None:
    content = encode(INDEX).replace(b'"release"', b'"release": "9",\n "release"')
    with pytest.raises(InvalidIndexError, match=r"bundle\.json: has the key 'release' twice"):
        decode(content, "a.iso")


def put(path: str, value: object) -> Callable[[dict[str, Any]], object]:
    def change(document: dict[str, Any]) -> None:
        *parents, last = path.split("|")
        target: Any = document
        for parent in parents:
            target = target[parent]
        target[last] = value

    return change


PATCH = {"base": IMAGE, "patch": DEFINITION, "size": 7}
LISTED = f"files.{blob_path(LAYER)}"


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        (put("colour", 1), ["colour: is not a known key"]),
        (put("format", True), ["format: must be 1"]),
        (put("release", "a b"), ["release: must be letters, digits and .+~:_-, at most 128, not 'a b'"]),
        (put("created", "yesterday"), ["created: must be a time like 2025-01-31T00:00:00Z, of this century, not"]),
        (put("created", "2025-02-30T00:00:00Z"), ["created: must be a time like"]),
        (put("created", "٢٠٢٥-01-01T00:00:00Z"), ["created: must be a time like"]),
        (put("created", "2025-01-01T00:00:00Z\n"), ["created: is longer than 20 characters"]),
        (put("created", "9999-01-01T00:00:00Z"), ["created: must be a time like"]),
        (put("minimum_release", "x y"), ["minimum_release: must be a release, with a number in its name"]),
        (put("minimum_release", "latest"), ["minimum_release: must be a release, with a number in its name"]),
        (put("minimum_release", "13.1"), ["minimum_release: is 13.1, and the release is 13.0"]),
        (put("supervisor", "1."), ["supervisor: must be numbers with dots between, not '1.'"]),
        (put("base_identity", 3), ["base_identity: must be a text, not a number"]),
        (put("base", "1.0"), ["base_identity: is missing: a delta names the very release that it is a delta to"]),
        (put("patches", {LAYER: PATCH}), [f"patches.{LAYER}.patch: {DEFINITION} is not among the files"]),
        (
            put("patches", {LAYER: PATCH | {"patch": LAYER, "size": 1 << 40}}),
            [f"patches.{LAYER}.size: must be between"],
        ),
        (put("services|web|sbom", DEFINITION), [f"services.web.sbom: {DEFINITION} is not among the files"]),
        (put("services", {}), ["services: must have at least 1 entry"]),
        (put("files", []), ["files: must be a mapping, not a list"]),
        (put("services|web", None), ["services.web: must be a mapping, not nothing"]),
        (put("services|web|version", None), ["services.web.version: must be a text, not nothing"]),
        (put("services|web|layers", [LAYER, "x"]), ["services.web.layers[1]: must be sha256: and 64 hexadecimal"]),
        (put("services|web|requires", ["dns"]), ["services.web.requires: dns is not among the services"]),
        (put("services|web|image", DEFINITION), [f"services.web.image: {DEFINITION} is not among the files"]),
        (put(f"files|{blob_path(LAYER)}|size", -1), [f"{LISTED}.size: must be between 0 and"]),
        (put(f"files|{blob_path(LAYER)}|sha256", "d" * 64), [f"services.web.layers: {LAYER} is not among the files"]),
        (put("files|oci/../x", {"sha256": "a" * 64, "size": 1}), ["files.oci/../x: must be a plain path below oci or"]),
        (put(f"files|{blob_path(LAYER)}|unpacked", -1), [f"{LISTED}.unpacked: must be between 0 and"]),
        (
            put(f"files|{blob_path(LAYER)}|unpacked", 16_777_517),
            [f"{LISTED}.unpacked: is 16777517, which 3 bytes of a layer never come to"],
        ),
        (put(f"files|{blob_path(IMAGE)}|size", 1048577), ["services.web.image: has 1048577 bytes, more than 1048576"]),
        (
            put("files|services/web/x", {"sha256": "a" * 64, "size": 16_777_217}),
            ["files: definitions have 16777217 bytes together, more than 16777216"],
        ),
        (put("services|web|layers", []), ["services.web.layers: must have at least 1 item"]),
        (put("services|web|layers", [LAYER] * 65), ["services.web.layers: must have at most 64 items"]),
        (put("services", {f"s{n}": {} for n in range(65)}), ["services: must have at most 64 entries"]),
        (put("files", {f"oci/{n}": {} for n in range(4097)}), ["files: must have at most 4096 entries"]),
        (lambda document: document.pop("release"), ["release: is missing"]),
        (lambda document: document.pop("files"), ["files: is missing"]),
        (
            lambda document: (put("services|web|image", "x")(document), document.pop("created")),
            ["services.web.image: must be sha256: and 64", "created: is missing"],
        ),
    ],
)
def test_every_fault_is_listed(change: Callable[[dict[str, Any]], object], faults: list[str]) -> None:
    document = json.loads(encode(INDEX))
    change(document)
    with pytest.raises(InvalidIndexError) as refused:
        decode(json.dumps(document).encode(), "a.iso")
    listed = [str(fault) for fault in refused.value.faults]
    assert len(listed) == len(faults)
    assert [fault for fault, begins in zip(listed, faults, strict=True) if not fault.startswith(begins)] == []


def test_a_delta_leaves_layers_out() -> None:
    document = json.loads(encode(INDEX)) | {"base": "12.0", "base_identity": f"sha256:{'0' * 64}"}
    del document["files"][blob_path(LAYER)]
    assert decode(json.dumps(document).encode(), "a.iso").base == "12.0"


def test_another_format_is_refused_before_anything_else_is_read() -> None:
    with pytest.raises(UnsupportedFormatError, match="it has bundle format 2"):
        decode(b'{"format": 2, "surprise": 1}', "a.iso")


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_a_text_that_is_no_index_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidIndexError, match=r"bundle\.json: is not"):
        decode(content, "a.iso")
