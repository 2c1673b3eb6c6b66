"""The folder of plain public keys: the root of version 0, in which one signature by any key is enough for everything.

A `root.json` in it is a root document that an operator set; the keys beside it count for nothing then.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from supervisor.edges.trust.safety import refuse_unsafe
from supervisor.values.errors import UnsafeKeysError
from supervisor.values.trust import Key, KeyId, Role, Root

ANCHOR = "root.json"
LARGEST_KEY = 16 << 10
SIGNATURE_SIZE = 64


@dataclass(frozen=True, slots=True)
class PlainKeys:
    """The keys of a folder by identifier, as raw bytes and names; `unreadable` are names of files that are no keys."""

    public: dict[KeyId, bytes]
    names: dict[KeyId, str]
    unreadable: tuple[str, ...] = ()

    @property
    def root(self) -> Root:
        role = Role(tuple(Key(id, name) for id, name in self.names.items()))
        return Root(0, role, role)


def plain_keys(folder: Path) -> PlainKeys:
    """Return the keys in `*.pub` of a folder; none if there is no folder. A file that is no key is passed over.

    Raises UnsafeKeysError: when others may change the folder or a file in it, or it cannot be read.
    """
    public: dict[KeyId, bytes] = {}
    names: dict[KeyId, str] = {}
    unreadable = []
    try:
        if folder.exists():
            refuse_unsafe(folder)
        for path in sorted(folder.glob("*.pub")):
            try:
                refuse_unsafe(path)
                raw = raw_key(path)
            except (OSError, ValueError, UnsupportedAlgorithm):
                unreadable.append(path.name)
                continue
            id = key_id(raw)
            public[id] = raw
            names.setdefault(id, path.name)
    except OSError as error:
        raise UnsafeKeysError(str(folder), error.strerror or str(error)) from error
    return PlainKeys(public, names, tuple(unreadable))


def raw_key(path: Path) -> bytes:
    """Return the 32 bytes of an Ed25519 public key in PEM.

    Raises OSError, ValueError or UnsupportedAlgorithm: it is none.
    """
    with path.open("rb") as file:
        content = file.read(LARGEST_KEY)
    key = load_pem_public_key(content)
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("it is not an Ed25519 key")
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_id(raw: bytes) -> KeyId:
    """Return the identifier of a key: SHA-256 of its canonical form, as the TUF specification 1.0, 4.2, has it."""
    form = {"keytype": "ed25519", "keyval": {"public": raw.hex()}, "scheme": "ed25519"}
    return KeyId(hashlib.sha256(json.dumps(form, sort_keys=True, separators=(",", ":")).encode()).hexdigest())


def is_signed_by(raw: bytes, signature: bytes, content: bytes) -> bool:
    """True if the key made the signature of `content`."""
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, content)
    except InvalidSignature:
        return False
    return True
