"""Certificates and keys as people bring them become one text that a daemon loads, or are refused by name."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509 import load_pem_x509_certificates

from supervisor.edges.intake.cloudstack.load_balancer.certificates import certificate_text
from supervisor.edges.intake.faults import BadPartError
from tests.kit.samples.certificates import Key, certificate, pem

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP384R1())
PASSWORDS = ("secret", "with blank and 'quotes\"", "pässwörd-密码", "#$%\\n%{x}", " ", "x" * 500)
PARAMETERS = "-----BEGIN EC PARAMETERS-----\nBgUrgQQAIg==\n-----END EC PARAMETERS-----\n"


def encrypted(key: Key, form: PrivateFormat, password: str) -> str:
    return pem(key, form, BestAvailableEncryption(password.encode()))


def loads(text: str, key: Key) -> bool:
    """True if the text begins with the certificate of `key`, and ends with `key` in clear text."""
    own = load_pem_x509_certificates(text.encode())[0].public_key()
    found = load_pem_private_key(text.encode(), None)
    return found.public_key() == own == key.public_key()


@pytest.mark.parametrize("form", [PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8])
@pytest.mark.parametrize("key", [RSA, EC])
def test_a_key_is_taken_in_either_form(key: Key, form: PrivateFormat) -> None:
    assert loads(certificate_text("x", certificate(key, "a"), "", pem(key, form), ""), key)


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("form", [PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8])
@pytest.mark.parametrize("key", [RSA, EC])
def test_an_encrypted_key_is_opened_with_the_password_that_came_with_it(
    key: Key, form: PrivateFormat, password: str
) -> None:
    """haproxy/haproxy#3202."""
    text = certificate_text("x", certificate(key, "a"), "", encrypted(key, form, password), password)
    assert loads(text, key)
    assert "ENCRYPTED" not in text


def test_a_password_that_is_not_needed_is_not_used() -> None:
    assert loads(certificate_text("x", certificate(EC, "a"), "", pem(EC), "secret"), EC)


@pytest.mark.parametrize("around", [PARAMETERS + "{}", "Bag Attributes\n  friendlyName: x\n{}", "\ufeff{}\n\n", "{}{}"])
def test_what_stands_around_a_key_does_not_matter(around: str) -> None:
    key = pem(EC, PrivateFormat.TraditionalOpenSSL)
    assert loads(certificate_text("x", certificate(EC, "a"), "", around.format(key, certificate(EC, "a")), ""), EC)


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
def test_ends_of_lines_do_not_matter(newline: str) -> None:
    parts = [certificate(EC, "a"), encrypted(EC, PrivateFormat.PKCS8, "secret")]
    crt, key = (part.replace("\n", newline) for part in parts)
    assert loads(certificate_text("x", crt, "", key, "secret"), EC)


def test_a_chain_is_put_in_order() -> None:
    keys = [EC, *(ec.generate_private_key(ec.SECP256R1()) for _ in range(3))]
    names = ["site", "first", "second", "root"]
    chain = [certificate(keys[at], names[at], names[min(at + 1, 3)], keys[min(at + 1, 3)]) for at in range(4)]
    other = certificate(keys[1], "stranger")
    for crt, more in (
        (chain[0], chain[3] + chain[1] + chain[2]),
        (chain[0] + chain[2] + chain[1], chain[3]),
        (chain[3] + chain[2] + chain[1] + chain[0], ""),
        (chain[0], other + chain[0] + chain[1] + chain[2] + chain[3]),
    ):
        text = certificate_text("x", crt, more, pem(EC), "")
        assert text.startswith("".join(chain))
        assert loads(text, EC)
        assert (other in text) == (other in more), "nothing is lost"


WRONG = encrypted(RSA, PrivateFormat.TraditionalOpenSSL, "secret")


@pytest.mark.parametrize(
    ("crt", "key", "password", "problem"),
    [
        ("x", pem(RSA), "", "certificate x cannot be read"),
        ("", pem(RSA), "", "certificate x cannot be read"),
        (certificate(EC, "a"), pem(RSA), "", "the key of certificate x belongs to another one"),
        (certificate(RSA, "a"), "KEY", "", "the key of certificate x cannot be read"),
        (certificate(RSA, "a"), pem(RSA).replace("M", "N"), "", "the key of certificate x cannot be read"),
        (certificate(RSA, "a"), WRONG, "", "the key of certificate x is encrypted, and no password came with it"),
        (
            certificate(RSA, "a"),
            WRONG,
            "Secret",
            "the key of certificate x cannot be opened with the password that came with it",
        ),
        (
            certificate(RSA, "a"),
            encrypted(RSA, PrivateFormat.PKCS8, "secret"),
            "x" * 5000,
            "the key of certificate x cannot be opened with the password that came with it",
        ),
    ],
)
def test_what_cannot_be_loaded_is_refused_by_name(crt: str, key: str, password: str, problem: str) -> None:
    with pytest.raises(BadPartError) as refusal:
        certificate_text("x", crt, "", key, password)
    assert str(refusal.value) == f"{problem}: listener refused"


@pytest.mark.parametrize(
    "key", [rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP192R1())], ids=["rsa", "ec"]
)
def test_a_key_that_the_daemons_find_too_small_is_refused(key: Key) -> None:
    with pytest.raises(BadPartError) as refusal:
        certificate_text("x", certificate(key, "a"), "", pem(key), "", security_level=2)
    assert str(refusal.value) == "certificate x is refused by OpenSSL (ee key too small): listener refused"


def test_a_password_that_takes_hours_to_try_is_not_tried() -> None:
    """PBES2 with PBKDF2: salt, rounds (2**31 - 1), pseudo-random function; then the cipher and its start value."""
    stretching = "3029 06092a864886f70d01050c 301c 0408 0102030405060708 0204 7fffffff 300a 06082a864886f70d0209"
    cipher = "301d 060960864801650304012a 0410 00112233445566778899aabbccddeeff"
    content = bytes.fromhex(f"3057 06092a864886f70d01050d 304a {stretching} {cipher}")
    body = base64.encodebytes(bytes([0x30, len(content)]) + content).decode()
    text = f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{body}-----END ENCRYPTED PRIVATE KEY-----\n"
    with pytest.raises(BadPartError, match="takes too long"):
        certificate_text("x", certificate(EC, "a"), "", text, "secret")
