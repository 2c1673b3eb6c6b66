"""Delta bundles: what they have as differences, where the rest comes from, and that nothing of it is believed."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from supervisor.decisions.release_identity import identity_of_index, identity_of_release
from supervisor.edges.bundle import differences, keys
from supervisor.edges.bundle.engine_layers import EngineLayers
from supervisor.edges.bundle.index import decode, encode
from supervisor.edges.bundle.medium import Medium
from supervisor.edges.bundle.reader import Bundle
from supervisor.edges.trust.judging import PlainFolder
from supervisor.edges.trust.papers import Papers
from supervisor.surface.assembly import TrustedMedia
from supervisor.values.bundle import BundleFile, BundleIndex, blob_path
from supervisor.values.errors import BundleError, DigestMismatchError, MissingBaseError
from supervisor.values.names import Digest
from supervisor.values.release import Release, Version
from supervisor.values.trust import Judgement
from tests.unit.bundle.bundle_workshop import Sources, Workshop, sha256, tar

PROGRAM = random.Random(1).randbytes(200_000)
PATCHED = PROGRAM[:90_000] + b"fixed" + PROGRAM[90_000:]


@pytest.fixture
def delta(workshop: Workshop) -> Path:
    """Return the delta from release 1.0, whose layers cannot be compressed, to 1.1, where one program is patched."""
    workshop.write_image("alpha", ({"lib": PROGRAM}, {"alpha": b"a"}))
    workshop.write_image("beta", ({"lib": PROGRAM}, {"beta": b"b"}))
    base = workshop.build()
    workshop.write_image("alpha", ({"lib": PATCHED}, {"alpha": b"a"}))
    workshop.write_image("beta", ({"lib": PATCHED}, {"beta": b"b"}))
    with Bundle.open(base, workshop.trusted) as opened:
        return workshop.build("1.1", "delta.iso", base=opened)


def base_index(workshop: Workshop) -> BundleIndex:
    with Bundle.open(workshop.folder / "good.iso", workshop.trusted) as base:
        return base.index


def saved(*layers: bytes, names: Callable[[int], str] = lambda number: f"{number}.tar") -> bytes:
    """Return an image as an engine saves it: its layers unpacked, under names that nobody relies on."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for number, layer in enumerate((*layers, b'{"no": "layer"}')):
            member = tarfile.TarInfo(names(number))
            member.size = len(layer)
            archive.addfile(member, io.BytesIO(layer))
    return written.getvalue()


def in_engine(workshop: Workshop, library: bytes = PROGRAM) -> Sources:
    return Sources(
        {},
        {"1.0": identity_of_index(base_index(workshop))},
        {
            ("1.0", "alpha"): saved(tar({"lib": library}), tar({"alpha": b"a"})),
            ("1.0", "beta"): saved(tar({"lib": library}), tar({"beta": b"b"})),
        },
    )


def archived(bundle: Bundle, service: str) -> list[bytes]:
    """Return the layers of the archive that an engine would load, unpacked, in order."""
    with tarfile.open(fileobj=io.BytesIO(b"".join(bundle.image_stream(service)))) as archive:
        listing = json.loads(archive.extractfile("manifest.json").read())  # type: ignore[union-attr]
        layers = [archive.extractfile(name).read() for name in listing[0]["Layers"]]  # type: ignore[union-attr]
        return [gzip.decompress(layer) if layer.startswith(b"\x1f\x8b") else layer for layer in layers]


def test_a_patched_layer_is_a_small_difference_that_images_share(workshop: Workshop, delta: Path) -> None:
    with Medium(delta) as medium:
        index = decode(medium.read("bundle.json"), "delta.iso")
    (patch,) = index.patches
    assert index.file(blob_path(patch.patch)).size < 2000  # type: ignore[union-attr]
    assert patch.layer == f"sha256:{sha256(tar({'lib': PATCHED}))}"
    assert delta.stat().st_size < 0.5 * (workshop.folder / "good.iso").stat().st_size


def test_the_base_may_be_a_medium_or_the_engine(workshop: Workshop, delta: Path) -> None:
    media = TrustedMedia(workshop.trusted, workshop.folder)
    on_medium = Sources({"1.0": str(workshop.folder / "good.iso")})
    before = len(list(Path("/proc/self/fd").iterdir()))
    for bases in (on_medium, in_engine(workshop)):
        bundle = media.open(str(delta), bases)
        bundle.verify_all()
        assert isinstance(bundle, Bundle)
        assert archived(bundle, "alpha") == [tar({"lib": PATCHED}), tar({"alpha": b"a"})]
        assert archived(bundle, "beta") == [tar({"lib": PATCHED}), tar({"beta": b"b"})]
        bundle.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_layer_that_another_image_in_the_engine_has_is_found_there(workshop: Workshop, delta: Path) -> None:
    """A service may be new in the delta, or have no layer of its own: what it shares is not built again."""
    whole = in_engine(workshop)
    without = {**whole.images, ("1.0", "beta"): saved(tar({"beta": b"b"}))}
    bundle = TrustedMedia(workshop.trusted, workshop.folder).open(str(delta), replace(whole, images=without))
    assert isinstance(bundle, Bundle)
    assert archived(bundle, "beta") == [tar({"lib": PATCHED}), tar({"beta": b"b"})]
    bundle.close()


def test_a_delta_may_be_the_base_of_another(workshop: Workshop, delta: Path) -> None:
    with (
        Bundle.open(workshop.folder / "good.iso", workshop.trusted) as first,
        Bundle.open(delta, workshop.trusted, base=first) as second,
    ):
        workshop.write_image("alpha", ({"lib": PATCHED + b"again"}, {"alpha": b"a"}))
        third = workshop.build("1.2", "third.iso", base=second)
    media = TrustedMedia(workshop.trusted, workshop.folder)
    sources = Sources({"1.0": str(workshop.folder / "good.iso"), "1.1": str(delta), "1.2": str(third)})
    bundle = media.open(str(third), sources)
    bundle.verify_all()
    bundle.close()
    with pytest.raises(MissingBaseError, match=r"cannot use bundle 1\.2: it is a delta to release 1\.1"):
        media.open(str(third), Sources({"1.1": str(third), "1.0": str(third)}))  # round and round


class CountingJudge:
    """Satisfies `judging.Judge`: a folder of keys, and how often it was asked."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.count = PlainFolder(folder), 0

    def judge(self, medium: str, papers: Papers) -> Judgement:
        self.count += 1
        return self._folder.judge(medium, papers)


@dataclass(frozen=True)
class Attached(Sources):
    """Media that may hold anything, as on a router that loads lost images again."""

    def media(self, release: str) -> Sequence[str]:
        return tuple(self.paths.values())


def test_deltas_to_a_base_that_none_of_them_is_are_opened_a_few_times_each(workshop: Workshop, delta: Path) -> None:
    """One delta is not looked for the base of another, which would look for that in all the others."""
    with Bundle.open(workshop.folder / "good.iso", workshop.trusted) as base:
        paths = {str(number): str(workshop.build(f"1.{number}", f"{number}.iso", base=base)) for number in range(1, 6)}
    judge = CountingJudge(workshop.trusted)
    with pytest.raises(MissingBaseError):
        TrustedMedia(judge, workshop.folder).open(paths["1"], Attached(paths))
    assert judge.count <= len(paths)


def test_a_base_that_is_missing_or_another_one_is_named(workshop: Workshop, delta: Path) -> None:
    media = TrustedMedia(workshop.trusted, workshop.folder)
    wanted = identity_of_index(base_index(workshop))
    with pytest.raises(MissingBaseError, match=rf"release 1\.0 \({wanted}\), which is not at hand; import it first"):
        media.open(str(delta), Sources({}))
    other = Digest(f"sha256:{'0' * 64}")
    with pytest.raises(MissingBaseError, match=rf"\({wanted}\), and the one of that name here is {other}"):
        media.open(str(delta), Sources({}, {"1.0": other}))
    workshop.write_image("beta", ({"lib": b"another"},))
    again = workshop.build("1.0", "again.iso")
    with pytest.raises(MissingBaseError, match="which is not at hand"):
        media.open(str(delta), Sources({"1.0": str(again)}))
    with (
        Bundle.open(again, workshop.trusted) as base,
        pytest.raises(MissingBaseError, match="and the one of that name here is sha256:"),
    ):
        Bundle.open(delta, workshop.trusted, base=base)


def test_what_the_engine_has_in_place_of_the_base_is_refused(workshop: Workshop, delta: Path) -> None:
    media = TrustedMedia(workshop.trusted, workshop.folder)
    for bases in (in_engine(workshop, PROGRAM[1:]), replace(in_engine(workshop), images={})):
        bundle = media.open(str(delta), bases)
        with pytest.raises(BundleError, match="the engine has no image of the base with it"):
            bundle.verify_all()
        bundle.close()
    bundle = media.open(str(delta), replace(in_engine(workshop), images={("1.0", "alpha"): b"no tar" * 500}))
    with pytest.raises(BundleError, match="cannot read the image of alpha in the engine"):
        bundle.verify_all()
    bundle.close()


@pytest.mark.parametrize(
    ("content", "size", "error", "message"),
    [
        pytest.param(PATCHED, 0, None, "", id="good"),
        pytest.param(PATCHED[:-1] + b"!", 0, DigestMismatchError, "cannot accept layer", id="another layer"),
        pytest.param(PATCHED, -1, BundleError, "it gives more than the", id="more than said"),
        pytest.param(PATCHED, 1, BundleError, "bytes, the index says", id="less than said"),
        pytest.param(None, 0, BundleError, "cannot unpack oci/blobs", id="no difference"),
    ],
)
def test_a_difference_is_judged_by_what_it_gives(
    workshop: Workshop, delta: Path, content: bytes | None, size: int, error: type[BundleError] | None, message: str
) -> None:
    """The index is signed: whoever has the key may still err."""
    with Medium(delta) as medium:
        files = {name: medium.read(name) for name in medium.files()}
    index = decode(files["bundle.json"], "delta.iso")
    (patch,) = index.patches
    made = differences.make(tar({"lib": PROGRAM}), tar({"lib": content})) if content else b"no difference"
    name = Digest(f"sha256:{sha256(made)}")
    listed = [file for file in index.files if file.path != blob_path(patch.patch)]
    listed.append(BundleFile(blob_path(name), sha256(made), len(made)))
    patches = (replace(patch, patch=name, size=patch.size + size),)
    forged = encode(replace(index, patches=patches, files=tuple(listed)))
    changes = {blob_path(patch.patch): None, blob_path(name): made} if name != patch.patch else {}
    path = workshop.variant_of(
        delta, {**changes, "bundle.json": forged, "bundle.json.sig": keys.sign(forged, workshop.key)}
    )
    with (
        Bundle.open(workshop.folder / "good.iso", workshop.trusted) as base,
        Bundle.open(path, workshop.trusted, base=base) as bundle,
    ):
        if error is None:
            bundle.verify_all()
        else:
            with pytest.raises(error, match=message):
                bundle.verify_all()


def test_a_layer_of_the_engine_leaves_no_file_behind(tmp_path: Path) -> None:
    layer = tar({"a": b"x" * 5000})
    source = EngineLayers({"web": [saved(layer)]}.get, tmp_path)
    digest = Digest(f"sha256:{sha256(layer)}")
    kept = source.layer("web", digest)
    assert (kept.size, b"".join(kept.chunks()), b"".join(kept.chunks())) == (len(layer), layer, layer)
    with pytest.raises(BundleError, match="cannot find layer sha256:0 of web"):
        source.layer("web", Digest("sha256:0"))
    assert list(tmp_path.iterdir()) == []
    source.close()
    source.close()


def test_a_release_is_the_same_before_and_after_its_import(workshop: Workshop) -> None:
    workshop.build()
    index = base_index(workshop)
    services = tuple(
        (service.name, Version("1.0", service.version, service.image, service.definition)) for service in index.services
    )
    release = Release(index.release, index.created, "/media/a.iso", 7.0, services)
    assert identity_of_release(release) == identity_of_index(index)
    assert identity_of_release(replace(release, created="2020-01-01T00:00:00Z")) != identity_of_index(index)
    assert identity_of_release(replace(release, services=services[1:])) != identity_of_index(index)
