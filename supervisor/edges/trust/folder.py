"""The folder of plain public keys: the root of version 0, in which one signature by any key is enough for everything.

A `root.json` in it is a root document that an operator set; the keys beside it count for nothing then.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from supervisor.edges.trust.safety import refuse_unsafe
from supervisor.values.errors import UnsafeKeysError
from supervisor.values.trust import Key, KeyId, Role, Root

ANCHOR = "root.json"
LARGEST_KEY = 16 << 10
SIGNATURE_SIZE = 64
_AROUND = bytes.fromhex("302a300506032b6570032100")


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
            except (OSError, ValueError):
                unreadable.append(path.name)
                continue
            id = key_id(raw)
            public[id] = raw
            names.setdefault(id, path.name)
    except OSError as error:
        raise UnsafeKeysError(str(folder), error.strerror or str(error)) from error
    return PlainKeys(public, names, tuple(unreadable))


def raw_key(path: Path) -> bytes:
    """Return the 32 bytes of an Ed25519 public key in PEM: what RFC 8410, 4, puts around them is the same for all.

    Raises OSError: it cannot be read. Raises ValueError: it is no such key.
    """
    with path.open("rb") as file:
        text = file.read(LARGEST_KEY).decode("ascii")
    found = re.search(r"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+?)-----END PUBLIC KEY-----", text)
    coded = base64.b64decode("".join(found[1].split()), validate=True) if found else b""
    if len(coded) != len(_AROUND) + 32 or not coded.startswith(_AROUND):
        raise ValueError("it is no Ed25519 public key in PEM")
    return coded[len(_AROUND) :]


def key_id(raw: bytes) -> KeyId:
    """Return the identifier of a key: SHA-256 of its canonical form, as the TUF specification 1.0, 4.2, has it."""
    form = {"keytype": "ed25519", "keyval": {"public": raw.hex()}, "scheme": "ed25519"}
    return KeyId(hashlib.sha256(json.dumps(form, sort_keys=True, separators=(",", ":")).encode()).hexdigest())


def is_signed_by(raw: bytes, signature: bytes, content: bytes) -> bool:
    """True if the key made the signature of `content`."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  (8 MB that a daemon seldom needs)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, content)
    except InvalidSignature:
        return False
    return True
