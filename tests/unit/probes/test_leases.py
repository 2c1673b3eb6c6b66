"""Which leases are replayed."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from supervisor.edges.probes.leases import Lease, missing, parse

NETWORK, NOW = IPv4Network("10.1.1.0/24"), 1000.0
A = "2000 00:0c:01:02:03:04 10.1.1.20 vm-001 01:00:0c:01:02:03:04"
A_LATER, A_FOR_EVER = A.replace("2000", "2500"), A.replace("2000", "0", 1)
A_ELSEWHERE = A.replace("10.1.1.20", "10.1.1.21")
B = "2000 00:0c:01:02:03:05 10.1.1.20 * *"


@pytest.mark.parametrize(
    ("granted", "known", "expected"),
    [
        pytest.param((A,), (), (A,), id="new"),
        pytest.param((A,), (A,), (), id="known"),
        pytest.param((A_LATER,), (A,), (A_LATER,), id="renewed since"),
        pytest.param((A,), (A_LATER,), (), id="renewed there since"),
        pytest.param((A_FOR_EVER,), (A,), (A_FOR_EVER,), id="for ever since"),
        pytest.param((A_FOR_EVER,), (A_FOR_EVER,), (), id="for ever"),
        pytest.param((A.replace("2000", "999"),), (), (), id="over"),
        pytest.param((A,), (B,), (), id="somebody else has the address there"),
        pytest.param((A,), (A_ELSEWHERE,), (), id="the client has another one there"),
        pytest.param((A.replace("10.1.1", "10.1.2"),), (), (), id="of another network"),
        pytest.param((A, "duid 00:01", "x y z", "", "2000 06-00:11 10.1.1.9 * *"), (), (A,), id="other lines"),
    ],
)
def test_missing(granted: tuple[str, ...], known: tuple[str, ...], expected: tuple[str, ...]) -> None:
    found = missing("\n".join(granted).encode(), "\n".join(known).encode(), NETWORK, NOW)
    assert found == tuple(parse("\n".join(expected).encode()))


@pytest.mark.parametrize("line", [A, A_FOR_EVER, B])
def test_a_line_says_all(line: str) -> None:
    (lease,) = parse(line.encode())
    expiry, mac, address, name, client = line.split()
    assert (str(lease.expiry), lease.mac, str(lease.address)) == (expiry, mac, address)
    assert (lease.name or "*", lease.client.hex(":") or "*") == (name, client)


def test_what_a_daemon_writes_is_bounded_and_never_trusted() -> None:
    hostile = b"2000 00:0c:01:02:03:04 10.1.1.999 * *\n2000 00:0c:01:02:03:04 10.1.1.20 " + b"x" * 300 + b" *\n\xff\xfe"
    assert tuple(parse(hostile)) == ()


def test_leases_are_ordered_as_they_are_found() -> None:
    found = missing(f"{A}\n{B.replace('.20', '.30')}".encode(), b"", NETWORK, NOW)
    assert [type(one) for one in found] == [Lease, Lease]
    assert [str(one.address) for one in found] == ["10.1.1.20", "10.1.1.30"]
