"""TLS of a load-balancing rule: the words of its bind line after the address, and the certificate that came with it.

A word that is not known may be one that keeps clients out, so the listener is refused for it, except for those that
only make it quicker.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from supervisor.edges.intake.cloudstack.load_balancer.text import Directive
from supervisor.edges.intake.faults import BadPartError, Faults
from supervisor.values.bounds import Bounds
from supervisor.values.secret import Secret
from supervisor.values.tls import Certificate, Tls, TlsVersion

_VERSIONS = {f"TLSv{version}": version for version in TlsVersion}
_CIPHERS = re.compile(r"[A-Za-z0-9:!+@=_.-]{1,2000}")
_SUITES = (
    "TLS_AES_128_CCM_8_SHA256",
    "TLS_AES_128_CCM_SHA256",
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
)
_PROTOCOLS = re.compile(r"[A-Za-z0-9/.,_-]{1,200}")
_NEEDLESS = (
    "no-sslv3",  # not spoken anyhow
    "no-tls-tickets",  # never given: each generation would have keys of its own
)
_NEEDLESS_VALUES = ("name", "id")  # say only how the socket is called
_LEFT_OUT = ("defer-accept", "tfo", "tls-tickets")
_LEFT_OUT_VALUES = ("backlog", "mss", "nice", "tcp-ut")


@dataclass(slots=True)
class _Words:
    """Words of a bind line that are about TLS, as far as they are read."""

    is_tls: bool = False
    paths: list[str] = field(default_factory=list)  # of certificates
    tls: Tls = field(default_factory=Tls)


def version(text: str) -> TlsVersion:
    """Return a version of TLS. Raises BadPartError: it is none."""
    if text not in _VERSIONS:
        raise BadPartError(f"{text!r:.40} is not one of {', '.join(_VERSIONS)}")
    return _VERSIONS[text]


def protocols(text: str) -> tuple[str, ...]:
    """Return names of protocols for ALPN. Raises BadPartError: they cannot be some."""
    names = tuple(text.split(","))
    if not _PROTOCOLS.fullmatch(text) or not all(0 < len(name) < 256 for name in names):
        raise BadPartError(f"{text!r:.60} is not a list of protocols")
    return names


@functools.lru_cache(maxsize=64)  # every rule says the same, and each of its servers once more
def cipher_list(text: str) -> tuple[str, ...]:
    """Return ciphers up to TLS 1.2, in OpenSSL's names. Raises BadPartError: OpenSSL knows none of them."""
    import ssl  # noqa: PLC0415  (a daemon without certificates needs none of it)

    try:
        if not _CIPHERS.fullmatch(text):
            raise BadPartError(f"{text!r:.60} is not a list of ciphers")
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ciphers(text)
    except ssl.SSLError:
        raise BadPartError(f"none of the ciphers {text!r:.60} is known") from None
    return tuple(text.split(":"))


def cipher_suites(text: str) -> tuple[str, ...]:
    """Return cipher suites. Raises BadPartError: one of them is none of TLS 1.3."""
    names = tuple(text.split(":"))
    unknown = next((name for name in names if name not in _SUITES), None)
    if unknown is not None:
        raise BadPartError(f"{unknown!r:.60} is not a cipher suite of TLS 1.3")
    return names


def tls_of(
    name: str, bind: Directive, certificates: Mapping[str, Mapping[str, Any]], faults: Faults
) -> tuple[Certificate | None, Tls | None]:
    """Return the certificate of a bind line and how TLS is spoken; None: the line asks for no TLS.

    Raises BadPartError: the listener would be another one than its bind line asks for.
    """
    words = _Words()
    rest = iter(bind.words[2:])
    for word in rest:
        try:
            _take(words, word, rest, bind, faults)
        except BadPartError as error:
            raise BadPartError(f"{name}: {word}: {error}: listener refused") from None
    if not words.is_tls and not words.paths:
        return None, None
    if not words.is_tls or len(words.paths) != 1:
        raise BadPartError(f"{name}: TLS needs the words ssl and crt, and one certificate: listener refused")
    if words.tls.greatest_version and words.tls.greatest_version < words.tls.least_version:
        raise BadPartError(f"{name}: the greatest version of TLS is below the least one: listener refused")
    return _certificate(name, words.paths[0], certificates, faults.bounds), words.tls


def _take(words: _Words, word: str, rest: Iterator[str], bind: Directive, faults: Faults) -> None:
    match word:
        case "ssl":
            words.is_tls = True
        case "crt":
            words.paths.append(next(rest, ""))
        case "alpn":
            words.tls = replace(words.tls, protocols=protocols(next(rest, "")))
        case "ciphers":
            words.tls = replace(words.tls, ciphers=cipher_list(next(rest, "")))
        case "ciphersuites":
            words.tls = replace(words.tls, cipher_suites=cipher_suites(next(rest, "")))
        case "ssl-min-ver":
            words.tls = replace(words.tls, least_version=version(next(rest, "")))
        case "ssl-max-ver":
            words.tls = replace(words.tls, greatest_version=version(next(rest, "")))
        case _ if word in _NEEDLESS:
            pass
        case _ if word in _NEEDLESS_VALUES:
            next(rest, None)
        case _ if word in (*_LEFT_OUT, *_LEFT_OUT_VALUES):
            if word in _LEFT_OUT_VALUES:
                next(rest, None)
            faults.add(bind.path, f"{word} of bind is left out")
        case _:
            raise BadPartError("is unknown")


def _certificate(name: str, path: str, certificates: Mapping[str, Mapping[str, Any]], bounds: Bounds) -> Certificate:
    of = path.rpartition("/")[2].removesuffix(".pem")
    entry = certificates.get(of)
    if entry is None:
        raise BadPartError(f"{name}: certificate {of!r:.80} did not come with it: listener refused")
    # Only now: what it needs would stay in the memory of a daemon that has no certificates.
    from supervisor.edges.intake.cloudstack.load_balancer.certificates import certificate_text  # noqa: PLC0415

    parts = (entry["cert"], entry.get("chain") or "", entry["key"], entry.get("password") or "")
    text = certificate_text(of, *parts, security_level=bounds.least_of("tls_security_level"))
    return Certificate(of, Secret(text))
