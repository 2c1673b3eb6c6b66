"""Mutations of the signature and of what it covers."""

from __future__ import annotations

import json
import random

from supervisor.edges.bundle import keys
from tests.kit.forgery.draft import SIGNATURE, Draft, encoded
from tests.kit.forgery.mutations import Expected, Kind


def _signed(draft: Draft, content: bytes) -> bytes:
    return draft.iso(signature=content)


def _changed(draft: Draft, chance: random.Random) -> bytes:
    """Change the index after it was signed."""
    signature = keys.sign(encoded(draft.index), draft.key)
    draft.index["release"] = chance.choice(["9.9", "1.0.1", "1"])
    return draft.iso(signature=signature)


def _laid_out_anew(draft: Draft, chance: random.Random) -> bytes:
    """Sign an index and ship the same document with other spaces."""
    signature = keys.sign(encoded(draft.index), draft.key)
    return draft.iso(content=json.dumps(draft.index, indent=chance.randrange(2, 9)).encode(), signature=signature)


def _other_key(draft: Draft, chance: random.Random) -> bytes:
    draft.index["release"] = f"1.{chance.randrange(100)}"
    return draft.iso(signature=keys.sign(encoded(draft.index), draft.other_key))


def _another_file(draft: Draft, chance: random.Random) -> bytes:
    """Take a signature that the key made of another file."""
    return _signed(draft, keys.sign(draft.files[chance.choice(sorted(draft.files))], draft.key))


def _absent(draft: Draft, chance: random.Random) -> bytes:
    image = draft.iso()
    place = image.index(SIGNATURE.encode())
    return image[:place] + b"x" + image[place + 1 :]


def _high(draft: Draft, chance: random.Random) -> bytes:
    """Add the order of the group to the second half: another text for the same signature (RFC 8032, 5.1.7)."""
    order = (1 << 252) + 27742317777372353535851937790883648493
    signature = keys.sign(encoded(draft.index), draft.key)
    half = int.from_bytes(signature[32:], "little") + order
    return _signed(draft, signature[:32] + half.to_bytes(32, "little"))


KINDS = (
    Kind("empty", lambda draft, chance: _signed(draft, b""), Expected.REFUSED),
    Kind("short", lambda draft, chance: _signed(draft, chance.randbytes(chance.randrange(1, 64))), Expected.REFUSED),
    Kind("long", lambda draft, chance: _signed(draft, chance.randbytes(chance.randrange(65, 9000))), Expected.REFUSED),
    Kind("zeros", lambda draft, chance: _signed(draft, bytes(64)), Expected.REFUSED),
    Kind("chance", lambda draft, chance: _signed(draft, chance.randbytes(64)), Expected.REFUSED),
    Kind("of an index that changed", _changed, Expected.REFUSED, 2),
    Kind("of another layout", _laid_out_anew, Expected.REFUSED),
    Kind("of a key that is not trusted", _other_key, Expected.REFUSED, 2),
    Kind("of another file", _another_file, Expected.REFUSED),
    Kind("of another name", _absent, Expected.REFUSED),
    Kind("in another form", _high, Expected.REFUSED),
)
