"""TLS probe: the certificate that a client is given is the first one in a file of the instance's configuration."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import ssl
from pathlib import Path, PurePosixPath

from supervisor.edges.probes.answer import Answer, no_answer
from supervisor.edges.probes.arguments import Arguments
from supervisor.edges.probes.bounded import BoundedSocket, inet_socket
from supervisor.edges.probes.handler import Handler, Means
from supervisor.values.manifest import ProbeKind, Use
from supervisor.values.state import ProbeTarget, ResolvedProbe

_CERTIFICATE = re.compile(r"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----\s(.*?)-----END ", re.DOTALL)
_SHOWN = 16  # characters of a fingerprint
_CHUNK = 16384


def ask(probe: ResolvedProbe, target: ProbeTarget, _: Means) -> Answer:
    """Nobody is trusted here, and nobody has to be: the two are compared, byte for byte."""
    arguments = Arguments(probe, Use.ASK)
    address, port, name = arguments.address(target), arguments.port(), arguments.text("name")
    question = f"TLS at {address}:{port}"
    expected = _first_certificate(arguments, target)
    with inet_socket(address, socket.SOCK_STREAM, probe.timeout) as connection:
        try:
            connection.connect((str(address), port))
            served = _served(connection, name or None)
        except ssl.SSLError as error:
            return Answer(False, question, f"no handshake ({error.reason or error})")
        except OSError as error:
            return no_answer(question, error, probe.timeout)
    if not served or not expected.startswith(served):  # a trusted one has something after it
        return Answer(False, question, f"serves certificate {_mark(served)}, expected {_mark(expected)}")
    return Answer(True, question, f"serves certificate {_mark(served)}")


def _first_certificate(arguments: Arguments, target: ProbeTarget) -> bytes:
    text = arguments.required("file")
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or not target.config:
        raise arguments.error(f"file is {text!r}, not below the configuration folder")
    try:
        content = (Path(target.config) / path).read_text(encoding="ascii", errors="replace")
        match = _CERTIFICATE.search(content)
        if match is None:
            raise arguments.error(f"{text} holds no certificate")
        return base64.b64decode("".join(match[1].split()), validate=True)
    except OSError as error:
        raise arguments.error(f"{text} cannot be read: {error.strerror}") from error
    except ValueError:
        raise arguments.error(f"{text} holds no certificate that can be read") from None


def _served(connection: BoundedSocket, name: str | None) -> bytes:
    """Shake hands through memory: the socket's deadline then holds for all of it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")  # an old certificate is to be seen as well
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_hostname=name)
    while True:
        try:
            session.do_handshake()
        except ssl.SSLWantReadError:
            connection.sendall(outgoing.read())
            received = connection.recv(_CHUNK)
            if not received:
                raise ConnectionResetError from None
            incoming.write(received)
        else:
            connection.sendall(outgoing.read())
            return session.getpeercert(binary_form=True) or b""


def _mark(certificate: bytes) -> str:
    return hashlib.sha256(certificate).hexdigest()[:_SHOWN] if certificate else "none"


HANDLER = Handler(ProbeKind.TLS, ask=ask)
