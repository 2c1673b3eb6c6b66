"""DHCP messages: what is built parses back, what servers send parses, what is broken is refused."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from supervisor.edges.probes.dhcp_packet import (
    DhcpMessage,
    Direction,
    MalformedPacketError,
    MessageType,
    Option,
    decode,
    discover,
    encode,
    renewal,
    request,
)

MAC = "00:0c:01:02:03:04"
RELAY, GUEST, SERVER = IPv4Address("10.1.1.1"), IPv4Address("10.1.1.20"), IPv4Address("10.1.1.1")


def reply(options: bytes, sname: bytes = b"", file: bytes = b"") -> bytes:
    """A server's answer, written out by hand."""
    return (
        bytes.fromhex("02010600abcdef010000800000000000")
        + GUEST.packed
        + SERVER.packed
        + RELAY.packed
        + bytes.fromhex("000c01020304").ljust(16, b"\0")
        + sname.ljust(64, b"\0")
        + file.ljust(128, b"\0")
        + bytes.fromhex("63825363")
        + options
    )


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(discover(MAC, 1), id="discover"),
        pytest.param(discover(MAC, 0xFFFFFFFF, relay=RELAY, options=[(Option.CLIENT, b"\x01abc")]), id="by relay"),
        pytest.param(request(MAC, 7, GUEST, server=SERVER), id="request of an offer"),
        pytest.param(request(MAC, 7, GUEST, relay=RELAY, options=[(Option.HOST_NAME, b"vm-001")]), id="after a reboot"),
        pytest.param(renewal(MAC, 9, GUEST), id="renewal"),
        pytest.param(
            DhcpMessage(MessageType.ACK, Direction.REPLY, 1, MAC, yiaddr=GUEST, siaddr=SERVER, wants_broadcast=True),
            id="ack",
        ),
    ],
)
def test_what_is_built_parses_back(message: DhcpMessage) -> None:
    packet = encode(message)
    assert decode(packet) == message
    assert len(packet) >= 300


def test_a_discover_on_the_wire() -> None:
    packet = encode(discover(MAC, 0xABCDEF01, relay=RELAY))
    assert packet[:8].hex() == "01010601abcdef01"
    assert packet[24:28] == RELAY.packed
    assert packet[28:34].hex() == "000c01020304"
    assert packet[236:].rstrip(b"\0").hex() == "63825363350101ff"


def test_a_request_names_address_and_server() -> None:
    message = decode(encode(request(MAC, 1, GUEST, server=SERVER)))
    assert message.address_option(Option.REQUESTED_ADDRESS) == GUEST
    assert message.server == SERVER
    assert message.ciaddr == IPv4Address(0)


def test_a_renewal_names_neither() -> None:
    message = decode(encode(renewal(MAC, 1, GUEST)))
    assert message.address_option(Option.REQUESTED_ADDRESS) is None
    assert message.server is None
    assert message.ciaddr == GUEST


def test_an_offer() -> None:
    message = decode(reply(bytes.fromhex("35010236040a0101013304ffffffff000c06") + b"vm-001" + b"\xff"))
    assert (message.type, message.direction, message.xid, message.mac) == (
        MessageType.OFFER,
        Direction.REPLY,
        0xABCDEF01,
        MAC,
    )
    assert (message.yiaddr, message.siaddr, message.giaddr) == (GUEST, SERVER, RELAY)
    assert message.wants_broadcast
    assert message.server == SERVER
    assert message.lease_seconds == 0xFFFFFFFF
    assert message.option(Option.HOST_NAME) == b"vm-001"


@pytest.mark.parametrize(
    ("packet", "options"),
    [
        pytest.param(reply(b"\x35\x01\x05\xff\x0c\x01x"), {}, id="nothing counts after the end"),
        pytest.param(reply(b"\x35\x01\x05"), {}, id="the end may be missing"),
        pytest.param(reply(b"\x35\x01\x05\x0c\x02ab\x0c\x01c\xff"), {12: b"abc"}, id="a split option is joined"),
        pytest.param(reply(b"\x34\x01\x01\xff", file=b"\x35\x01\x05\x0c\x01f\xff"), {12: b"f"}, id="options in file"),
        pytest.param(reply(b"\x34\x01\x02\xff", sname=b"\x35\x01\x05\x0c\x01s\xff"), {12: b"s"}, id="in sname"),
        pytest.param(
            reply(b"\x34\x01\x03\x0c\x01a\xff", file=b"\x35\x01\x05\xff", sname=b"\x0c\x01s\xff"),
            {12: b"as"},
            id="in both",
        ),
        pytest.param(reply(b"\x35\x01\x05\xff", file=b"\x0c\x01f"), {}, id="a file name is not options"),
    ],
)
def test_where_options_may_be(packet: bytes, options: dict[int, bytes]) -> None:
    message = decode(packet)
    assert message.type is MessageType.ACK
    assert dict(message.options) == options


@pytest.mark.parametrize(
    ("packet", "cause"),
    [
        pytest.param(b"", "0 bytes are too few", id="empty"),
        pytest.param(b"\x02" * 239, "239 bytes are too few", id="short"),
        pytest.param(b"\x02" * 300, "the DHCP cookie is missing", id="BOOTP or noise"),
        pytest.param(reply(b"\xff"), "0 is not a valid MessageType", id="no message type"),
        pytest.param(reply(b"\x35\x01\x63\xff"), "99 is not a valid MessageType", id="unknown message type"),
        pytest.param(reply(b"\x35\x01\x05\x0c\x09ab"), "option 12 is cut short", id="option beyond the end"),
        pytest.param(reply(b"\x35\x01\x05\x0c"), "option 12 is cut short", id="option without a length"),
        pytest.param(b"\x09" + reply(b"\x35\x01\x05\xff")[1:], "9 is not a valid Direction", id="neither direction"),
    ],
)
def test_what_is_broken_is_refused(packet: bytes, cause: str) -> None:
    with pytest.raises(MalformedPacketError, match=cause):
        decode(packet)


def test_an_address_that_is_no_mac_cannot_be_sent() -> None:
    with pytest.raises(ValueError, match="not an Ethernet address"):
        encode(discover("00:0c:01", 1))
