"""Tools that are missing, slow or refuse; notifications as the kernel sends them."""

from __future__ import annotations

import struct

import pytest

from supervisor.edges.network.command import run
from supervisor.edges.network.notifications import tables
from supervisor.values.errors import NetworkError


@pytest.mark.parametrize(
    ("command", "message"),
    [
        pytest.param(("no-such-tool",), "cannot do it: no-such-tool is not installed; install Debian's", id="missing"),
        pytest.param(("sleep", "5"), "cannot do it: sleep did not finish within 0.1 s", id="too slow"),
        pytest.param(("sh", "-c", "echo no >&2; exit 2"), "cannot do it: no", id="refuses"),
        pytest.param(("false",), "cannot do it: false left with exit code 1", id="refuses without a word"),
    ],
)
def test_failures_are_network_errors(command: tuple[str, ...], message: str) -> None:
    with pytest.raises(NetworkError) as raised:
        run("do it", command, deadline=0.1 if command[0] == "sleep" else 5)
    assert str(raised.value).startswith(message)


def test_accepted_exit_codes_are_results() -> None:
    assert run("do it", ("sh", "-c", "cat; exit 1"), text="said", accepted=(0, 1)).stdout == "said"


def message(kind: int, family: int, table: bytes, subsystem: int = 10) -> bytes:
    attribute = struct.pack("=HH", 4 + len(table) + 1, 1) + table + b"\0"
    body = struct.pack("=BBH", family, 0, 0) + attribute + bytes(-len(attribute) % 4)
    return struct.pack("=IHHII", 16 + len(body), subsystem << 8 | kind, 0, 0, 0) + body


@pytest.mark.parametrize(
    ("datagram", "names"),
    [
        pytest.param(b"", [], id="empty"),
        pytest.param(message(2, 1, b"vr_supervisor"), ["inet vr_supervisor"], id="a table is deleted"),
        pytest.param(message(8, 2, b"filter") + message(6, 10, b"filter"), ["ip filter", "ip6 filter"], id="two rules"),
        pytest.param(message(15, 0, b""), [], id="the end of a transaction"),
        pytest.param(message(2, 1, b"vr_supervisor", subsystem=1), [], id="another subsystem"),
        pytest.param(message(2, 1, b"vr_supervisor")[:20], [], id="cut short"),
        pytest.param(b"\0" * 64, [], id="no netlink"),
    ],
)
def test_tables_of_notifications(datagram: bytes, names: list[str]) -> None:
    assert list(tables(datagram)) == names
