"""The lab's command files: shaped like the management server's, in intake order, the same every time."""

from __future__ import annotations

import base64
import json
from collections import Counter
from pathlib import Path

import pytest

from lab import commands
from lab.clients import Dnsperf, Perfdhcp, Ping, Udhcpc, Wrk
from lab.servers import PROXY_V2, block, parse_proxy_header, plan
from lab.topology import extra_guests, guests_of_lab


def test_every_command_is_there_once_in_the_order_of_intake(tmp_path: Path) -> None:
    written = commands.write(tmp_path)
    assert [path.name for path in sorted(tmp_path.iterdir())] == [path.name for path in written]
    types = [json.loads(path.read_text())["type"] for path in written]
    assert types[:3] == ["cmdline", "ips", "guestnetwork"]
    assert types[-2:] == ["loadbalancer", "site2sitevpn"]
    assert Counter(types) | {} == Counter(
        cmdline=1, ips=1, guestnetwork=1, dhcpentry=204, vmdata=200, vmpassword=200, loadbalancer=1, site2sitevpn=1
    )


def test_writing_twice_gives_the_same_files(tmp_path: Path) -> None:
    first = {path.name: path.read_bytes() for path in commands.write(tmp_path / "a")}
    second = {path.name: path.read_bytes() for path in commands.write(tmp_path / "b")}
    assert first == second


def test_passwords_sent_again_have_new_names_and_the_same_content(tmp_path: Path) -> None:
    before = {path.name for path in commands.write(tmp_path)}
    again = commands.write_passwords(tmp_path, 1)
    assert len(again) == 200
    assert not before & {path.name for path in again}
    assert min(path.name for path in again) > max(before)
    assert json.loads(again[0].read_text())["password"] == guests_of_lab()[0].password


def test_guests_are_those_perfdhcp_plays() -> None:
    guests = guests_of_lab()
    assert (guests[0].mac, guests[0].address, guests[0].name) == ("00:0c:01:02:03:04", "10.1.1.20", "vm-001")
    assert (guests[-1].address, guests[-1].name) == ("10.1.1.219", "vm-200")
    everybody = (*guests, *extra_guests())
    for fact in ("mac", "address", "name", "instance", "password"):
        assert len({getattr(guest, fact) for guest in everybody}) == len(everybody)
    assert sum(guest.lease_seconds == 3600 for guest in guests) == 20


def test_user_data_is_base64() -> None:
    rows = commands.metadata(guests_of_lab()[0])["vm_metadata"]
    assert rows[0][:2] == ["userdata", "user-data"]
    assert base64.b64decode(rows[0][2]).startswith(b"#cloud-config")


def test_keep_alive_is_possible_on_port_80() -> None:
    text = "\n".join(commands.load_balancer_lines())
    rule = text.split("listen 203_0_113_10-80\n")[1].split("\t \n")[0]
    assert "mode http" in rule
    assert "httpclose" not in rule
    assert "send-proxy" in text.split("listen 203_0_113_10-8082\n")[1]


V2_HEADER = PROXY_V2 + bytes((0x21, 0x11, 0, 12)) + bytes((203, 0, 113, 100, 203, 0, 113, 10)) + b"\x00\x01\x00\x50"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"PROXY TCP4 203.0.113.100 203.0.113.10 1 80\r\nGET", (44, "203.0.113.100")),
        (b"PROXY UNKNOWN\r\n", (15, "")),
        (b"PROXY TCP4 203.0", None),
        (b"PRO", None),
        (b"", None),
        (V2_HEADER + b"GET / HTTP/1.1", (28, "203.0.113.100")),
        (V2_HEADER[:20], None),
        (V2_HEADER[:14], None),
        (PROXY_V2 + bytes((0x20, 0, 0, 0)), (16, "")),
        (b"GET / HTTP/1.1\r\n\r\n", (0, "")),
        (b"G", (0, "")),
    ],
)
def test_proxy_headers(data: bytes, expected: tuple[int, str] | None) -> None:
    assert parse_proxy_header(data) == expected


def test_a_download_tells_a_hole_from_an_end() -> None:
    count, size = plan(20, 200_000)
    assert count * size == pytest.approx(4_000_000, rel=0.01)
    assert len({block(index, size) for index in range(count)}) == count
    assert all(len(block(index, size)) == size for index in range(3))


PERFDHCP = """\
***Statistics for: DISCOVER-OFFER***
sent packets: 100
received packets: 98
drops: 2
drops ratio: 2 %
orphans: 1
rejected leases: 0
non unique addresses: 0

max delay: 1.540 ms

***Statistics for: REQUEST-ACK***
sent packets: 98
received packets: 97
drops: 1
drops ratio: 1.020 %
orphans: 0
rejected leases: 1
non unique addresses: 0

max delay: 3.000 ms
"""
DNSPERF = """\
  Queries sent:         1000
  Queries completed:    990 (99.00%)
  Queries lost:         7 (0.70%)
  Queries interrupted:  3 (0.30%)

  Response codes:       NOERROR 985 (99.49%), SERVFAIL 5 (0.51%)
  Average Latency (s):  0.000077 (min 0.000024, max 0.004753)
"""
WRK = """\
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.00ms    2.00ms  90.00ms   95.00%
  5000 requests in 1.00s, 1.00MB read
  Socket errors: connect 1, read 2, write 3, timeout 4
  Non-2xx or 3xx responses: 5
Requests/sec:   4990.01
"""
PING = """\
[1.000000] 64 bytes from 10.2.0.1: icmp_seq=1 ttl=63 time=0.9 ms
[1.020000] 64 bytes from 10.2.0.1: icmp_seq=2 ttl=63 time=0.9 ms
[1.520000] 64 bytes from 10.2.0.1: icmp_seq=27 ttl=63 time=0.9 ms
27 packets transmitted, 3 received, 88% packet loss, time 520ms
"""


@pytest.mark.parametrize(
    ("client", "output", "counts"),
    [
        pytest.param(Perfdhcp(), PERFDHCP, (198, 195, 1, 2), id="perfdhcp"),
        pytest.param(Dnsperf(), DNSPERF, (997, 985, 5, 7), id="dnsperf"),
        pytest.param(Wrk(), WRK, (5010, 4995, 15, 0), id="wrk"),
        pytest.param(Ping(), PING, (27, 3, 0, 24), id="ping"),
        pytest.param(Udhcpc(), "udhcpc: no lease, failing\n", (1, 0, 0, 1), id="udhcpc without an answer"),
    ],
)
def test_a_tool_that_lost_something_is_read_so(client: object, output: str, counts: tuple[int, ...]) -> None:
    outcome = client.parse(output, 1.0)  # type: ignore[attr-defined]
    assert (outcome.sent, outcome.completed, outcome.failed, outcome.lost) == counts
    assert not outcome.is_clean


def test_ping_measures_the_gap() -> None:
    assert Ping().parse(PING, 1.0).longest_gap == pytest.approx(0.5)
