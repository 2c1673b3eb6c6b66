"""How the tool's listing of security associations is read."""

from __future__ import annotations

from supervisor.edges.network.associations import read_associations
from supervisor.values.association import Association

# As iproute2 6.1 prints it, with `nokeys`; the last one is a number that the kernel set aside.
LISTING = """\
src 203.0.113.2 dst 203.0.113.200
\tproto esp spi 0xc8a7c1de reqid 1 mode tunnel
\treplay-window 0 flag af-unspec
\tauth-trunc hmac(sha256) <<Keys hidden>> 128
\tenc cbc(aes) <<Keys hidden>>
\tencap type espinudp sport 4500 dport 4500 addr 0.0.0.0
\tanti-replay context: seq 0x0, oseq 0x2a, bitmap 0x00000000
src 203.0.113.200 dst 203.0.113.2
\tproto esp spi 0x00f1a2b3 reqid 16 mode tunnel
\treplay-window 32 flag af-unspec
\taead rfc4106(gcm(aes)) <<Keys hidden>> 128
\tanti-replay context: seq 0x2a, oseq 0x0, bitmap 0xffffffff
src 2001:db8::1 dst 2001:db8::2
\tproto ah spi 0x00000001(1) reqid 2(0x00000002) mode transport
\treplay-window 0 seq 0x00000000 flag  (0x00000000)
\tauth-trunc hmac(sha1) <<Keys hidden>> (160 bits) 96
\tsel src 2001:db8::1/128 dst 2001:db8::2/128 uid 0
src 203.0.113.201 dst 203.0.113.2
\tproto esp spi 0x0c0d61f9 reqid 1 mode tunnel
\treplay-window 0\x20
\tanti-replay context: seq 0x0, oseq 0x0, bitmap 0x00000000
\tsel src 203.0.113.201/32 dst 203.0.113.2/32\x20
"""


def test_what_has_keys_is_read() -> None:
    assert tuple(read_associations(LISTING)) == (
        Association("203.0.113.2", "203.0.113.200", "esp", 0xC8A7C1DE, 1, "tunnel"),
        Association("203.0.113.200", "203.0.113.2", "esp", 0x00F1A2B3, 16, "tunnel"),
        Association("2001:db8::1", "2001:db8::2", "ah", 1, 2, "transport"),
    )


def test_an_empty_listing_has_none() -> None:
    assert tuple(read_associations("")) == ()
