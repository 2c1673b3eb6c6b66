"""Layers that unpack to more than they may are refused while they are read, in memory that does not grow."""

from __future__ import annotations

import gzip
import io
import tarfile
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator

import pytest

from supervisor.edges.bundle.tar_scan import MOST_ENTRIES
from supervisor.edges.bundle.unpacking import Unpacked, UnpackMeter, metered
from supervisor.values.bundle import ENTRY_BYTES, most_unpacked
from supervisor.values.errors import LayerRefusedError
from tests.unit.bundle.bundle_workshop import sha256, tar

MANY = 1 << 40
Edit = Callable[[tarfile.TarInfo], None]


def archive(*entries: tarfile.TarInfo, format: int = tarfile.PAX_FORMAT, **options: object) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format, **options) as made:  # type: ignore[call-overload]
        for member in entries:
            made.addfile(member, io.BytesIO(bytes(member.size)))
    return buffer.getvalue()


def entry(name: str = "file", kind: bytes = tarfile.REGTYPE, size: int = 0, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.size, member.linkname = kind, size, target
    return member


def measure(layer: bytes, limit: int = MANY, step: int = 1 << 20) -> Unpacked:
    meter = UnpackMeter("layer", limit)
    assert b"".join(metered((layer[at : at + step] for at in range(0, len(layer), step)), meter)) == layer
    return meter.finish()


GOOD = archive(
    entry("etc", tarfile.DIRTYPE),
    entry("etc/hosts", size=1000),
    entry("etc/" + "long" * 100, size=5),
    entry("lib", tarfile.SYMTYPE, target="/usr/lib"),
    entry("etc/twin", tarfile.LNKTYPE, target="etc/hosts"),
)


@pytest.mark.parametrize("step", [1, 511, 512, 4096, 1 << 20])
@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_a_layer_is_measured_however_it_is_cut(step: int, format: int) -> None:
    plain = archive(entry("a" * 300, size=700), entry("b", tarfile.SYMTYPE, target="c" * 200), format=format)
    expected = Unpacked(len(plain) + 2 * ENTRY_BYTES, f"sha256:{sha256(plain)}")  # type: ignore[arg-type]
    for layer in (plain, gzip.compress(plain), gzip.compress(plain[:700]) + gzip.compress(plain[700:])):
        assert measure(layer, step=step) == expected


def test_the_room_is_never_less_than_what_files_take_in_blocks() -> None:
    plain = archive(*(entry(f"f{number}", size=number * 37) for number in range(300)), entry("d", tarfile.DIRTYPE))
    blocks = sum(-(-number * 37 // 4096) * 4096 for number in range(300)) + 4096
    assert blocks <= measure(plain).size <= blocks + len(plain)


def bomb(size: int) -> Iterator[bytes]:
    """Yield a gzip file of zeros, after the header of a file that is as large."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    yield packer.compress(entry("zeros", size=size).tobuf(tarfile.GNU_FORMAT))
    for _ in range(size >> 20):
        if piece := packer.compress(bytes(1 << 20)):
            yield piece
    yield packer.compress(bytes(1024)) + packer.flush()


def test_a_bomb_ends_at_its_limit_in_little_memory() -> None:
    packed = b"".join(bomb(1 << 30))
    assert len(packed) < 2 << 20
    limit = 64 << 20
    meter = UnpackMeter("layer", limit)
    tracemalloc.start()
    begun = time.monotonic()
    with pytest.raises(LayerRefusedError, match="cannot accept layer: it unpacks to more than 67108864 bytes"):
        for _ in metered([packed], meter):
            pass
    assert time.monotonic() - begun < 5
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_no_statement_allows_more_than_a_hundredfold() -> None:
    packed = b"".join(bomb(512 << 20))
    with pytest.raises(LayerRefusedError, match="unpacks to more than"):
        measure(packed, most_unpacked(len(packed)))


def test_zeros_after_the_end_count_too() -> None:
    layer = gzip.compress(tar(b"x") + bytes(1 << 20))
    assert measure(layer).size > 1 << 20
    with pytest.raises(LayerRefusedError, match="unpacks to more"):
        measure(layer, 100_000)


def test_many_empty_files_count_too() -> None:
    layer = archive(*(entry(f"{number}") for number in range(100)))
    with pytest.raises(LayerRefusedError, match="unpacks to more"):
        measure(layer, 100 * ENTRY_BYTES)


def pax(**headers: str) -> bytes:
    member = entry(size=3)
    member.pax_headers = dict(headers)
    return archive(member)


def bent(place: int, value: bytes, plain: bytes = GOOD) -> bytes:
    """Return an archive whose first header has other bytes, and the checksum that belongs to them."""
    block = bytearray(plain[:512])
    block[place : place + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + plain[512:]


def pax_header(kind: str) -> bytes:
    """Return an extension with a comment, for the next entry (x) or all (g)."""
    return bent(156, kind.encode(), archive(entry(size=13)))[:512] + b"13 comment=a\n".ljust(512, b"\0")


LONG_NAME = archive(entry("n" * 200), format=tarfile.GNU_FORMAT)[:1024]


def extended(*extensions: bytes) -> bytes:
    return b"".join(extensions) + GOOD


WRONG = {
    "no archive": (b"hello world" * 100, "checksum"),
    "empty": (b"", "ends in the middle"),
    "an empty gzip file": (gzip.compress(b""), "ends in the middle"),
    "a gzip file cut short": (gzip.compress(GOOD)[:-3], "ends in the middle"),
    "an archive cut short": (gzip.compress(GOOD[:-2048].rstrip(b"\0")), "ends in the middle"),
    "rubbish after the gzip file": (gzip.compress(GOOD) + b"rubbish", "cannot be unpacked"),
    "rubbish after the end": (gzip.compress(GOOD + b"x"), "content after its end"),
    "a second archive": (gzip.compress(GOOD + GOOD), "content after its end"),
    "a damaged gzip file": (gzip.compress(GOOD)[:40] + bytes(40) + gzip.compress(GOOD)[80:], "cannot be unpacked"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(100), "compressed with zstd"),
    "xz": (b"\xfd7zXZ\0" + bytes(100), "compressed with xz"),
    "bzip2": (b"BZh9" + bytes(100), "compressed with bzip2"),
    "a way out": (archive(entry("a/../../etc/passwd")), "leads elsewhere"),
    "an absolute name": (archive(entry("/etc/passwd")), "leads elsewhere"),
    "a way out in a long name": (archive(entry("../" + "x" * 300)), "leads elsewhere"),
    "a hard link out": (archive(entry("a", tarfile.LNKTYPE, target="../b")), "which leads elsewhere"),
    "a device": (archive(entry("sda", tarfile.BLKTYPE)), "neither a file"),
    "a terminal": (archive(entry("tty", tarfile.CHRTYPE)), "neither a file"),
    "a queue": (archive(entry("fifo", tarfile.FIFOTYPE)), "neither a file"),
    "a sparse file": (archive(entry("s", tarfile.GNUTYPE_SPARSE)), "neither a file"),
    "a sparse file of pax": (pax(**{"GNU.sparse.realsize": "1000000000000"}), "sparse"),
    "a size that is no number": (pax(size="0x10"), "size that is no number"),
    "a size below zero": (bent(124, b"\xff" * 12), "out of bounds"),
    "a size beyond everything": (bent(124, b"\x80" + b"\xff" * 11), "out of bounds"),
    "a size in words": (bent(124, b"many        "), "no number"),
    "a folder with content": (bent(124, b"00000001000\0"), "has content"),
    "a file like a folder": (bent(156, b"\0", archive(entry("etc/", size=3))), "for some readers"),
    "an extension without end": (bent(156, b"L", bent(124, b"77777777777\0")), "extension of"),
    "a name of all entries": (archive(entry(), pax_headers={"path": "x"}), "global header"),
    "a name and no entry": (
        archive(entry("n" * 200), format=tarfile.GNU_FORMAT)[:1024] + bytes(1024),
        "after the name",
    ),
    "two extensions of an entry": (extended(pax_header("x"), pax_header("x")), "after an extension"),
    "one for all in between": (extended(pax_header("x"), pax_header("g")), "after an extension"),
    "two long names": (extended(LONG_NAME, LONG_NAME), "after an extension"),
    "another form": (bent(257, b"ustar\x0001"), "neither ustar nor GNU"),
    "another form at its end": (bent(508, b"tar\0"), "neither ustar nor GNU"),
    "an old form with a prefix": (bent(257, bytes(8), bent(345, b"usr")), "a name for some readers"),
    "a GNU form with a prefix": (bent(345, b"usr", bent(257, b"ustar  \0")), "a name for some readers"),
    "a wrong checksum": (GOOD[:148] + b"000000\0 " + GOOD[156:], "checksum"),
}


@pytest.mark.parametrize(("layer", "reason"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("step", [100, 1 << 20])
def test_what_engines_could_read_in_two_ways_is_refused(layer: bytes, reason: str, step: int) -> None:
    with pytest.raises(LayerRefusedError, match=reason):
        measure(layer, step=step)


def test_more_entries_than_any_image_has_are_refused() -> None:
    block = entry("x").tobuf(tarfile.GNU_FORMAT)
    with pytest.raises(LayerRefusedError, match="more than 200000 entries"):
        measure(block * (MOST_ENTRIES + 1) + bytes(1024))


def test_empty_gzip_members_without_end_are_refused() -> None:
    with pytest.raises(LayerRefusedError, match="more than 100000 gzip members"):
        measure(gzip.compress(b"") * 100_002)
