"""Output of containers as engines send it: frames of eight header bytes (stream, three zeros, length) and content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

STDOUT, STDERR = 1, 2
OUTPUT_LIMIT = 64 * 1024
_HEADER = 8


def frames(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield (stream, content) from a byte stream, however it is chunked."""
    buffer = bytearray()
    for chunk in chunks:
        buffer += chunk
        while len(buffer) >= _HEADER:
            end = _HEADER + int.from_bytes(buffer[4:8], "big")
            if len(buffer) < end:
                break
            yield buffer[0], bytes(buffer[_HEADER:end])
            del buffer[:end]


def collect(chunks: Iterable[bytes], limit: int = OUTPUT_LIMIT) -> tuple[bytes, bytes]:
    """Return both streams, each cut at `limit`; the rest is read and dropped, so that the writer never blocks."""
    outputs = {STDOUT: bytearray(), STDERR: bytearray()}
    for stream, content in frames(chunks):
        output = outputs.setdefault(stream, bytearray())
        output += content[: limit - len(output)]
    return bytes(outputs[STDOUT]), bytes(outputs[STDERR])


def lines(chunks: Iterable[bytes], limit: int = OUTPUT_LIMIT) -> Iterator[bytes]:
    """Yield lines of both streams as they come, each with its newline; those longer than `limit` are
    cut into pieces.
    """
    pending: dict[int, bytes] = {}
    for stream, content in frames(chunks):
        *whole, rest = (pending.pop(stream, b"") + content).split(b"\n")
        for line in whole:
            yield line + b"\n"
        while len(rest) > limit:
            yield rest[:limit] + b"\n"
            rest = rest[limit:]
        if rest:
            pending[stream] = rest
    for rest in pending.values():
        yield rest + b"\n"
