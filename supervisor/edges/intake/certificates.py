"""Is a certificate one that a daemon can load? One that it cannot would cost every listener, not only its own."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate, load_pem_x509_certificates

from supervisor.edges.intake.faults import BadPartError

_LEAST_RSA_BITS = 2048
"""OpenSSL in its usual settings loads no shorter ones."""


def check_certificate(name: str, certificate: str, chain: str, key: str) -> None:
    """BadPartError says what is wrong, and quotes nothing of it."""
    try:
        public = load_pem_x509_certificate(certificate.encode()).public_key()
        if chain.strip():
            load_pem_x509_certificates(chain.encode())
    except ValueError:
        raise BadPartError(f"certificate {name} cannot be read: listener refused") from None
    try:
        private = load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError):  # TypeError: it is encrypted
        raise BadPartError(f"the key of certificate {name} cannot be read: listener refused") from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if public.public_bytes(*form) != private.public_key().public_bytes(*form):
        raise BadPartError(f"the key of certificate {name} belongs to another one: listener refused")
    if isinstance(public, RSAPublicKey) and public.key_size < _LEAST_RSA_BITS:
        raise BadPartError(f"the key of certificate {name} is shorter than {_LEAST_RSA_BITS} bits: listener refused")
