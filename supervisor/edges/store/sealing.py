"""Encrypts single values of the store: authenticated, bound to their place, each with the id of its key.

    value      mark, id of the key (8 bytes), nonce (12), AES-256-GCM's output (NIST SP 800-38D)
    identity   mark, id of the key (8 bytes), output of AES-SIV (RFC 5297): equal texts become equal bytes

The associated data is mark, id and place: a value that is moved to another place cannot be decrypted. What each key is
used for has a key of its own, derived by HKDF-SHA256 (RFC 5869). One key is good for 2^32 values.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from supervisor.values.errors import SecretKeyError

if TYPE_CHECKING:  # loaded when something is encrypted: a router without does not have it in memory
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

VALUE, IDENTITY = b"\x01vrs", b"\x02vrs"  # no text begins so
KEY_BYTES = 32
_ID_BYTES, _NONCE_BYTES = 8, 12
_HEADER = len(VALUE) + _ID_BYTES


class ForgedError(Exception):
    """A value was changed since it was encrypted, or is not in its place."""


@dataclass(frozen=True, repr=False)
class Key:
    """A key of 32 random bytes. Its representation hides it."""

    _secret: bytes

    @cached_property
    def id(self) -> bytes:
        """The 8 bytes that name the key; they tell nothing of it."""
        return self._derived(b"id", _ID_BYTES)

    def seal(self, place: str, value: bytes) -> bytes:
        """Encrypt the value of a place; each call gives other bytes."""
        header, nonce = VALUE + self.id, os.urandom(_NONCE_BYTES)
        return header + nonce + self._values.encrypt(nonce, value, header + place.encode())

    def seal_identity(self, place: str, value: bytes) -> bytes:
        """Encrypt the value of a place; equal values give equal bytes."""
        header = IDENTITY + self.id
        return header + self._identities.encrypt(value, [header, place.encode()])

    def open(self, place: str, record: bytes) -> bytes:
        """Decrypt what `seal` or `seal_identity` gave for this place. Raises ForgedError: it is not that."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415

        header, rest = record[:_HEADER], memoryview(record)[_HEADER:]  # tens of megabytes are not copied
        try:
            if record.startswith(IDENTITY):
                return self._identities.decrypt(rest, [header, place.encode()])
            return self._values.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], header + place.encode())
        except (InvalidTag, ValueError) as error:
            raise ForgedError(f"{place} was changed since it was encrypted") from error

    @cached_property
    def line(self) -> str:
        """The key as the text of a key place has it."""
        return base64.b64encode(self._secret).decode()

    @cached_property
    def _values(self) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        return AESGCM(self._derived(b"values", 32))

    @cached_property
    def _identities(self) -> AESSIV:
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # noqa: PLC0415

        return AESSIV(self._derived(b"identities", 64))

    def _derived(self, use: bytes, length: int) -> bytes:
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

        return HKDF(SHA256(), length, salt=None, info=b"vr-supervisor secrets 1 " + use).derive(self._secret)

    def __repr__(self) -> str:
        return f"Key({self.id.hex()})"


def new_key() -> Key:
    """Return a key that nobody had before."""
    return Key(os.urandom(KEY_BYTES))


def key_id(record: bytes) -> bytes | None:
    """Return the id of the key that a value was encrypted with; None: it is none of ours."""
    return record[len(VALUE) : _HEADER] if record.startswith((VALUE, IDENTITY)) and len(record) > _HEADER else None


HEAD = "# vr-supervisor encrypts secrets in its state folder with the first of these keys. Store a copy elsewhere.\n"


def text_of(keys: Iterable[Key]) -> str:
    """Return the text of a key place: a key in each line, that in use first."""
    return HEAD + "".join(f"{key.line}\n" for key in keys)


def keys_of(text: str, place: str) -> tuple[Key, ...]:
    """Return the keys in the text of a place. Raises SecretKeyError: it has none, or a line that is none."""
    keys = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            secret = base64.b64decode(line.strip(), validate=True)
        except ValueError:
            secret = b""
        if len(secret) != KEY_BYTES:
            raise SecretKeyError(f"cannot use keys of {place}: line {number} is not {KEY_BYTES} bytes in Base64")
        keys.append(Key(secret))
    if not keys:
        raise SecretKeyError(f"cannot use keys of {place}: there is none in it")
    return tuple(dict.fromkeys(keys))
