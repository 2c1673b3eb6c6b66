"""A guest's servers behind the load balancer: plain HTTP, a TCP line service, and HTTP behind the PROXY protocol.

Run as `python -m lab.servers ADDRESS NAME`: one light process per guest, standard library only. The answer to `GET /`
is prepared once, because the clients of the load balancer ask for it tens of thousands of times a second.

    :8080  HTTP      /, /ip (X-Forwarded-For or the peer), /stream?seconds=S&rate=BYTES_PER_SECOND
    :2222  TCP       echoes lines; the line `STREAM S RATE` starts a download of the same content as /stream
    :8082  HTTP      the same as 8080, after a PROXY header (v1 or v2) whose source /ip reports
"""

from __future__ import annotations

import asyncio
import ipaddress
import sys
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

HTTP_PORT, LINE_PORT, PROXY_PORT = 8080, 2222, 8082
PROXY_V2 = b"\r\n\r\n\x00\r\nQUIT\n"
TICK = 0.05
DEFAULT_RATE = 200_000


def block(index: int, size: int) -> bytes:
    """Return a block of a download: a function of its position, so that a client can distinguish a hole from an end."""
    stem = b"%08d " % index
    return (stem * (size // len(stem) + 1))[: size - 1] + b"\n"


def plan(seconds: float, rate: int) -> tuple[int, int]:
    """Return the number and the size of the blocks of a download of that length and rate."""
    return max(1, round(seconds / TICK)), max(16, int(rate * TICK))


class Http(asyncio.Protocol):
    """HTTP/1.1 with keep-alive and pipelining; bodies of requests are not expected."""

    def __init__(self, name: str, *, expects_proxy: bool = False) -> None:
        self.expects_proxy = expects_proxy
        body = f"hello from {name}\n".encode()
        self.plain = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        self.buffer = b""
        self.source = ""
        self.transport: asyncio.Transport
        self.download: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        peer = transport.get_extra_info("peername")
        self.source = str(peer[0]) if peer else ""

    def connection_lost(self, exc: Exception | None) -> None:
        if self.download is not None:
            self.download.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.expects_proxy and not self._take_proxy_header():
            return
        while self.download is None and (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head, self.buffer = self.buffer[:end], self.buffer[end + 4 :]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        if head.startswith(b"GET / ") and b"lose" not in head:
            self.transport.write(self.plain)
            return
        lines = head.decode("latin-1").split("\r\n")
        headers = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines[1:])}
        words = lines[0].split(" ")
        target = urlsplit(words[1]) if len(words) == 3 else urlsplit("/?")
        closes = headers.get("connection", "").lower() == "close"
        if target.path == "/stream":
            query = parse_qs(target.query)
            seconds = float(query.get("seconds", ["20"])[0])
            rate = int(query.get("rate", [str(DEFAULT_RATE)])[0])
            self.download = asyncio.ensure_future(self._stream(seconds, rate))
            return
        if target.path == "/":
            self.transport.write(self.plain)
        elif target.path == "/ip":
            self._write(headers.get("x-forwarded-for", self.source), "200 OK")
        else:
            self._write("no such page", "404 Not Found")
        if closes:
            self.transport.close()

    def _write(self, text: str, status: str) -> None:
        body = text.encode() + b"\n"
        head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)

    async def _stream(self, seconds: float, rate: int) -> None:
        count, size = plan(seconds, rate)
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
        await paced(count, lambda index: self.transport.write(b"%x\r\n%b\r\n" % (size, block(index, size))))
        self.transport.write(b"0\r\n\r\n")
        self.download = None

    def _take_proxy_header(self) -> bool:
        """Remove the PROXY header once it is whole; True when the rest of the buffer is HTTP."""
        taken = parse_proxy_header(self.buffer)
        if taken is None:
            return False
        length, source = taken
        if not length:
            self.transport.abort()
            return False
        self.buffer, self.source, self.expects_proxy = self.buffer[length:], source or self.source, False
        return True


def parse_proxy_header(data: bytes) -> tuple[int, str] | None:
    """Return length and source address of a PROXY header; None when more bytes are needed, length 0 when it is none."""
    if data.startswith(b"PROXY "):
        end = data.find(b"\r\n")
        words = data[:end].decode("latin-1").split(" ")
        source = words[2] if words[1] in {"TCP4", "TCP6"} and len(words) > 2 else ""
        return (end + 2, source) if end >= 0 else None
    if data.startswith(PROXY_V2) and len(data) >= 16:
        length = 16 + int.from_bytes(data[14:16], "big")
        return (length, _source_of_v2(data)) if len(data) >= length else None
    might_be_one = data.startswith(PROXY_V2) or PROXY_V2.startswith(data) or b"PROXY ".startswith(data)
    return None if might_be_one else (0, "")


def _source_of_v2(data: bytes) -> str:
    is_local, family = data[12] & 0x0F == 0, data[13] >> 4
    size = {1: 4, 2: 16}.get(family, 0)  # a health check speaks for itself (LOCAL) and names nobody
    return "" if is_local or not size else str(ipaddress.ip_address(data[16 : 16 + size]))


async def paced(count: int, send: Callable[[int], None]) -> None:
    """Send blocks at a constant rate, by the clock: a late block does not delay the ones after it."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    for index in range(count):
        send(index)
        await asyncio.sleep(max(0.0, start + (index + 1) * TICK - loop.time()))


async def serve_lines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while line := await reader.readline():
            words = line.split()
            if words[:1] == [b"STREAM"]:
                count, size = plan(float(words[1]), int(words[2]))
                await paced(count, lambda index, size=size: writer.write(block(index, size)))  # type: ignore[misc]
                writer.write(b"DONE\n")
            else:
                writer.write(line)
            await writer.drain()
    except (ConnectionError, ValueError, IndexError):
        pass  # the client's affair
    finally:
        writer.close()


async def serve(address: str, name: str) -> None:
    loop = asyncio.get_running_loop()
    # A backlog for the moments when a load generator opens all its connections at once.
    await loop.create_server(lambda: Http(name), address, HTTP_PORT, backlog=1024)
    await loop.create_server(lambda: Http(name, expects_proxy=True), address, PROXY_PORT, backlog=1024)
    await asyncio.start_server(serve_lines, address, LINE_PORT, backlog=1024)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2]))
