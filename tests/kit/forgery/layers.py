"""Mutations of layers that are signed with all that belongs to them, so that only reading the layer can show it.

What is wrong with them concerns our own reader. No engine ever gets one: the trial checks it.
"""

from __future__ import annotations

import gzip
import io
import random
import tarfile
import zlib
from collections.abc import Callable
from functools import partial

from supervisor.values.bundle import ENTRY_BYTES
from tests.kit.forgery.draft import ALPHA, Draft, packed, room
from tests.kit.forgery.mutations import Expected, Kind

REFUSED, ACCEPTED = Expected.REFUSED, Expected.ACCEPTED
MIB = 1 << 20


def archive(*entries: tarfile.TarInfo, pax: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers=pax) as made:
        for entry in entries:
            made.addfile(entry, io.BytesIO(bytes(entry.size)))
    return buffer.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.size, member.linkname = kind, size, target
    return member


def layer(draft: Draft, chance: random.Random, make: Callable[[random.Random], bytes]) -> bytes:
    """Make the topmost layer of an image that archive; everything else speaks of it as of a good one."""
    plain = make(chance)
    draft.set_layer(ALPHA, packed(plain), plain, len(plain) + ENTRY_BYTES)
    return draft.iso()


def blob(draft: Draft, chance: random.Random, make: Callable[[bytes, random.Random], bytes]) -> bytes:
    """Make the blob of the topmost layer something else than what was compressed."""
    plain = draft.plain[ALPHA][-1]
    draft.set_layer(ALPHA, make(packed(plain), chance), plain, len(plain) + ENTRY_BYTES)
    return draft.iso()


def bomb(draft: Draft, chance: random.Random, *, says: int | None, tail: bool = False) -> bytes:
    """A layer of zeros that unpacks to some hundred MiB; `says` is what the index says of it, None: nothing."""
    size = chance.choice([64, 128, 300]) * MIB
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    head = archive(entry("small", size=1)) if tail else entry("zeros", size=size).tobuf(tarfile.GNU_FORMAT)
    pieces = [packer.compress(head), *(packer.compress(bytes(MIB)) for _ in range(size // MIB)), packer.flush()]
    draft.set_layer(ALPHA, b"".join(pieces), b"", says)
    return draft.iso()


def false_diff(draft: Draft, chance: random.Random) -> bytes:
    """Let the configuration name other layers than those that the blobs unpack to."""
    digests = draft.document(ALPHA, "image")["rootfs"]["diff_ids"]
    change = chance.choice(
        [
            digests[::-1],
            digests[:1],
            [*digests, digests[0]],
            [f"sha256:{chance.randbytes(32).hex()}"] * 2,
            [],
            None,
            "x",
        ]
    )
    draft.change_config(ALPHA, lambda config: config["rootfs"].update(diff_ids=change))
    return draft.iso()


def good(draft: Draft, chance: random.Random) -> bytes:
    """Another good layer: more files, not compressed, or in several gzip members."""
    plain = archive(*(entry(f"f{number}", size=chance.randrange(5000)) for number in range(chance.randrange(1, 20))))
    half = len(plain) // 2
    made = chance.choice([packed(plain), plain, packed(plain[:half]) + packed(plain[half:])])
    draft.set_layer(ALPHA, made, plain, chance.choice([room(made), None]))
    return draft.iso()


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(1, len(content))]


def _damaged(content: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(12, len(content) - 9)  # not in the header, whose time and system mean nothing
    return content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :]


def _header(chance: random.Random, place: int, value: bytes) -> bytes:
    """An archive of one file whose header has another field, and the checksum that belongs to it."""
    plain = bytearray(archive(entry("file", size=600)))
    plain[place : place + len(value)] = value
    plain[148:156] = b" " * 8
    plain[148:156] = b"%06o\0 " % sum(plain[:512])
    return bytes(plain)


def _pax(**headers: str) -> bytes:
    member = entry("file", size=3)
    member.pax_headers = headers
    return archive(member)


ARCHIVES: dict[str, Callable[[random.Random], bytes]] = {
    "a way out": lambda chance: archive(entry(chance.choice(["../x", "a/../../x", "a/..", ".."]))),
    "an absolute name": lambda chance: archive(entry("/etc/passwd", size=chance.randrange(100))),
    "a long way out": lambda chance: archive(entry("../" * 60 + "x")),
    "a hard link out": lambda chance: archive(entry("a", tarfile.LNKTYPE, target=chance.choice(["../b", "/b"]))),
    "a device": lambda chance: archive(entry("d", chance.choice([tarfile.BLKTYPE, tarfile.CHRTYPE]))),
    "a queue": lambda chance: archive(entry("q", tarfile.FIFOTYPE)),
    "an unknown type": lambda chance: _header(chance, 156, bytes([chance.choice(b"89ABCZ!")])),
    "a sparse file": lambda chance: archive(entry("s", tarfile.GNUTYPE_SPARSE)),
    "a sparse file of pax": lambda chance: _pax(**{"GNU.sparse.major": "1", "GNU.sparse.realsize": "1" + "0" * 12}),
    "a size in words": lambda chance: _header(chance, 124, b"many        "),
    "a size below zero": lambda chance: _header(chance, 124, b"\xff" * 12),
    "a size beyond the end": lambda chance: _header(chance, 124, b"%011o\0" % (1 << chance.randrange(20, 32))),
    "a size in pax that is none": lambda chance: _pax(size=chance.choice(["-1", "0x9", "1e9", "", " 3"])),
    "a folder with content": lambda chance: _header(chance, 156, b"5"),
    "a link with content": lambda chance: _header(chance, 156, chance.choice([b"1", b"2"])),
    "a checksum that is wrong": lambda chance: archive(entry("f"))[:148] + b"000001\0 " + archive(entry("f"))[156:],
    "a name for all": lambda chance: archive(entry("f"), pax={chance.choice(["path", "size"]): "1"}),
    "no end": lambda chance: entry("f").tobuf(tarfile.GNU_FORMAT),
    "an end in a file": lambda chance: archive(entry("f", size=5000))[: 512 + chance.randrange(4000)],
    "content after the end": lambda chance: archive(entry("f")) + chance.randbytes(chance.randrange(1, 2000)) + b"x",
    "two archives": lambda chance: archive(entry("f")) + archive(entry("g")),
    "no archive": lambda chance: b"x" + chance.randbytes(chance.randrange(1, 5000)),
    "nothing": lambda chance: b"",
}
BLOBS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut short": _cut,
    "damaged": _damaged,
    "with something after it": lambda content, chance: content + b"x" + chance.randbytes(chance.randrange(100)),
    "compressed with zstd": lambda content, chance: b"\x28\xb5\x2f\xfd" + content,
    "compressed with xz": lambda content, chance: b"\xfd7zXZ\0" + content,
    "compressed twice": lambda content, chance: gzip.compress(content, mtime=0),
    "of many empty members": lambda content, chance: gzip.compress(b"", mtime=0) * 100_002 + content,
    "empty": lambda content, chance: b"",
}

KINDS = (
    *(Kind(name, partial(layer, make=make), REFUSED) for name, make in ARCHIVES.items()),
    *(Kind(f"a blob {name}", partial(blob, make=make), REFUSED) for name, make in BLOBS.items()),
    Kind("a bomb that says it is small", partial(bomb, says=5000), REFUSED, 2),
    Kind("a bomb that says nothing", partial(bomb, says=None), REFUSED, 2),
    Kind("a bomb that says all", partial(bomb, says=300 * MIB), REFUSED),
    Kind("zeros after the end", partial(bomb, says=20_000, tail=True), REFUSED, 2),
    Kind("other layers in the configuration", false_diff, REFUSED, 3),
    Kind("another good one", good, ACCEPTED, 4),
)
