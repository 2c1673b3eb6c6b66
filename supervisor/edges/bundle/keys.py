"""Ed25519 keys of bundles: made once by the publisher, trusted by putting the public half into a folder."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from supervisor.values.errors import BundleBuildError, BundleError


def generate(private: Path, public: Path) -> None:
    """Write a new key pair. Raises BundleError: when a file cannot be written; a private key is never overwritten."""
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        private.parent.mkdir(parents=True, exist_ok=True)
        public.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        handle = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(text)
        public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        public.chmod(0o644)  # one that a group may write to is not trusted, whatever the umask is
    except OSError as error:
        raise BundleError(f"cannot write key {error.filename}: {error.strerror}") from error


def signing_key(private: Path) -> Ed25519PrivateKey:
    """Return the key in a file. Raises BundleBuildError: when it cannot be used."""
    try:
        key = load_pem_private_key(private.read_bytes(), password=None)
    except OSError as error:
        raise BundleBuildError(f"cannot sign with {private}: {error.strerror}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BundleBuildError(f"cannot sign with {private}: it is not an unencrypted private key in PEM") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BundleBuildError(f"cannot sign with {private}: it is not an Ed25519 key")
    return key


def sign(content: bytes, private: Path) -> bytes:
    """Return the raw signature of `content`. Raises BundleBuildError: when the key cannot be used."""
    return signing_key(private).sign(content)
