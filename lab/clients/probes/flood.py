"""Connections that are held, filled slowly, dropped or used without an end, as many as the router lets in."""

from __future__ import annotations

import selectors
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import dns.message

from lab.clients.probes.tally import Tally, options

PAUSE = 0.5  # seconds between two pieces on one connection
PATIENCE = 3.0  # seconds that an attempt to connect may take
QUESTION = dns.message.make_query("vm-001.cs.lab", "A").to_wire()
ASKING = struct.pack("!H", len(QUESTION)) + QUESTION
PIECES: dict[tuple[str, str], tuple[bytes, bytes]] = {
    ("http", "slow headers"): (b"GET / HTTP/1.1\r\nHost: r\r\n", b"X: y\r\n"),
    ("http", "slow bodies"): (b"POST / HTTP/1.1\r\nHost: r\r\nContent-Length: 9999\r\n\r\n", b"x"),
    ("http", "hogs"): (b"GET / HTTP/1.1\r\nHost: r\r\n\r\n", b"GET / HTTP/1.1\r\nHost: r\r\n\r\n"),
    ("dns", "slow headers"): (ASKING[:1], b""),
    ("dns", "slow bodies"): (ASKING[:6], ASKING[6:7]),
    ("dns", "hogs"): (ASKING, ASKING),
}
"""What is sent first and then again and again; nothing: the connection stays idle."""


@dataclass(slots=True)
class Held:
    """One connection, or an attempt at one. `due` is when more is to be sent, or when the attempt is given up."""

    sock: socket.socket
    due: float
    is_open: bool = False


@dataclass(slots=True)
class Flooder:
    """Keeps as many connections as it was told to, and counts those that came about."""

    tally: Tally
    given: dict[str, Any]
    held: list[Held] = field(default_factory=list)
    watched: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def run(self) -> None:
        began, opened = time.monotonic(), 0
        first, more = PIECES.get((self.given["speech"], self.given["kind"]), (b"", b""))
        while not self.tally.is_stopped and (now := time.monotonic()) < began + self.given["seconds"]:
            allowed = round((now - began) * self.given["rate"]) - opened
            for _ in range(min(allowed, self.given["connections"] - len(self.held))):
                self.open(opened)
                opened += 1
            for key, _ in self.watched.select(0.02):
                self.heard(key.data, first)
            self.go_on(more)
        for one in self.held[:]:
            self.drop(one)

    def open(self, number: int) -> None:
        sources: Sequence[str] = self.given["sources"]
        sock = socket.socket()
        sock.setblocking(False)
        if source := sources[number % len(sources)]:
            sock.bind((source, 0))
        self.tally.sent += 1
        sock.connect_ex((self.given["address"], self.given["port"]))
        one = Held(sock, time.monotonic() + PATIENCE)
        self.held.append(one)
        self.watched.register(sock, selectors.EVENT_WRITE, one)

    def heard(self, one: Held, first: bytes) -> None:
        """Go on with a connection that came about, failed, was answered or was closed."""
        try:
            if not one.is_open:
                self.begin(one, first)
            elif not one.sock.recv(65536):
                self.drop(one)
        except OSError as error:
            self.tally.miss(type(error).__name__)
            self.drop(one)

    def begin(self, one: Held, first: bytes) -> None:
        one.sock.getpeername()  # raises if it failed
        one.is_open, one.due = True, time.monotonic() + PAUSE
        self.tally.succeed()
        if self.given["kind"] == "storm":
            self.drop(one)
            return
        one.sock.send(first)
        self.watched.modify(one.sock, selectors.EVENT_READ, one)

    def go_on(self, more: bytes) -> None:
        """Send the next piece where it is time, and give up attempts that nobody answers."""
        now = time.monotonic()
        for one in [one for one in self.held if one.due <= now]:
            if not one.is_open:
                self.tally.miss("nobody answers")
                self.drop(one)
                continue
            one.due = now + PAUSE
            try:
                one.sock.send(more)
            except OSError as error:
                self.tally.miss(type(error).__name__)
                self.drop(one)

    def drop(self, one: Held) -> None:
        self.watched.unregister(one.sock)
        self.held.remove(one)
        if self.given["kind"] == "storm":
            one.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.sock.close()


def main() -> None:
    given = options()
    tally = Tally(given["client"])
    Flooder(tally, given).run()
    tally.report()


if __name__ == "__main__":
    main()
