"""A router in two namespaces, and servers that answer, hang, drip or close: what real probes are asked of."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TypeVar

from supervisor.values.state import ProbeResult, ResolvedProbe

T = TypeVar("T")
CLONE_NEWNET = 0x40000000


def wait_until(is_true: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "the daemon did not become ready"
        time.sleep(0.02)


def probe(kind: str, timeout: float = 1.0, **arguments: object) -> ResolvedProbe:
    return ResolvedProbe(kind, tuple((name, str(value)) for name, value in arguments.items()), timeout)


Ask = Callable[..., ProbeResult]


class Web(BaseHTTPRequestHandler):
    """A server that answers 500 where the path has the word `bad`, and 200 elsewhere."""

    def do_GET(self) -> None:
        self.send_response(500 if "bad" in self.path else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@dataclass
class Namespace:
    name: str

    @property
    def path(self) -> str:
        return f"/run/netns/{self.name}"

    def inside(self, function: Callable[[], T]) -> T:
        """Call a function in a thread of its own that lives in the namespace."""

        def enter() -> T:
            handle = os.open(self.path, os.O_RDONLY)
            try:
                if ctypes.CDLL(None, use_errno=True).setns(handle, CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            finally:
                os.close(handle)
            return function()

        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(enter).result()


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@dataclass
class Lab:
    """A router and a guest beside it."""

    router: Namespace = field(default_factory=lambda: Namespace(f"vrt-probes-{os.getpid()}-r"))
    guest: Namespace = field(default_factory=lambda: Namespace(f"vrt-probes-{os.getpid()}-g"))

    def connect(self, interface: str) -> None:
        """Make a pair of interfaces, one end on each side."""
        peer = ("peer", "name", interface, "netns", self.guest.name)
        ip("-n", self.router.name, "link", "add", interface, "type", "veth", *peer)


Run = Callable[..., "subprocess.Popen[bytes]"]


@dataclass
class Misbehaving:
    """A stream server whose every connection is given to `behave` in a thread, and closed afterwards."""

    listener: socket.socket
    behave: Callable[[socket.socket, threading.Event], None]
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                self.behave(connection, self.ended)


Serve = Callable[..., Misbehaving]


# Behaviours: each ends when the client leaves or the test does.


def hang(connection: socket.socket, ended: threading.Event) -> None:
    ended.wait(20)


def close(connection: socket.socket, ended: threading.Event) -> None:
    connection.recv(4096)


def say(answer: bytes) -> Callable[[socket.socket, threading.Event], None]:
    def behave(connection: socket.socket, ended: threading.Event) -> None:
        connection.recv(4096)
        connection.sendall(answer)

    return behave


def drip(answer: bytes, pause: float = 0.1) -> Callable[[socket.socket, threading.Event], None]:
    """Send one byte after another, each well within any time-out per read."""

    def behave(connection: socket.socket, ended: threading.Event) -> None:
        connection.recv(4096)
        for byte in answer:
            if ended.wait(pause):
                return
            connection.sendall(bytes((byte,)))

    return behave
