"""DNS questions and answers of each client are counted by the kernel, whatever the real server between them counts."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address

import dns.exception
import dns.message
import dns.query
import dns.rcode
import pytest

from supervisor.edges.catalog import load_definition
from supervisor.edges.network.answers import TABLE, AnswerCounters
from supervisor.edges.probes import ProtocolProber
from supervisor.values.errors import EngineError
from supervisor.values.state import ProbeTarget, ResolvedProbe
from supervisor.values.tally import Reading, Tally
from tests.integration.probes.test_tally import ROOT
from tests.kit.live.probe_servers import Lab, Run, wait_until

PORT, OTHER = 1053, 1054
SERVER = IPv4Address("10.1.1.1")
GUEST = "10.1.1.20"
FAILED = (
    dns.rcode.FORMERR,
    dns.rcode.SERVFAIL,
    dns.rcode.NOTIMP,
    dns.rcode.REFUSED,
    dns.rcode.YXDOMAIN,
    dns.rcode.NOTAUTH,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


@pytest.fixture
def counters(lab: Lab) -> Iterator[AnswerCounters]:
    made = AnswerCounters()
    try:
        lab.router.inside(lambda: made.read("vrs-names-1", PORT))
        yield made
    finally:
        made.close()


@pytest.fixture
def names(lab: Lab, run: Run) -> None:
    """Run a name server that has one name and refuses all others, for it has no server to ask."""
    if not shutil.which("dnsmasq"):
        pytest.skip("dnsmasq is not installed")
    for port in (PORT, OTHER):
        run(
            *("dnsmasq", "-k", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--user=root"),
            *(f"--port={port}", "--host-record=known.test,192.0.2.1"),
            within=lab.router,
        )
        wait_until(lambda port=port: ask(lab, "known.test", 1, port) is not None)  # type: ignore[misc]


def ask(lab: Lab, name: str, times: int, port: int = PORT, server: str = str(SERVER)) -> int | None:
    """Ask from the guest, or from the router itself; return the last response code."""
    side = lab.router if server == "127.0.0.1" else lab.guest

    def asking() -> int | None:
        code = None
        for _ in range(times):
            try:
                code = dns.query.udp(dns.message.make_query(name, "A"), server, 0.5, port).rcode()
            except (dns.exception.DNSException, OSError):
                return None
        return code

    return side.inside(asking)


def read(lab: Lab, counters: AnswerCounters, container: str, port: int, servers: str = "") -> Reading:
    """Read the counters as the shipped manifest says."""
    (counter,) = load_definition(ROOT / "services/dnsmasq").manifest.errors

    def execute(*_: object) -> None:
        raise EngineError("cannot run it: nobody should")

    prober = ProtocolProber(execute, counters.read)  # type: ignore[arg-type]
    source = ResolvedProbe("answers", (("port", str(port)), ("servers", servers)), 1.0)
    target = ProbeTarget(container, None, ())
    return lab.router.inside(lambda: prober.tally(source, counter, target))


def guest(failed: int, total: int, answered: int, **kinds: int) -> Tally:
    return Tally("", failed, total, GUEST, answered, 0, tuple(sorted(kinds.items())))


@pytest.mark.usefixtures("names")
def test_what_a_guest_asked_and_was_answered_is_told_apart_from_another_port(
    lab: Lab, counters: AnswerCounters
) -> None:
    assert read(lab, counters, "vrs-names-1", PORT) == Reading(())
    read(lab, counters, "vrs-names-2", OTHER)
    assert ask(lab, "known.test", 7) == dns.rcode.NOERROR
    assert ask(lab, "unknown.test", 3) == dns.rcode.REFUSED
    assert ask(lab, "known.test", 2, OTHER) == dns.rcode.NOERROR
    assert read(lab, counters, "vrs-names-1", PORT).parts == (guest(3, 10, 7, REFUSED=3),)
    assert read(lab, counters, "vrs-names-2", OTHER).parts == (guest(0, 2, 2),)
    assert ask(lab, "unknown.test", 4, server="127.0.0.1") == dns.rcode.REFUSED  # a probe's
    assert read(lab, counters, "vrs-names-1", PORT).parts == (guest(3, 10, 7, REFUSED=3),)
    assert read(lab, counters, "vrs-names-4", PORT).parts == (guest(0, 0, 0),)  # who has the port next begins anew


@pytest.mark.usefixtures("names")
def test_a_guest_over_ipv6_is_a_client_too(lab: Lab, counters: AnswerCounters) -> None:
    for side, address in ((lab.router, "fd00::1"), (lab.guest, "fd00::20")):
        add_address(side.path, address)
    wait_until(lambda: ask(lab, "known.test", 1, server="fd00::1") is not None)
    assert ask(lab, "unknown.test", 2, server="fd00::1") == dns.rcode.REFUSED
    (found,) = read(lab, counters, "vrs-names-1", PORT).parts
    assert (found.source, found.failed, found.answered) == ("fd00::20", 2, 1)


def test_every_code_but_two_has_failed(lab: Lab, counters: AnswerCounters) -> None:
    codes = (*FAILED, dns.rcode.NXDOMAIN, dns.rcode.NOERROR)

    def answer() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind((str(SERVER), PORT))
            for code in codes:
                response = dns.message.make_response(dns.message.make_query("a.test", "A"))
                response.set_rcode(code)
                server.sendto(response.to_wire(), (GUEST, 9))

    lab.router.inside(answer)
    kinds = {"FORMERR": 1, "SERVFAIL": 1, "NOTIMP": 1, "REFUSED": 1, "OTHER": 2}
    assert read(lab, counters, "vrs-names-1", PORT).parts == (guest(6, 0, 2, **kinds),)


def test_other_servers_are_counted_by_address(lab: Lab, counters: AnswerCounters) -> None:
    """The guest plays two servers of the router's: one that refuses, one that is silent."""
    silent = "10.1.1.77"
    read(lab, counters, "vrs-names-1", PORT, f"{GUEST} {silent}")

    def exchange() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker, contextlib.suppress(OSError):
            asker.settimeout(2)
            asker.sendto(dns.message.make_query("a.test", "A").to_wire(), (GUEST, 53))
            asker.recv(512)
            asker.sendto(b"x", (silent, 53))

    with lab.guest.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as server:
        server.bind((GUEST, 53))
        server.settimeout(5)
        answering = threading.Thread(target=refuse_one, args=(server,))
        answering.start()
        lab.router.inside(exchange)
        answering.join(6)
    found = read(lab, counters, "vrs-names-1", PORT, f"{GUEST} {silent}").servers
    assert [(one.name, one.total, one.declined, one.failed, one.answered) for one in found] == [
        (GUEST, 1, 1, 0, 0),
        (silent, 1, 0, 0, 0),
    ]


def test_the_table_outlives_a_flush_and_ends_with_its_maker(lab: Lab, counters: AnswerCounters) -> None:
    def nft(*words: str) -> str:
        command = ["nsenter", f"--net={lab.router.path}", "nft", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    nft("flush", "ruleset")
    assert read(lab, counters, "vrs-names-1", PORT) == Reading(())
    assert TABLE in nft("list", "tables")
    counters.close()
    assert TABLE not in nft("list", "tables")


def add_address(namespace: object, address: str) -> None:
    """Add an address without waiting for duplicate address detection."""
    show = ["nsenter", f"--net={namespace}", "ip", "-o", "-4", "addr", "show", "scope", "global"]
    card = subprocess.run(show, capture_output=True, text=True, check=True).stdout.split()[1]
    command = ["nsenter", f"--net={namespace}", "ip", "addr", "add", f"{address}/64", "dev", card, "nodad"]
    subprocess.run(command, check=True)


def refuse_one(server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        question, asker = server.recvfrom(512)
        response = dns.message.make_response(dns.message.from_wire(question))
        response.set_rcode(dns.rcode.REFUSED)
        server.sendto(response.to_wire(), asker)
