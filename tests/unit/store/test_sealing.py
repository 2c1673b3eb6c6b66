"""A value is encrypted for its place, says which key it needs, and is refused when anything about it was changed."""

from __future__ import annotations

import base64

import pytest

from supervisor.edges.store.sealing import (
    IDENTITY,
    VALUE,
    ForgedError,
    Key,
    key_id,
    keys_of,
    new_key,
    text_of,
)
from supervisor.values.errors import SecretKeyError

KEY = Key(bytes(range(32)))
PLACE, OTHER = "facts/bags/value", "commands/identity"
SEALS = {"value": KEY.seal, "identity": KEY.seal_identity}
each_seal = pytest.mark.parametrize("kind", SEALS)


@each_seal
@pytest.mark.parametrize("value", [b"", b"x", b"secret" * 100_000])
def test_what_is_encrypted_is_decrypted_again(kind: str, value: bytes) -> None:
    record = SEALS[kind](PLACE, value)
    assert KEY.open(PLACE, record) == value
    assert key_id(record) == KEY.id
    assert len(value) < 6 or value not in record


def test_an_identity_is_the_same_each_time_and_a_value_never() -> None:
    assert KEY.seal_identity(PLACE, b"x") == KEY.seal_identity(PLACE, b"x")
    assert len({KEY.seal(PLACE, b"x") for _ in range(100)}) == 100
    assert KEY.seal(PLACE, b"x").startswith(VALUE)
    assert KEY.seal_identity(PLACE, b"x").startswith(IDENTITY)


@each_seal
def test_it_is_bound_to_its_place_and_its_key(kind: str) -> None:
    record = SEALS[kind](PLACE, b"secret")
    with pytest.raises(ForgedError, match=OTHER):
        KEY.open(OTHER, record)
    with pytest.raises(ForgedError):
        new_key().open(PLACE, record)


@each_seal
def test_no_bit_of_it_can_be_changed(kind: str) -> None:
    record = SEALS[kind](PLACE, b"secret")
    for place in range(len(record)):
        changed = bytearray(record)
        changed[place] ^= 1
        with pytest.raises(ForgedError):
            KEY.open(PLACE, bytes(changed))
    for length in range(len(record)):
        with pytest.raises(ForgedError):
            KEY.open(PLACE, record[:length])


def test_a_value_cannot_pass_for_an_identity() -> None:
    record = KEY.seal(PLACE, b"secret")
    with pytest.raises(ForgedError):
        KEY.open(PLACE, IDENTITY + record[len(VALUE) :])


@pytest.mark.parametrize("record", [b"", b"plain text", VALUE, VALUE + b"1234567", b"\x03vrs" + bytes(40)])
def test_what_is_not_encrypted_has_no_key(record: bytes) -> None:
    assert key_id(record) is None


def test_a_key_does_not_show() -> None:
    assert KEY.line not in repr(KEY)
    assert repr(KEY) == f"Key({KEY.id.hex()})"
    assert KEY.id not in bytes(range(32))


def test_it_is_what_the_rfcs_say() -> None:
    """The derivation is RFC 5869's, step by step; the record is AES-256-GCM with what the module promises."""
    import hashlib  # noqa: PLC0415
    import hmac  # noqa: PLC0415

    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415

    extracted = hmac.digest(bytes(32), bytes(range(32)), hashlib.sha256)
    expanded = hmac.digest(extracted, b"vr-supervisor secrets 1 values" + b"\x01", hashlib.sha256)
    record = KEY.seal(PLACE, b"secret")
    header, nonce, content, tag = record[:12], record[12:24], record[24:-16], record[-16:]
    cipher = Cipher(algorithms.AES(expanded), modes.GCM(nonce, tag)).decryptor()
    cipher.authenticate_additional_data(header + PLACE.encode())
    assert cipher.update(content) + cipher.finalize() == b"secret"


def test_the_text_of_keys_is_read_again() -> None:
    keys = (new_key(), new_key())
    assert keys_of(text_of(keys), "here") == keys
    assert keys_of(f"\n# a comment\n  {keys[0].line}  \n{keys[0].line}\n", "here") == keys[:1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "there is none in it"),
        ("# nothing\n", "there is none in it"),
        ("hello\n", "line 1 is not 32 bytes in Base64"),
        (f"{KEY.line}\n{base64.b64encode(bytes(31)).decode()}\n", "line 2 is not 32 bytes in Base64"),
        (f"{KEY.line}{KEY.line}", "line 1 is not 32 bytes in Base64"),
        ("é", "line 1 is not 32 bytes in Base64"),
    ],
)
def test_a_text_that_is_none_is_refused_without_being_quoted(text: str, reason: str) -> None:
    with pytest.raises(SecretKeyError) as refused:
        keys_of(text, "/a/file")
    assert str(refused.value) == f"cannot use keys of /a/file: {reason}"
