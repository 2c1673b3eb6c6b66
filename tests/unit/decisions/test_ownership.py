"""Which lines of copied state end with their owner."""

from __future__ import annotations

import pytest
import yaml

from supervisor.decisions.ownership import without_orphans

with open("services/dnsmasq/manifest.yaml", encoding="utf-8") as manifest:
    ITEM = yaml.safe_load(manifest)["state"][0]["owned"]["item"]
LEASE = b"1796341234 02:00:0a:01:01:14 10.1.1.20 vm-020 01:02:00:0a:01:01:14\n"
OWNERS = b"02:00:0a:01:01:14 10.1.1.20 *\n02:00:0a:01:01:14 10.1.1.20 vm-020\n"


@pytest.mark.parametrize(
    ("line", "is_kept"),
    [
        pytest.param(LEASE, True, id="of a guest that is there"),
        pytest.param(LEASE.replace(b"1796341234", b"0"), True, id="for ever"),
        pytest.param(LEASE.replace(b"01:02:00:0a:01:01:14", b"*"), True, id="without a client id"),
        pytest.param(
            LEASE.replace(b"01:02:00:0a:01:01:14", b"ff:12:34:56:78:00:01"), True, id="with another client id"
        ),
        pytest.param(LEASE.replace(b"vm-020", b"*"), True, id="without a name"),
        pytest.param(LEASE.replace(b"vm-020", b"wpad"), False, id="with a name that it chose"),
        pytest.param(LEASE.replace(b"vm-020", b"former"), False, id="renamed since"),
        pytest.param(LEASE.replace(b"10.1.1.20", b"10.1.1.2"), False, id="its card has another address"),
        pytest.param(LEASE.replace(b":14 10", b":15 10"), False, id="its address has another card"),
        pytest.param(LEASE.replace(b"02:00:0a:01:01:14 ", b"06-02:00:0a:01:01:14 "), False, id="no Ethernet"),
        pytest.param(b"duid 00:01:00:01:2e:11:22:33:02:00:0a:01:01:14\n", True, id="what the server is called"),
        pytest.param(b"1796341234 16843009 fd00::20 vm-020 00:01:00:01\n", True, id="of IPv6"),
        pytest.param(b"\n", True, id="empty"),
        pytest.param(LEASE.rstrip(), True, id="without an end"),
        pytest.param(b"\xff\xfe\n", True, id="no text"),
    ],
)
def test_a_line_stays_while_its_owner_is_there(line: bytes, is_kept: bool) -> None:
    other = LEASE.replace(b"10.1.1.20", b"10.1.1.99")
    assert without_orphans(other + line, ITEM, OWNERS) == (line if is_kept else b"")


def test_without_owners_nothing_stays_that_needs_one() -> None:
    assert without_orphans(LEASE + b"duid 00:01\n", ITEM, b"") == b"duid 00:01\n"


def test_a_group_that_takes_no_part_is_empty() -> None:
    assert without_orphans(b"a\na b\n", r"(a)(?: (b))?", b"a \n") == b"a\n"
