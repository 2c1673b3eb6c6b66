"""Real ISOs, good and bad: what is right can be taken out, what is wrong is refused and named."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from supervisor.edges.bundle import directory_reader, keys
from supervisor.edges.bundle.medium import CHUNK, Medium
from supervisor.edges.bundle.reader import Bundle
from supervisor.surface.assembly import TrustedMedia
from supervisor.values.bundle import VOLUME_ID
from supervisor.values.errors import (
    BundleError,
    DigestMismatchError,
    InvalidIndexError,
    LayerRefusedError,
    MissingBaseError,
    MissingFileError,
    NotABundleError,
    OtherArchitectureError,
    SupervisorTooOldError,
    TruncatedBundleError,
    UnknownServiceError,
    UnlistedFileError,
    UnsignedBundleError,
    UnsupportedFormatError,
    UntrustedBundleError,
)
from tests.kit.forgery import iso
from tests.unit.bundle.bundle_workshop import MANIFEST, Sources, Workshop, sha256

pytestmark = pytest.mark.programs  # xorriso writes the bundles

OTHER = "riscv64"


def test_a_good_bundle_verifies_and_says_who_signed_it(workshop: Workshop) -> None:
    seen: list[tuple[int, int]] = []
    with Bundle.open(workshop.build(), workshop.trusted) as bundle:
        bundle.verify_all(lambda done, total: seen.append((done, total)))
        assert bundle.signer == "lab.pub"
        assert [service.name for service in bundle.index.services] == ["alpha", "beta"]
    assert seen[-1][0] == seen[-1][1] > 0


def test_openssl_agrees_with_the_signature(workshop: Workshop) -> None:
    with Medium(workshop.build()) as medium:
        for name in ("bundle.json", "bundle.json.sig"):
            (workshop.folder / name).write_bytes(medium.read(name))
    command = "openssl pkeyutl -verify -pubin -inkey trusted/lab.pub -rawin -in bundle.json -sigfile bundle.json.sig"
    subprocess.run(command.split(), cwd=workshop.folder, check=True, capture_output=True)


def test_an_image_streams_as_a_docker_archive_with_the_blobs_as_they_are(workshop: Workshop) -> None:
    with Bundle.open(workshop.build(), workshop.trusted) as bundle:
        service = bundle.index.service("beta")
        assert service is not None
        stream = io.BytesIO(b"".join(bundle.image_stream("beta")))
    with tarfile.open(fileobj=stream) as archive:
        content = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    (entry,) = json.loads(content.pop("manifest.json"))
    assert entry["Config"] == f"blobs/sha256/{service.image[7:]}"
    assert entry["Layers"] == [f"blobs/sha256/{layer[7:]}" for layer in service.layers]
    assert {name: sha256(data) for name, data in content.items()} == {name: name.split("/")[-1] for name in content}


def test_shared_blobs_are_stored_once(workshop: Workshop) -> None:
    with Bundle.open(workshop.build(), workshop.trusted) as bundle:
        alpha, beta = bundle.index.services
        assert alpha.layers[0] == beta.layers[0]
        blobs = [file for file in bundle.index.files if file.path.startswith("oci/blobs/")]
    assert len(blobs) == 7  # one shared layer, two own layers, two configs, two manifests


def test_a_definition_leaves_golden_files_and_readme_at_home(workshop: Workshop) -> None:
    with Bundle.open(workshop.build(), workshop.trusted) as bundle:
        found = bundle.definition("alpha")
        with pytest.raises(UnknownServiceError, match="known services are alpha, beta"):
            bundle.definition("gamma")
    manifest = MANIFEST.format(name="alpha").encode()
    assert found == {"manifest.yaml": manifest, "templates/daemon.conf.j2": b"# alpha\n"}


def test_any_trusted_key_will_do(workshop: Workshop) -> None:
    keys.generate(workshop.folder / "other.key", workshop.trusted / "another.pub")
    (workshop.trusted / "broken.pub").write_text("not a key")
    with Bundle.open(workshop.build(), workshop.trusted) as bundle:
        assert bundle.signer == "lab.pub"


@pytest.mark.parametrize("content", [b"", b"hello", bytes(100_000), b"PK\3\4" + bytes(40_000)])
def test_what_is_no_iso_is_refused(workshop: Workshop, content: bytes) -> None:
    path = workshop.folder / "strange.iso"
    path.write_bytes(content)
    with pytest.raises(NotABundleError, match="not an ISO 9660 medium"):
        Bundle.open(path, workshop.trusted)


def test_what_would_be_waited_for_is_refused(workshop: Workshop) -> None:
    pipe = workshop.folder / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/null")):
        with pytest.raises(NotABundleError, match="it is neither a file nor a block device"):
            Bundle.open(path, workshop.trusted)


def test_a_missing_file_and_a_folder_are_refused(workshop: Workshop) -> None:
    with pytest.raises(NotABundleError, match="No such file"):
        Bundle.open(workshop.folder / "absent.iso", workshop.trusted)
    with pytest.raises(BundleError):
        Bundle.open(workshop.folder, workshop.trusted)


@pytest.mark.parametrize("part", [0.0, 0.05, 0.2, 0.5, 0.9, 0.99999])
def test_a_truncated_bundle_is_refused(workshop: Workshop, part: float) -> None:
    path = workshop.build()
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises((TruncatedBundleError, NotABundleError)):
        Bundle.open(path, workshop.trusted)


@pytest.mark.parametrize("sectors", [16, 16.5, 17, 18, 19, 25])
def test_a_bundle_that_ends_among_its_descriptors_is_refused(workshop: Workshop, sectors: float) -> None:
    path = workshop.build()
    path.write_bytes(path.read_bytes()[: int(sectors * 2048)])
    with pytest.raises((TruncatedBundleError, NotABundleError)):
        Bundle.open(path, workshop.trusted)


def test_a_medium_pulled_after_opening_ends_in_an_error_not_in_a_short_image(workshop: Workshop) -> None:
    workshop.write_image("alpha", (random.Random(1).randbytes(3 * CHUNK),))
    path = workshop.build()
    with Bundle.open(path, workshop.trusted) as bundle:
        stream = bundle.image_stream("alpha")
        next(stream)
        with path.open("r+b") as handle:
            handle.truncate(path.stat().st_size // 2)
        with pytest.raises(TruncatedBundleError):
            list(stream)
        with pytest.raises(TruncatedBundleError):
            bundle.verify_all()


def test_another_volume_id_is_refused(workshop: Workshop) -> None:
    with pytest.raises(NotABundleError, match="its volume id is 'OTHER', not 'VR_SERVICES'"):
        Bundle.open(workshop.variant({}, volume="OTHER"), workshop.trusted)


def test_a_bundle_without_index_is_refused(workshop: Workshop) -> None:
    with pytest.raises(NotABundleError, match=r"carries no bundle\.json"):
        Bundle.open(workshop.variant({"bundle.json": None}), workshop.trusted)


@pytest.mark.parametrize("signature", [None, b"", b"short", bytes(65)])
def test_a_bundle_without_usable_signature_is_refused(workshop: Workshop, signature: bytes | None) -> None:
    with pytest.raises(UnsignedBundleError, match="cannot trust"):
        Bundle.open(workshop.variant({"bundle.json.sig": signature}), workshop.trusted)


def test_a_bundle_signed_with_another_key_is_refused(workshop: Workshop) -> None:
    path = workshop.build()
    keys.generate(workshop.folder / "other.key", workshop.folder / "elsewhere" / "other.pub")
    with pytest.raises(UntrustedBundleError, match=r"tried other\.pub"):
        Bundle.open(path, workshop.folder / "elsewhere")
    (workshop.folder / "empty").mkdir()
    with pytest.raises(UntrustedBundleError, match="no trusted key is installed"):
        Bundle.open(path, workshop.folder / "empty")


def test_one_flipped_byte_in_any_file_is_noticed_and_named(workshop: Workshop) -> None:
    path = workshop.build()
    good = path.read_bytes()
    with Medium(path) as medium:
        content = {name: medium.read(name) for name in medium.files()}
    for name, data in content.items():
        place = good.index(data) + len(data) // 2
        path.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        if name.startswith("bundle.json"):
            with pytest.raises(UntrustedBundleError):
                Bundle.open(path, workshop.trusted)
        else:
            with Bundle.open(path, workshop.trusted) as bundle, pytest.raises(DigestMismatchError) as caught:
                bundle.verify_all()
            assert caught.value.name == name


def test_a_flipped_byte_never_reaches_an_engine_as_a_complete_image(workshop: Workshop) -> None:
    path = workshop.build()
    with Bundle.open(path, workshop.trusted) as bundle:
        service = bundle.index.services[0]
        whole = len(b"".join(bundle.image_stream("alpha")))
    blob = (workshop.images / "oci/blobs/sha256" / service.layers[1][7:]).read_bytes()
    good = path.read_bytes()
    place = good.index(blob) + 5
    path.write_bytes(good[:place] + bytes([good[place] ^ 0x80]) + good[place + 1 :])
    received = 0
    with Bundle.open(path, workshop.trusted) as bundle:
        stream = bundle.image_stream("alpha")
        try:
            for chunk in stream:
                received += len(chunk)
        except DigestMismatchError as error:
            named = error.expected
    assert named == service.layers[1]
    assert received < whole


def test_damaged_directories_are_an_error_of_ours_or_harmless(workshop: Workshop) -> None:
    path = workshop.build()
    good = path.read_bytes()
    chance = random.Random(7)
    refused = 0
    for number in range(300):
        place = chance.randrange(16 * 2048, 40 * 2048)
        damaged = good[:place] + chance.randbytes(1) + good[place + 1 :]
        try:
            directory_reader.places(io.BytesIO(damaged))
        except ValueError:
            refused += 1
        if number % 20:
            continue
        path.write_bytes(damaged)
        with contextlib.suppress(BundleError), Bundle.open(path, workshop.trusted) as bundle:
            bundle.verify_all()
    assert refused


def test_directories_that_cannot_be_read_say_why(workshop: Workshop) -> None:
    path = workshop.build()
    good = path.read_bytes()
    root = int.from_bytes(good[16 * 2048 + 158 : 16 * 2048 + 162], "little") * 2048
    path.write_bytes(good[:root] + bytes([5]) + good[root + 1 :])
    with pytest.raises(NotABundleError, match=r"its directories are damaged \(.+\)$"):
        Bundle.open(path, workshop.trusted)


def test_an_unlisted_file_and_a_missing_one_are_refused(workshop: Workshop) -> None:
    with pytest.raises(UnlistedFileError, match="services/alpha/extra"):
        Bundle.open(workshop.variant({"services/alpha/extra": b"x"}), workshop.trusted)
    (workshop.folder / "variant/services/alpha/extra").unlink()
    with pytest.raises(NotABundleError, match="a file is called") as refused:
        Bundle.open(workshop.variant({"services/alpha/\x1b[2J": b"x"}), workshop.trusted)
    assert str(refused.value).isprintable()
    (workshop.folder / "variant/services/alpha/\x1b[2J").unlink()
    (workshop.folder / "variant/services/beta/manifest.yaml").unlink()
    with pytest.raises(MissingFileError, match=r"services/beta/manifest\.yaml"):
        Bundle.open(workshop.variant({"services/beta/manifest.yaml": None}), workshop.trusted)


def test_two_files_with_one_path_are_refused(workshop: Workshop) -> None:
    """Other readers take the first, or the last."""
    path = workshop.variant({"services/alpha/one": b"1", "services/alpha/two": b"2"})
    image = bytearray(path.read_bytes())
    entry = next(entry for entry in iso.records(image) if entry.path == "services/alpha/two")
    place = next(at for kind, at, _ in iso.entries(image, entry) if kind == b"NM")
    image[place + 5 : place + 8] = b"one"
    path.write_bytes(image)
    with pytest.raises(NotABundleError, match="two files have one path"):
        Bundle.open(path, workshop.trusted)


def test_a_link_is_no_file_though_it_is_listed_as_an_empty_one(workshop: Workshop) -> None:
    index = workshop.index()
    index["files"]["services/alpha/link"] = {"sha256": sha256(b""), "size": 0}
    (workshop.folder / "variant/services/alpha").mkdir(parents=True)
    (workshop.folder / "variant/services/alpha/link").symlink_to("manifest.yaml")
    with pytest.raises(NotABundleError, match="neither a file nor a folder"):
        Bundle.open(workshop.variant({}, index=index), workshop.trusted)


def test_the_room_of_images_is_what_stays_and_what_passes(workshop: Workshop) -> None:
    with Bundle.open(workshop.build(), workshop.trusted) as bundle:
        files = {file.path.rpartition("/")[2]: file for file in bundle.index.files}
        alpha, beta = bundle.index.services
        size = {layer: files[layer[7:]].size for service in (alpha, beta) for layer in service.layers}
        room = {layer: files[layer[7:]].unpacked or 0 for layer in size}
        assert bundle.room([]) == 0
        assert bundle.room(["alpha"]) == sum(2 * room[layer] + size[layer] for layer in alpha.layers)
        both = sum(room.values()) + max(sum(room[layer] + size[layer] for layer in s.layers) for s in (alpha, beta))
        assert bundle.room(["alpha", "beta"]) == both


def test_the_room_of_an_older_bundle_is_known_once_it_was_read(workshop: Workshop) -> None:
    with Bundle.open(workshop.build(), workshop.trusted) as bundle:
        stated = bundle.room(["alpha", "beta"])
    index = workshop.index()
    for file in index["files"].values():
        file.pop("unpacked", None)
    with Bundle.open(workshop.variant({}, index=index), workshop.trusted) as bundle:
        assert bundle.room(["alpha", "beta"]) < stated
        bundle.verify_all()
        assert bundle.room(["alpha", "beta"]) == stated


def test_a_layer_that_says_less_than_it_is_ends_in_the_middle_of_the_stream(workshop: Workshop) -> None:
    workshop.write_image("alpha", (random.Random(1).randbytes(3 * CHUNK),))
    index = workshop.index()
    (layer,) = index["services"]["alpha"]["layers"]
    index["files"][f"oci/blobs/{layer.replace(':', '/')}"]["unpacked"] = CHUNK
    with Bundle.open(workshop.variant({}, index=index), workshop.trusted) as bundle:
        received: list[int] = []
        with pytest.raises(LayerRefusedError, match="it unpacks to more than 1048576 bytes"):
            received.extend(len(chunk) for chunk in bundle.image_stream("alpha"))
        assert sum(received) <= 2 * CHUNK
        with pytest.raises(LayerRefusedError):
            bundle.verify_all()


def set_(path: str, value: Any) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        *folders, last = path.split("/") if "//" not in path else path.split("//")
        for folder in folders:
            document = document[folder]
        document[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        pytest.param(set_("format", 2), UnsupportedFormatError, "it has bundle format 2", id="newer format"),
        pytest.param(set_("architecture", OTHER), OtherArchitectureError, f"built for {OTHER}", id="architecture"),
        pytest.param(set_("supervisor", "99.0"), SupervisorTooOldError, "needs supervisor 99.0", id="supervisor"),
        pytest.param(
            set_("base", "0.9"), InvalidIndexError, "base_identity: is missing", id="delta to any such release"
        ),
        pytest.param(set_("surprise", 1), InvalidIndexError, "surprise: is not a known key", id="unknown key"),
        pytest.param(
            set_("release", "../13"),
            InvalidIndexError,
            "release: must be letters, .*, not '../13'",
            id="release is no name",
        ),
        pytest.param(set_("services", {}), InvalidIndexError, "services: must have at least 1 entry", id="no service"),
        pytest.param(
            set_("services/alpha/requires", ["gamma"]),
            InvalidIndexError,
            "gamma is not among",
            id="lacks what it requires",
        ),
        pytest.param(set_("services/alpha/image", "sha256:0"), InvalidIndexError, "services.alpha.image", id="digest"),
        pytest.param(
            set_("services/alpha/image", f"sha256:{0:064}"), InvalidIndexError, "not among the files", id="no such blob"
        ),
        pytest.param(set_("format", "1"), InvalidIndexError, "format: must be 1", id="format is a text"),
    ],
)
def test_an_index_that_does_not_fit_is_refused(
    workshop: Workshop, change: Callable[[Any], None], error: type[BundleError], message: str
) -> None:
    index = workshop.index()
    change(index)
    with pytest.raises(error, match=message.replace("[", r"\[")):
        Bundle.open(workshop.variant({}, index=index), workshop.trusted)


@pytest.mark.parametrize(
    "name", ["../etc/passwd", "/etc/passwd", "oci/../../x", "services//x", "other/x", "oci", "oci/a\\b"]
)
def test_a_name_that_leaves_the_bundle_is_refused(workshop: Workshop, name: str) -> None:
    index = workshop.index()
    index["files"][name] = {"sha256": "0" * 64, "size": 1}
    with pytest.raises(InvalidIndexError, match="must be a plain path below oci or services"):
        Bundle.open(workshop.variant({}, index=index), workshop.trusted)


def test_every_fault_of_an_index_is_listed(workshop: Workshop) -> None:
    index = workshop.index()
    index["created"] = "yesterday"
    index["services"]["alpha"]["layers"] = "none"
    del index["services"]["beta"]["version"]
    with pytest.raises(InvalidIndexError) as caught:
        Bundle.open(workshop.variant({}, index=index), workshop.trusted)
    paths = {fault.path for fault in caught.value.faults}
    assert paths == {"created", "services.alpha.layers", "services.beta.version"}


def test_a_signed_index_that_is_not_json_is_refused(workshop: Workshop) -> None:
    content = b"{"
    changes = {"bundle.json": content, "bundle.json.sig": keys.sign(content, workshop.key)}
    with pytest.raises(InvalidIndexError, match="is not JSON"):
        Bundle.open(workshop.variant(changes), workshop.trusted)


def test_an_image_for_another_machine_is_refused(workshop: Workshop) -> None:
    workshop.write_image("alpha", (b"layer",), architecture=OTHER)
    workshop.write_image("beta", (b"layer",), architecture=OTHER)
    path = workshop.build()
    with pytest.raises(OtherArchitectureError):
        Bundle.open(path, workshop.trusted)
    index = workshop.index() | {"architecture": "amd64"}
    with (
        Bundle.open(workshop.variant({}, index=index), workshop.trusted, architecture="amd64") as bundle,
        pytest.raises(OtherArchitectureError, match="cannot run the image of alpha"),
    ):
        bundle.verify_all()


def test_a_delta_takes_shared_layers_from_its_base(workshop: Workshop) -> None:
    with Bundle.open(workshop.build(), workshop.trusted) as base:
        whole = b"".join(base.image_stream("alpha"))
        delta = workshop.build("1.1", "delta.iso", base=base)
        assert delta.stat().st_size < base.path.stat().st_size
        with pytest.raises(MissingBaseError, match=r"delta to release 1\.0"):
            Bundle.open(delta, workshop.trusted)
        with Bundle.open(delta, workshop.trusted, base=base) as bundle:
            bundle.verify_all()
            assert b"".join(bundle.image_stream("alpha")) == whole


def test_no_handle_is_left_open_by_a_refusal(workshop: Workshop) -> None:
    path = workshop.variant({}, volume="OTHER")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with pytest.raises(NotABundleError):
            Bundle.open(path, workshop.trusted)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_delta_finds_its_base_where_that_was_imported_from(workshop: Workshop) -> None:
    media, sources = TrustedMedia(workshop.trusted, workshop.folder), {"1.0": str(workshop.build())}
    with Bundle.open(Path(sources["1.0"]), workshop.trusted) as base:
        delta = workshop.build("1.1", "delta.iso", base=base)
        whole = b"".join(base.image_stream("alpha"))
    before = len(list(Path("/proc/self/fd").iterdir()))
    bundle = media.open(str(delta), Sources(sources))
    bundle.verify_all()
    assert b"".join(bundle.image_stream("alpha")) == whole
    bundle.close()
    for gone in ({}, {"1.0": "/nowhere/pulled.iso"}):
        with pytest.raises(MissingBaseError, match=r"delta to release 1\.0 \(sha256:\w+\), which is not at hand"):
            media.open(str(delta), Sources(gone))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("flags", [("-J",), ("-J", "-joliet-long"), ("-J", "-hfsplus")], ids=" ".join)
def test_a_bundle_whose_iso_was_made_again_with_other_directories_beside_rock_ridge_is_good(
    workshop: Workshop, flags: tuple[str, ...]
) -> None:
    """pycdlib#133: what is signed is what the files hold, not how somebody burns them."""
    with Medium(workshop.build()) as medium:
        for name in medium.files():
            place = workshop.folder / "tree" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(medium.read(name))
    again = workshop.folder / "again.iso"
    command = ["xorriso", "-as", "mkisofs", "-quiet", "-r", *flags, "-V", VOLUME_ID, "-o", str(again)]
    subprocess.run([*command, str(workshop.folder / "tree")], check=True, capture_output=True)
    with Bundle.open(again, workshop.trusted) as bundle:
        bundle.verify_all()
