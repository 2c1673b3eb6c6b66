"""DNS and DHCP probes against real servers in a router's namespace, several generations at once."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from lab import name_server
from supervisor.edges.probes import ProtocolProber
from supervisor.edges.probes.dhcp_packet import (
    DhcpMessage,
    Direction,
    MessageType,
    decode,
    discover,
    encode,
    renewal,
    request,
)
from supervisor.values.errors import ProbeError
from supervisor.values.state import ExecResult, ProbeResult, ProbeTarget
from tests.kit.live.probe_servers import Ask, Lab, Run, Serve, close, hang, ip, probe, say, wait_until

pytestmark = pytest.mark.integration

MAC, STRANGER = "00:0c:01:02:03:04", "00:0c:ff:ff:ff:ff"
LEASE = "0 00:0c:01:02:03:05 10.1.1.21 vm-002 01:00:0c:01:02:03:05\n"

Server = Callable[..., Path]


@pytest.fixture
def server(lab: Lab, run: Run, tmp_path: Path) -> Server:
    """Start a generation of the name and address server; return its lease file."""

    def start(dns: int, dhcp: int, address: str, *options: str, binding: str = "--bind-dynamic") -> Path:
        hosts, leases = tmp_path / f"hosts-{dhcp}", tmp_path / f"leases-{dhcp}"
        hosts.mkdir()
        (hosts / "vm").write_text(f"{MAC},{address},vm-001,infinite\n")
        leases.write_text(LEASE)
        run(
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root",
            "--pid-file=", "--interface=eth0", binding, f"--port={dns}", f"--dhcp-alternate-port={dhcp},68",
            "--dhcp-authoritative", "--dhcp-range=10.1.1.1,static", f"--dhcp-hostsdir={hosts}",
            f"--dhcp-leasefile={leases}", f"--host-record=vm-001.cs.lab,{address}", "--local=/cs.lab/",
            "--log-facility=-", *options, within=lab.router,
        )  # fmt: skip
        wait_until(lambda: f":{dhcp:04X} " in lab.router.inside(Path("/proc/thread-self/net/udp").read_text))
        wait_until(lambda: f":{dns:04X} " in lab.router.inside(Path("/proc/thread-self/net/tcp").read_text))
        return leases

    return start


@pytest.fixture
def router_ask(ask: Ask, lab: Lab) -> Ask:
    return lambda *arguments, **named: lab.router.inside(lambda: ask(*arguments, **named))


def test_names(router_ask: Ask, server: Server) -> None:
    server(1053, 1067, "10.1.1.20")

    def names(**arguments: str) -> tuple[bool, str]:
        result: ProbeResult = router_ask("dns", port=1053, **arguments)
        assert result.seconds < 0.9
        return result.is_good, result.message

    assert names(name="vm-001.cs.lab", expect="10.1.1.20") == (
        True,
        "DNS vm-001.cs.lab A at 127.0.0.1:1053: answered 10.1.1.20",
    )
    assert names(name="vm-001.cs.lab", expect="10.1.1.20", protocol="tcp", address="10.1.1.1") == (
        True,
        "DNS vm-001.cs.lab A at 10.1.1.1:1053 by TCP: answered 10.1.1.20",
    )
    assert names(name="vm-001.cs.lab", expect="10.1.1.99") == (
        False,
        "DNS vm-001.cs.lab A at 127.0.0.1:1053: answered 10.1.1.20, expected 10.1.1.99",
    )
    assert names(name="vm-999.cs.lab", expect="10.1.1.20") == (
        False,
        "DNS vm-999.cs.lab A at 127.0.0.1:1053: answered NXDOMAIN, expected 10.1.1.20",
    )
    assert names(name="vm-999.cs.lab") == (
        False,
        "DNS vm-999.cs.lab A at 127.0.0.1:1053: answered NXDOMAIN, expected NOERROR",
    )
    assert names(name="vm-001.cs.lab", type="AAAA") == (
        True,
        "DNS vm-001.cs.lab AAAA at 127.0.0.1:1053: answered nothing",
    )
    assert names(name="20.1.1.10.in-addr.arpa", type="ptr", expect="vm-001.cs.lab")[0]


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_a_name_server_that_is_not_there_is_known_at_once(router_ask: Ask, protocol: str) -> None:
    result = router_ask("dns", port=1053, name="a.example", protocol=protocol, expect="10.0.0.1")
    assert not result.is_good
    assert result.message.endswith("connection refused, nothing listens there, expected 10.0.0.1")
    assert result.seconds < 0.5


@pytest.mark.parametrize(
    ("behave", "outcome"),
    [
        pytest.param(hang, "no answer within 0.4 s", id="hangs"),
        pytest.param(close, "connection closed before an answer came", id="closes"),
        pytest.param(say(b"\0\x04junk"), "not a DNS answer (ShortHeader)", id="junk"),
        pytest.param(say(b"\0\x0c" + b"\0" * 12), "not a DNS answer (FormError)", id="another question's answer"),
    ],
)
def test_a_name_server_that_misbehaves_by_tcp(ask: Ask, serve: Serve, behave: object, outcome: str) -> None:
    result = ask("dns", timeout=0.4, port=serve(behave).port, name="a.example", protocol="tcp")
    assert (result.is_good, result.message.partition(": ")[2]) == (False, outcome)
    assert result.seconds < 1.5


@contextmanager
def datagrams(address: str, port: int, answers: Callable[[bytes], list[bytes]]) -> Iterator[int]:
    """Run a server over UDP that answers as `answers` says, in the namespace of the caller."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((address, port))
        listener.settimeout(0.05)
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                try:
                    question, sender = listener.recvfrom(4096)
                except TimeoutError:
                    continue
                if sender == listener.getsockname():  # what was sent to a relay on our own address
                    continue
                for answer in answers(question):
                    relayed = question[24:28] == socket.inet_aton(address) and len(question) >= 300
                    listener.sendto(answer, (address, port) if relayed and port else sender)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            ended.set()
            thread.join(5)


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        pytest.param([], "no answer within 0.4 s", id="silence"),
        pytest.param([b"x"], "not a DNS answer (ShortHeader)", id="junk"),
        pytest.param([b"\0" * 12], "no answer within 0.4 s", id="another question's answer is not ours"),
    ],
)
def test_a_name_server_that_misbehaves(ask: Ask, answers: list[bytes], outcome: str) -> None:
    with datagrams("127.0.0.1", 0, lambda question: answers) as port:
        result = ask("dns", timeout=0.4, port=port, name="a.example")
    assert (result.is_good, result.message.partition(": ")[2]) == (False, outcome)
    assert result.seconds < 1.5


# ---------------------------------------------------------------- DHCP


def dhcp(router_ask: Ask, port: int, mac: str = MAC, timeout: float = 1.0, **arguments: str) -> ProbeResult:
    return router_ask("dhcp", timeout=timeout, address="10.1.1.1", port=port, mac=mac, **arguments)


@pytest.mark.parametrize("binding", ["--bind-dynamic", "--bind-interfaces"])
def test_what_would_be_offered(router_ask: Ask, server: Server, binding: str) -> None:
    server(1053, 1067, "10.1.1.20", binding=binding)
    result = dhcp(router_ask, 1067, expect="10.1.1.20")
    assert result.is_good
    assert result.message == f"DHCP DISCOVER of {MAC} at 10.1.1.1:1067: answered OFFER of 10.1.1.20"
    assert result.seconds < 0.5

    other = dhcp(router_ask, 1067, expect="10.1.1.21")
    assert not other.is_good
    assert other.message.endswith("answered OFFER of 10.1.1.20, expected an OFFER of 10.1.1.21")

    stranger = dhcp(router_ask, 1067, mac=STRANGER, timeout=0.4)
    assert not stranger.is_good
    assert stranger.message.endswith("no answer within 0.4 s, expected an OFFER of an address")


def test_each_generation_answers_for_itself(router_ask: Ask, server: Server) -> None:
    server(1053, 1067, "10.1.1.20")
    server(1153, 1167, "10.1.1.30")
    for _ in range(10):
        assert dhcp(router_ask, 1067, expect="10.1.1.20").is_good
        assert dhcp(router_ask, 1167, expect="10.1.1.30").is_good


def test_a_server_of_two_networks(router_ask: Ask, server: Server, lab: Lab, tmp_path: Path) -> None:
    lab.connect("eth3")
    ip("-n", lab.router.name, "addr", "add", "10.2.2.1/24", "dev", "eth3")
    ip("-n", lab.router.name, "link", "set", "eth3", "up")
    second = f"--dhcp-host={MAC},10.2.2.20"
    server(1053, 1067, "10.1.1.20", "--interface=eth3", "--dhcp-range=10.2.2.1,static", second)
    assert dhcp(router_ask, 1067, expect="10.1.1.20").is_good
    assert router_ask("dhcp", address="10.2.2.1", port=1067, mac=MAC, expect="10.2.2.20").is_good


def test_no_lease_is_made_and_no_guest_hears_it(router_ask: Ask, server: Server, lab: Lab) -> None:
    leases = server(1053, 1067, "10.1.1.20")
    wait_until(lambda: leases.read_text().startswith("0 00:0c"))

    def overheard() -> socket.socket:
        listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
        listener.bind(("eth0", 0x0003))
        return listener

    with lab.guest.inside(overheard) as listener:
        for mac in (MAC, "00:0c:01:02:03:05", STRANGER):
            dhcp(router_ask, 1067, mac=mac, timeout=0.3)
        time.sleep(0.3)
        listener.setblocking(False)
        frames: list[bytes] = []
        while len(frames) < 1000:
            try:
                frames.append(listener.recv(2048))
            except BlockingIOError:
                break
    assert [frame for frame in frames if frame[12:14] in {b"\x08\x00", b"\x08\x06"}] == []  # neither IPv4 nor ARP
    assert leases.read_text() == LEASE


def test_what_clients_send_still_reaches_the_server(router_ask: Ask, server: Server, lab: Lab, tmp_path: Path) -> None:
    """While probes are asked as fast as they can be, a guest's unicast requests all get their answer."""
    server(1053, 1067, "10.1.1.20")
    ended = threading.Event()
    asked: list[bool] = []

    def pester() -> None:
        while not ended.is_set():
            asked.append(dhcp(router_ask, 1067).is_good)

    def renew() -> int:
        acknowledged = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind(("10.1.1.20", 68))
            client.connect(("10.1.1.1", 1067))
            client.settimeout(2)
            for xid in range(1, 101):
                client.send(encode(renewal(MAC, xid, IPv4Address("10.1.1.20"))))
                reply = decode(client.recv(2048))
                time.sleep(0.005)
                acknowledged += (reply.xid, reply.type) == (xid, MessageType.ACK)
        return acknowledged

    thread = threading.Thread(target=pester)
    thread.start()
    try:
        assert lab.guest.inside(renew) == 100
    finally:
        ended.set()
        thread.join(10)
    assert len(asked) > 10
    assert all(asked)


def test_two_probes_at_once_do_not_take_each_others_answer(router_ask: Ask, server: Server) -> None:
    server(1053, 1067, "10.1.1.20", f"--dhcp-host={STRANGER},10.1.1.40")
    wrong: list[str] = []

    def many(mac: str, expect: str) -> None:
        wrong.extend(r.message for _ in range(40) if not (r := dhcp(router_ask, 1067, mac=mac, expect=expect)).is_good)

    threads = [threading.Thread(target=many, args=pair) for pair in ((MAC, "10.1.1.20"), (STRANGER, "10.1.1.40"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


def test_a_lease_can_be_requested_with_the_same_messages(lab: Lab, server: Server) -> None:
    """Do as a replay would: relayed DISCOVER and REQUEST, the answers read where a relay on this address reads them."""
    leases = server(1053, 1067, "10.1.1.20")

    def exchange() -> tuple[DhcpMessage, DhcpMessage]:
        router = IPv4Address("10.1.1.1")
        with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as heard, socket.socket(type=socket.SOCK_DGRAM) as out:
            heard.bind(("lo", 0x0800))
            heard.settimeout(2)

            def ask(message: DhcpMessage) -> DhcpMessage:
                out.sendto(encode(message), ("10.1.1.1", 1067))
                while True:
                    packet = heard.recv(2048)
                    if packet[28] == Direction.REPLY:
                        return decode(packet[28:])

            offer = ask(discover(MAC, 1, relay=router))
            return offer, ask(request(MAC, 2, offer.yiaddr, server=offer.server, relay=router))

    offer, acknowledgement = lab.router.inside(exchange)
    assert offer.type is MessageType.OFFER
    assert acknowledgement.type is MessageType.ACK
    assert acknowledgement.yiaddr == IPv4Address("10.1.1.20")
    assert acknowledgement.lease_seconds == 0xFFFFFFFF
    wait_until(lambda: MAC in leases.read_text())


def test_a_server_that_is_not_there_is_known_at_once(router_ask: Ask) -> None:
    result = dhcp(router_ask, 1067)
    assert not result.is_good
    assert "connection refused" in result.message
    assert result.seconds < 0.5


def test_what_is_asked_from_an_address_that_is_not_the_routers_tells_nothing(router_ask: Ask) -> None:
    result = router_ask("dhcp", address="10.9.9.9", port=1067, mac=MAC)
    assert not result.is_telling
    assert "cannot listen for DHCP answers to 10.9.9.9" in result.message


def reply_to(question: bytes, **changes: Any) -> bytes:
    offer = DhcpMessage(
        direction=Direction.REPLY,
        mac=MAC,
        type=MessageType.OFFER,
        xid=decode(question).xid,
        yiaddr=IPv4Address("10.1.1.20"),
    )
    return encode(replace(offer, **changes))


@pytest.mark.parametrize(
    ("answers", "is_good", "outcome"),
    [
        pytest.param(lambda q: [], False, "no answer within 0.4 s", id="hangs"),
        pytest.param(lambda q: [q], False, "no answer within 0.4 s", id="an echo is no reply"),
        pytest.param(lambda q: [reply_to(q, xid=1)], False, "no answer within 0.4 s", id="another transaction"),
        pytest.param(lambda q: [reply_to(q, type=MessageType.NAK)], False, "answered NAK of 10.1.1.20", id="refuses"),
        pytest.param(lambda q: [reply_to(q)[:100]], False, "not a DHCP answer (100 bytes are too few)", id="cut short"),
        pytest.param(lambda q: [b"?", reply_to(q, xid=1), reply_to(q)], True, "answered OFFER", id="noise, then ours"),
    ],
)
def test_a_server_that_misbehaves(
    router_ask: Ask, lab: Lab, answers: Callable[[bytes], list[bytes]], is_good: bool, outcome: str
) -> None:
    context = datagrams("10.1.1.1", 1067, answers)
    lab.router.inside(context.__enter__)
    try:
        result = dhcp(router_ask, 1067, timeout=0.4)
    finally:
        context.__exit__(None, None, None)
    assert result.is_good is is_good
    assert result.message.partition(":1067: ")[2].startswith(outcome)
    assert result.seconds < 1.5


# ---------------------------------------------------------------- replayed leases


def test_what_another_server_granted_is_granted_anew(lab: Lab, server: Server) -> None:
    """A client with an identifier and a name, one without, and one that renewed: all as the first server has them."""
    leases = server(1053, 1067, "10.1.1.20", "--dhcp-range=10.1.1.100,10.1.1.150,1h")
    soon = int(time.time()) + 600
    granted = (
        f"{soon} 00:0c:01:02:03:aa 10.1.1.101 laptop 01:00:0c:01:02:03:aa\n"
        f"{soon} 00:0c:01:02:03:bb 10.1.1.102 * *\n"
        f"1000000000 00:0c:01:02:03:cc 10.1.1.103 * *\n"
        f"{soon} 00:0c:01:02:03:dd 10.9.9.9 * *\n"
        "duid 00:01:00:01:2f:11:22:33:00:0c:01:02:03:04\n"
    ).encode()
    source = probe("leases", file="any", network="10.1.1.0/24", address="10.1.1.1", port=1067)
    prober, target = ProtocolProber(lambda *_: ExecResult(1, b"", b"")), ProbeTarget("vrs-test-1", None, ())

    def replay() -> int:
        return lab.router.inside(lambda: prober.replay(source, granted, leases.read_bytes(), target))

    assert replay() == 2
    wait_until(lambda: "10.1.1.102" in leases.read_text())
    held = {fields[1]: fields[2:] for line in leases.read_text().splitlines() if len(fields := line.split()) == 5}
    assert held["00:0c:01:02:03:aa"] == ["10.1.1.101", "laptop", "01:00:0c:01:02:03:aa"]
    assert held["00:0c:01:02:03:bb"] == ["10.1.1.102", "*", "*"]
    assert {"00:0c:01:02:03:cc", "00:0c:01:02:03:dd"}.isdisjoint(held)
    assert replay() == 0

    refused = f"{soon} 00:0c:01:02:03:ee 10.1.1.20 * *\n".encode()  # reserved for somebody else
    with pytest.raises(ProbeError, match=r"cannot replay 1 of 1 leases .* at vrs-test-1: 10\.1\.1\.20 for .*:ee: "):
        lab.router.inside(lambda: prober.replay(source, refused, b"", target))


@pytest.mark.parametrize("kind", ["dhcp", "exec"])
def test_only_leases_are_replayed(kind: str) -> None:
    prober = ProtocolProber(lambda *_: ExecResult(1, b"", b""))
    with pytest.raises(ProbeError, match=f"cannot replay '{kind}'"):
        prober.replay(probe(kind), b"", b"", ProbeTarget("vrs-test-1", None, ()))


@pytest.mark.parametrize(("codes", "is_good"), [("", False), ("any", True), ("REFUSED, NOERROR", True)])
def test_an_answer_is_an_answer(ask: Ask, run: Run, codes: str, is_good: bool) -> None:
    """A name server that refuses to forward is there all the same."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = int(taken.getsockname()[1])
    run("dnsmasq", "--keep-in-foreground", f"--port={port}", "--listen-address=127.0.0.1", "--bind-interfaces",
        "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--pid-file=")  # fmt: skip
    more = {"codes": codes} if codes else {}
    question = {"port": port, "name": ".", "type": "NS", **more}
    wait_until(lambda: "REFUSED" in ask("dns", **question).message)
    assert ask("dns", **question).is_good == is_good


@pytest.mark.parametrize(
    ("mode", "size", "is_good"),
    [("formerr", 0, True), ("formerr", 1232, False), ("drop", 1232, False), ("serve", 1232, True)],
)
def test_a_dns_probe_asks_with_edns_where_it_is_told_to(ask: Ask, mode: str, size: int, is_good: bool) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)

        def serve() -> None:
            question, asker = server.recvfrom(4096)
            if given := name_server.answer(question, mode):
                server.sendto(given, asker)

        thread = threading.Thread(target=serve)
        thread.start()
        port = server.getsockname()[1]
        result = ask("dns", 0.5, address="127.0.0.1", port=port, name=".", type="NS", edns=size)
        thread.join(6)
    assert result.is_good is is_good, result
    assert ("with EDNS" in result.message) is (size > 0)
