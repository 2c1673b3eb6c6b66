"""The fields of a POST, `application/x-www-form-urlencoded` or `multipart/form-data`, with the standard library."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

MAX_FIELDS = 16


def fields(content_type: str, body: bytes) -> dict[str, str]:
    """Return the first value of every field; nothing of a body that cannot be read."""
    if content_type.split(";", maxsplit=1)[0].strip().lower() == "multipart/form-data":
        return _multipart(content_type, body)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        return {}
    return dict(reversed(pairs))


def _multipart(content_type: str, body: bytes) -> dict[str, str]:
    head = b"Content-Type: " + content_type.encode("latin-1", "replace").replace(b"\r", b"").replace(b"\n", b"")
    if body.count(b"\n--") > MAX_FIELDS:
        return {}
    message = BytesParser(policy=HTTP).parsebytes(head + b"\r\n\r\n" + body)
    found: dict[str, str] = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            found.setdefault(name, content.decode(errors="replace"))
    return found
