"""TLS of load-balancing rules: versions, ciphers and certificates."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from supervisor.values.secret import Secret


class TlsVersion(StrEnum):
    """A version of TLS; a later one is greater."""

    V1_0 = "1.0"
    V1_1 = "1.1"
    V1_2 = "1.2"
    V1_3 = "1.3"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate, its chain and its key, in one text."""

    name: str
    pem: Secret


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS settings of a listener with a certificate. None or empty: the daemon's own."""

    ciphers: tuple[str, ...] = ()  # up to TLS 1.2, in OpenSSL's names
    cipher_suites: tuple[str, ...] = ()  # from TLS 1.3
    least_version: TlsVersion = TlsVersion.V1_2
    greatest_version: TlsVersion | None = None
    protocols: tuple[str, ...] = ()  # offered by ALPN: "h2", "http/1.1"
