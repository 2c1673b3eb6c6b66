"""Certificates of load-balancing rules: certificate, chain and key become one text that can be loaded.

One that cannot be loaded would cost every listener, not only its own. Keys are decrypted here if their password came
along: nobody can be asked for it later.
"""

from __future__ import annotations

import base64
import binascii
import functools
import math
import os
import re
import ssl
from collections.abc import Iterator, Sequence

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509 import Certificate, load_pem_x509_certificates

from supervisor.edges.intake.faults import BadPartError

_KEY = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----\s.*?-----END \1-----", re.DOTALL)
_MOST_WORK = 2**28
"""Rounds times length of the key that a password is stretched to: some seconds of this processor."""


def certificate_text(
    name: str, certificate: str, chain: str, key: str, password: str, *, security_level: int = 0
) -> str:
    """Return the text of certificate, chain and key. `security_level` is OpenSSL's, from 0 to 5: see `_try`.

    Raises BadPartError, which quotes nothing of them: the text could not be loaded.
    """
    text, problem = _joined(certificate, chain, key, password, security_level)
    if problem:
        raise BadPartError(problem.format(name=f"certificate {name}") + ": listener refused")
    return text


@functools.lru_cache(maxsize=256)  # asked at every change of the configuration, and passwords are slow by intention
def _joined(certificate: str, chain: str, key: str, password: str, security_level: int) -> tuple[str, str]:
    """Return the text, or the problem with it; the other one is empty."""
    try:
        key_text, public = _key(key, password)
        certificates = _ordered(_certificates(certificate) + _certificates(chain, may_be_none=True), public)
        text = "".join([*(each.public_bytes(Encoding.PEM).decode() for each in certificates), key_text])
        _try(text, security_level)
    except BadPartError as error:
        return "", str(error)
    except UnsupportedAlgorithm:
        return "", "{name} has a key of a kind that is not known"
    return text, ""


def _try(text: str, security_level: int) -> None:
    """Let OpenSSL load a text: a security level refuses weaker keys and signatures."""
    with open(os.memfd_create("certificate"), "w+", encoding="ascii") as file:  # no disk ever sees it
        file.write(text)
        file.flush()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers(f"ALL:@SECLEVEL={security_level}")
        try:
            context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
        except ssl.SSLError as error:
            reason = (error.reason or "no reason given").replace("_", " ").lower()
            raise BadPartError(f"{{name}} is refused by OpenSSL ({reason})") from None


def _certificates(text: str, *, may_be_none: bool = False) -> list[Certificate]:
    if may_be_none and not text.strip():
        return []
    try:
        return load_pem_x509_certificates(text.encode())
    except ValueError:
        raise BadPartError("{name} cannot be read") from None


def _ordered(certificates: Sequence[Certificate], public: bytes) -> list[Certificate]:
    """Put the one of the key first, then the issuer of each; those that issued none of them come last."""
    left = list(dict.fromkeys(certificates))
    own = next((other for other in left if _public(other) == public), None)
    if own is None:
        raise BadPartError("the key of {name} belongs to another one")
    ordered = []
    following: Certificate | None = own
    while following is not None:
        ordered.append(following)
        left.remove(following)
        issuer = following.issuer
        following = next((other for other in left if other.subject == issuer), None)
    return ordered + left


def _public(certificate: Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _key(text: str, password: str) -> tuple[str, bytes]:
    """The key as it came if it is in clear text, else decrypted; and its public half."""
    block = _KEY.search(text)  # OpenSSL writes the curve before a key of one, other programs the owner's name
    if block is None:
        raise BadPartError("the key of {name} cannot be read")
    is_encrypted = "ENCRYPTED" in block[0]
    if is_encrypted and not password:
        raise BadPartError("the key of {name} is encrypted, and no password came with it")
    if is_encrypted and _work(block[0]) > _MOST_WORK:
        raise BadPartError("the password of the key of {name} takes too long to try")
    try:
        private = load_pem_private_key(block[0].encode(), password.encode() if is_encrypted else None)
    except (ValueError, TypeError):
        problem = "cannot be opened with the password that came with it" if is_encrypted else "cannot be read"
        raise BadPartError(f"the key of {{name}} {problem}") from None
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if not is_encrypted:
        return block[0] + "\n", public
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(), public


def _work(block: str) -> int:
    """Return the product of the numbers by which a password is stretched (PKCS#8 only: the older form has none)."""
    try:
        content = base64.b64decode("".join(block.split()[4:-4]), validate=True)
    except binascii.Error:
        return 1
    return math.prod(_numbers(content))


def _numbers(content: bytes, depth: int = 0) -> Iterator[int]:
    """The integers of a DER value and those inside it, as far as it can be read."""
    while len(content) >= 2 and depth < 8:
        kind, length, start = content[0], content[1], 2
        if length & 0x80:
            start = 2 + (length & 0x7F)
            length = int.from_bytes(content[2:start])
        value, content = content[start : start + length], content[start + length :]
        if kind == 0x02:
            yield int.from_bytes(value)
        elif kind == 0x30:
            yield from _numbers(value, depth + 1)
