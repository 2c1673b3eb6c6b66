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
from supervisor.values.balancing import Tls
from supervisor.values.router import Certificate
from supervisor.values.secret import Secret

_VERSIONS = ("TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3")
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
    """The words of a bind line that are about TLS."""

    is_tls: bool = False
    paths: list[str] = field(default_factory=list)  # of certificates
    tls: Tls = field(default_factory=Tls)


def version(text: str) -> str:
    if text not in _VERSIONS:
        raise BadPartError(f"{text!r:.40} is not one of {', '.join(_VERSIONS)}")
    return text


def protocols(text: str) -> str:
    if not _PROTOCOLS.fullmatch(text) or not all(0 < len(name) < 256 for name in text.split(",")):
        raise BadPartError(f"{text!r:.60} is not a list of protocols")
    return text


@functools.lru_cache(maxsize=64)  # every rule says the same, and each of its servers once more
def cipher_list(text: str) -> str:
    """One of them must be known: the daemon would refuse all listeners otherwise."""
    import ssl  # noqa: PLC0415  (a daemon without certificates needs none of it)

    try:
        if not _CIPHERS.fullmatch(text):
            raise BadPartError(f"{text!r:.60} is not a list of ciphers")
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ciphers(text)
    except ssl.SSLError:
        raise BadPartError(f"none of the ciphers {text!r:.60} is known") from None
    return text


def cipher_suites(text: str) -> str:
    unknown = next((name for name in text.split(":") if name not in _SUITES), None)
    if unknown is not None:
        raise BadPartError(f"{unknown!r:.60} is not a cipher suite of TLS 1.3")
    return text


def tls_of(
    name: str, bind: Directive, certificates: Mapping[str, Mapping[str, Any]], faults: Faults
) -> tuple[Certificate | None, Tls | None]:
    """BadPartError: the listener would not be what its bind line says."""
    said = _Words()
    rest = iter(bind.words[2:])
    for word in rest:
        try:
            _take(said, word, rest, bind, faults)
        except BadPartError as error:
            raise BadPartError(f"{name}: {word}: {error}: listener refused") from None
    if not said.is_tls and not said.paths:
        return None, None
    if not said.is_tls or len(said.paths) != 1:
        raise BadPartError(f"{name}: TLS needs the words ssl and crt, and one certificate: listener refused")
    if said.tls.greatest_version and said.tls.greatest_version < said.tls.least_version:
        raise BadPartError(f"{name}: the greatest version of TLS is below the least one: listener refused")
    return _certificate(name, said.paths[0], certificates), said.tls


def _take(said: _Words, word: str, rest: Iterator[str], bind: Directive, faults: Faults) -> None:
    match word:
        case "ssl":
            said.is_tls = True
        case "crt":
            said.paths.append(next(rest, ""))
        case "alpn":
            said.tls = replace(said.tls, protocols=protocols(next(rest, "")))
        case "ciphers":
            said.tls = replace(said.tls, ciphers=cipher_list(next(rest, "")))
        case "ciphersuites":
            said.tls = replace(said.tls, cipher_suites=cipher_suites(next(rest, "")))
        case "ssl-min-ver":
            said.tls = replace(said.tls, least_version=version(next(rest, "")))
        case "ssl-max-ver":
            said.tls = replace(said.tls, greatest_version=version(next(rest, "")))
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


def _certificate(name: str, path: str, certificates: Mapping[str, Mapping[str, Any]]) -> Certificate:
    of = path.rpartition("/")[2].removesuffix(".pem")
    entry = certificates.get(of)
    if entry is None:
        raise BadPartError(f"{name}: certificate {of!r:.80} did not come with it: listener refused")
    # Only now: what it needs would stay in the memory of a daemon that has no certificates.
    from supervisor.edges.intake.cloudstack.load_balancer.certificates import certificate_text  # noqa: PLC0415

    text = certificate_text(of, entry["cert"], entry.get("chain") or "", entry["key"], entry.get("password") or "")
    return Certificate(of, Secret(text))
