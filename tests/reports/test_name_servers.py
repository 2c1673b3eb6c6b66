"""Several name servers outside: what guests are answered when one of them is ill, with the daemons of both releases."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import dns.message
import dns.rcode
import dns.rrset
import pytest

from supervisor.values.router import Dns, GuestNetwork
from tests.kit.live.probe_servers import Namespace
from tests.reports.alone import RELEASES, Alone, one_router, router_of, unpack

pytestmark = pytest.mark.integration

LAN = GuestNetwork("eth0", IPv4Interface("10.1.1.1/24"), IPv4Address("10.1.1.1"), "cs.lab", (IPv4Address("10.1.1.1"),))
SERVERS = (IPv4Address("127.0.0.2"), IPv4Address("127.0.0.3"))


@contextlib.contextmanager
def name_server(namespace: Namespace, address: IPv4Address, answer: str, delay: float = 0.0) -> Iterator[None]:
    """A server that answers everything with `answer` after a while: good, silent, or the name of a response code."""

    def bound() -> socket.socket:
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        listener.bind((str(address), 53))
        listener.settimeout(0.05)
        return listener

    def reply(question: bytes, asker: tuple[str, int]) -> None:
        query = dns.message.from_wire(question)
        response = dns.message.make_response(query)
        if answer == "good":
            response.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", "192.0.2.7"))
        else:
            response.set_rcode(dns.rcode.from_text(answer))
        time.sleep(delay)
        listener.sendto(response.to_wire(), asker)

    def serve() -> None:
        while not ended.is_set():
            try:
                question, asker = listener.recvfrom(4096)
            except TimeoutError:
                continue
            if answer != "silent":
                reply(question, asker)

    ended, listener = threading.Event(), namespace.inside(bound)
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(5)
        listener.close()


@pytest.mark.parametrize("release", RELEASES)
def test_one_name_server_that_fails_at_once_does_not_take_every_name(release: str, tmp_path: Path) -> None:
    """One that answered SERVFAIL sooner than the other answered at all got every question: no outside name was found.

    The price: while the first says nothing, a name that is not known yet comes with the client's second question.
    """
    with one_router("10.1.1.0/24") as namespace:
        alone = Alone(namespace, unpack(release, "dnsmasq", tmp_path / "files"), tmp_path / "run", "dnsmasq")
        alone.start(router_of([LAN], dns=Dns(SERVERS)))
        try:
            for number, (first, second) in enumerate(
                [("SERVFAIL", "good"), ("good", "SERVFAIL"), ("REFUSED", "good"), ("good", "silent")]
            ):
                delays = [0.02 if answer == "good" else 0.0 for answer in (first, second)]
                with (
                    name_server(namespace, SERVERS[0], first, delays[0]),
                    name_server(namespace, SERVERS[1], second, delays[1]),
                ):
                    for name in range(5):
                        found = alone.dig(f"name-{number}-{name}.example.")
                        assert found == ["192.0.2.7"], (first, second, name)
            with name_server(namespace, SERVERS[0], "silent"), name_server(namespace, SERVERS[1], "good"):
                assert alone.dig("+time=2", "+tries=2", "late.example.") == ["192.0.2.7"]
        finally:
            alone.stop()
