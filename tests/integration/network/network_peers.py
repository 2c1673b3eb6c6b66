"""Small servers that answer with their name, and clients that count what is lost."""

from __future__ import annotations

import itertools
import selectors
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

SO_NO_CHECK = 11


class Server:
    """Serves in the namespace of the thread that makes it.

    UDP: each datagram comes back with `name` before it. TCP: `name`, the client's address, a line; then an echo; the
    request b"stream" is answered by `length` bytes in slow pieces.
    """

    def __init__(self, name: str) -> None:
        self.name = name.encode()
        self._selector = selectors.DefaultSelector()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()
        self.seen: list[object] = []

    def udp(self, port: int, address: str = "0.0.0.0", device: str = "", answer_to: object = None) -> Server:
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        if ":" in address:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if device:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.bind((address, port))
        sock.settimeout(0.2)
        self._start(sock, lambda: self._answer(sock, answer_to))
        return self

    def tcp(self, port: int, address: str = "0.0.0.0") -> Server:
        is_dual = ":" in address
        family = socket.AF_INET6 if is_dual else socket.AF_INET
        sock = socket.create_server((address, port), family=family, dualstack_ipv6=is_dual)
        sock.settimeout(0.2)
        self._start(sock, lambda: self._accept(sock))
        return self

    def close(self) -> None:
        self._stop.set()
        for sock in self._sockets:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(5)
        for sock in self._sockets:
            sock.close()

    def _start(self, sock: socket.socket, body: object) -> None:
        self._sockets.append(sock)
        thread = threading.Thread(target=body, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _answer(self, sock: socket.socket, answer_to: object) -> None:
        while not self._stop.is_set():
            try:
                data, peer = sock.recvfrom(65535)
            except OSError:
                continue
            self.seen.append(peer)
            # A DHCP server answers relays on its own port: (address, None) stands for that.
            sock.sendto(self.name + b" " + data, answer_to or peer)  # type: ignore[arg-type]

    def _accept(self, listener: socket.socket) -> None:
        while not self._stop.is_set():
            try:
                sock, peer = listener.accept()
            except OSError:
                continue
            self.seen.append(peer[0])
            sock.settimeout(10)
            self._start(sock, lambda sock=sock, peer=peer: self._converse(sock, peer))

    def _converse(self, sock: socket.socket, peer: tuple[str, int]) -> None:
        try:
            sock.sendall(self.name + f" {peer[0]}\n".encode())
            while data := sock.recv(65535):
                if data != b"stream":
                    sock.sendall(self.name + b" " + data)
                    continue
                for _ in range(200):
                    sock.sendall(b"x" * 10_000)
                    time.sleep(0.005)
                return
        except OSError:
            return
        finally:
            sock.close()


@contextmanager
def closing(*things: Server) -> Iterator[None]:
    try:
        yield
    finally:
        for thing in things:
            thing.close()


class UdpClient(threading.Thread):
    """A client that asks without pause from one source port, and counts missing and misplaced answers."""

    def __init__(self, target: tuple[str, int], *, no_checksum: bool = False, size: int = 4) -> None:
        super().__init__(daemon=True)
        self._padding = bytes(size - 4)
        self._target = target
        self._socket = socket.socket(socket.AF_INET6 if ":" in target[0] else socket.AF_INET, socket.SOCK_DGRAM)
        if no_checksum:
            self._socket.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
        self._socket.settimeout(1.0)
        self._done = threading.Event()
        self.sent = self.lost = self.strange = 0
        self.longest = 0.0
        self.answered_by: set[bytes] = set()

    def run(self) -> None:
        for number in itertools.count():
            if self._done.is_set():
                return
            began = time.monotonic()
            self.ask(number)
            self.longest = max(self.longest, time.monotonic() - began)

    def ask(self, number: int) -> bytes:
        """Ask once; return the name of the server that answered."""
        self.sent += 1
        asked = struct.pack("!I", number) + self._padding
        self._socket.sendto(asked, self._target)
        try:
            data, peer = self._socket.recvfrom(65535)
        except (TimeoutError, ConnectionRefusedError):
            self.lost += 1
            return b""
        name, _, payload = data.partition(b" ")
        self.strange += peer[:2] != self._target or payload != asked
        self.answered_by.add(name)
        return name

    def finish(self) -> None:
        self._done.set()
        if self.ident:
            self.join(5)
        self._socket.close()


class TcpClient:
    """One connection; `greeting` is the name of the server and the client's address as seen by the server."""

    def __init__(self, target: tuple[str, int], source: str = "") -> None:
        self._socket = socket.create_connection(target, 3, (source, 0) if source else None)
        self._socket.settimeout(5)
        self._file = self._socket.makefile("rb")
        self.greeting = self._file.readline().decode().split()

    def echo(self, text: bytes = b"hello") -> str:
        self._socket.sendall(text)
        return self._file.read1(100).decode().split()[0]

    def download(self, progress: threading.Event | None = None) -> int:
        self._socket.sendall(b"stream")
        total = 0
        while data := self._file.read1(65535):
            total += len(data)
            if progress and total > 100_000:
                progress.set()
        return total

    def close(self) -> None:
        self._file.close()
        self._socket.close()
