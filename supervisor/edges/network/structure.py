"""The structure of our nftables table, which never changes while the supervisor runs: sets, maps, chains and rules.

Chains sit one priority beside the usual ones of a router's own firewall (`dstnat - 1`, `srcnat - 1`, filter `-1`): at
equal priority the order is undefined.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

TABLE = "inet vr_supervisor"
FAMILY, NAME = TABLE.split()
MARK = 0x10000000
"""The bit that packets admitted by our table carry when they reach the router's own INPUT and FORWARD rules."""
_ADMIT = f"meta mark set meta mark or {MARK:#x}"

# Sets and maps with the types of their keys and, for maps, of their data.
SETS: Mapping[str, tuple[str, str | None]] = {
    "front": ("ipv4_addr . inet_proto . inet_service", "ipv4_addr . inet_service"),
    "back": ("ipv4_addr . inet_proto . inet_service", "ipv4_addr . inet_service"),
    "sides": ("ifname . ipv4_addr . inet_proto . inet_service", None),
    "anywhere": ("ipv4_addr . inet_proto . inet_service", None),
    "kept": ("ipv4_addr . inet_service . ipv4_addr . inet_service", "ipv4_addr . inet_service"),
    "kept6": ("ipv6_addr . inet_service . ipv6_addr . inet_service", "ipv6_addr . inet_service"),
    "outgoing": ("ifname", None),
    "synced": ("ipv4_addr . ipv4_addr . inet_service", None),
    "udp_ports": ("ifname . inet_service", None),
    "udp_in": ("ifname . inet_service", "inet_service"),
    "udp_out": ("ifname . inet_service", "inet_service"),
    "relay_out": ("ifname . inet_service . inet_service", "inet_service"),
    "tcp_in": ("ifname . inet_service", "inet_service"),
    "tcp_out": ("ifname . inet_service", "inet_service"),
    "udp_local": ("inet_service", "inet_service"),
    "tcp_local": ("inet_service", "inet_service"),
    "held_ports": ("inet_service", None),
    "held": ("inet_service", "inet_service"),
    "guarded": ("inet_proto . inet_service", None),
    "guarded_sides": ("ifname . inet_proto . inet_service", None),
    "udp_inside": ("inet_service", None),
    "tcp_inside": ("inet_service", None),
}

# Every lookup that decides where new work goes is written twice. Before Linux 6.17 a lookup that began just before a
# commit can find neither the removed nor the added element ("restart set lookup on base_seq change"); the second one is
# later. @kept has the pinned connections. It matters only after a flush of connection tracking, and only where tracking
# takes up connections in mid-stream (nf_conntrack_tcp_loose in the kernel's nf_conntrack-sysctl.rst, on unless somebody
# says otherwise). @sides has who may call which frontend, apart from @front, so that a cut-over exchanges as many
# elements as there are frontends, however many interfaces they are called at; @anywhere has those that say nothing.
CHAINS = f"""
    # Where UDP for router-mode services arrives, before connection tracking: it is never tracked, so nothing pins a
    # client to the former generation. Only for the router's own addresses, and broadcasts.
    chain raw_in {{
        type filter hook prerouting priority -300; policy accept;
        iifname . udp dport @udp_ports fib daddr type {{ local, broadcast }} goto rewrite
        udp dport @held_ports meta nfproto ipv4 fib daddr type local goto hold
    }}
    # Encapsulated ESP while no daemon listens; what begins with four zero bytes is for a daemon. A keep-alive is a
    # single byte. The sum of the datagram may be zero, over IPv4 only, and ESP brings its own.
    chain hold {{
        @th,64,32 != 0 udp dport set udp dport map @held udp checksum set 0 notrack accept
        udp length 9 udp dport set udp dport map @held udp checksum set 0 notrack accept
    }}
    chain rewrite {{
        meta nfproto ipv4 udp checksum 0 goto rewrite_unsummed
        udp dport set iifname . udp dport map @udp_in notrack accept
        udp dport set iifname . udp dport map @udp_in notrack accept
    }}
    # nft turns a legal zero checksum into a wrong one when it rewrites a port: put the zero back.
    chain rewrite_unsummed {{
        udp dport set iifname . udp dport map @udp_in udp checksum set 0 notrack accept
        udp dport set iifname . udp dport map @udp_in udp checksum set 0 notrack accept
    }}
    # Replies leave from the well-known port, whichever generation sends them. What is sent to a relay goes from server
    # port to server port, so there the destination is rewritten as well.
    chain raw_out {{
        type filter hook output priority -300; policy accept;
        udp dport set oifname . udp sport . udp dport map @relay_out
        udp sport set oifname . udp sport map @udp_out notrack
    }}
    # New flows go to the active generation; connection tracking keeps established ones where they are, and @kept those
    # of a generation that lost its traffic if tracking was flushed in mid-stream. Router-mode services keep the address
    # (`redirect` would replace it by the interface's first, or by loopback): ports only. A frontend at an address comes
    # before a port at any address. Where a client calls at another interface than the frontend's, nothing is led
    # anywhere: it meets the router's own rules, and nobody who listens. So do decrypted packets of other gateways: they
    # arrive at the public interface.
    chain nat_in {{
        type nat hook prerouting priority dstnat - 1; policy accept;
        tcp flags & syn == 0 dnat ip to ip saddr . tcp sport . ip daddr . tcp dport map @kept
        tcp flags & syn == 0 dnat ip6 to ip6 saddr . tcp sport . ip6 daddr . tcp dport map @kept6
        iifname . ip daddr . meta l4proto . th dport @sides goto lead
        ip daddr . meta l4proto . th dport @anywhere goto lead
        iifname . ip daddr . meta l4proto . th dport @sides goto lead
        meta l4proto tcp fib daddr type local dnat to :iifname . th dport map @tcp_in
        meta l4proto tcp fib daddr type local dnat to :iifname . th dport map @tcp_in
    }}
    chain lead {{
        dnat ip to ip daddr . meta l4proto . th dport map @front
        dnat ip to ip daddr . meta l4proto . th dport map @front
    }}
    # The same for connections of the router itself, which may call every frontend.
    chain nat_out {{
        type nat hook output priority -101; policy accept;
        tcp flags & syn == 0 dnat ip to ip saddr . tcp sport . ip daddr . tcp dport map @kept
        tcp flags & syn == 0 dnat ip6 to ip6 saddr . tcp sport . ip6 daddr . tcp dport map @kept6
        dnat ip to ip daddr . meta l4proto . th dport map @front
        dnat ip to ip daddr . meta l4proto . th dport map @front
        oifname "lo" meta l4proto udp dnat to :th dport map @udp_local
        oifname "lo" meta l4proto tcp dnat to :th dport map @tcp_local
        oifname "lo" meta l4proto tcp dnat to :th dport map @tcp_local
    }}
    # The reverse maps put the outside address or port back even when connection tracking was flushed in mid-stream, so
    # they come before the masquerade of what services that may connect to others send.
    chain nat_post {{
        type nat hook postrouting priority srcnat - 1; policy accept;
        snat ip to ip saddr . meta l4proto . th sport map @back
        meta l4proto tcp snat to :oifname . th sport map @tcp_out
        iifname @outgoing oifname != "vrs*" masquerade
        iifname @outgoing oifname != "vrs*" masquerade
    }}
    # One bit says "admitted" to the router's own rules. It is set here, just before them: a mark set beside `dnat` sits
    # on the first packet only, and a CONNMARK restore wipes marks that were set earlier. Inside addresses and ports are
    # not for clients: what did not come through a frontend is dropped. So is what a service begins that may not connect
    # to others; in the middle of a stream it goes on, for connection tracking may have been flushed. Generations of one
    # service tell each other what they know where @synced says so. A service begins nothing with the router itself. A
    # daemon that listens by itself is called at the interfaces in @guarded_sides only.
    chain admit_forward {{
        type filter hook forward priority -1; policy accept;
        iifname "vrs*" oifname "vrs*" ip saddr . ip daddr . tcp dport @synced {_ADMIT} accept
        oifname "vrs*" ct state new ct status & dnat == 0 drop
        iifname @outgoing {_ADMIT} accept
        iifname @outgoing {_ADMIT} accept
        iifname "vrs*" tcp flags & syn == 0 ip saddr . meta l4proto . th sport @back {_ADMIT} accept
        iifname "vrs*" ct state new drop
        iifname "vrs*" ct state established,related {_ADMIT}
        oifname "vrs*" ct status dnat {_ADMIT}
        oifname "vrs*" ct state established,related {_ADMIT}
    }}
    chain admit_input {{
        type filter hook input priority -1; policy accept;
        iifname "vrs*" tcp flags & (syn | ack) == syn drop
        iifname "vrs*" meta l4proto != tcp ct state new drop
        meta l4proto . th dport @guarded ct state new jump guard
        iifname != "lo" udp dport @udp_inside ct state new drop
        iifname != "lo" tcp dport @tcp_inside ct state new ct status & dnat == 0 drop
        udp dport @udp_inside ct state untracked {_ADMIT}
        tcp dport @tcp_inside ct status dnat {_ADMIT}
        iifname "vrs*" ct state established,related {_ADMIT}
    }}
    chain guard {{
        iifname "lo" return
        iifname . meta l4proto . th dport != @guarded_sides drop
    }}
"""


def rule_counts() -> dict[str, int]:
    """Return how many rules each chain has, which `verify` compares with the kernel's table."""
    counts: dict[str, int] = {"structure": 1}
    chain = ""
    for line in map(str.strip, CHAINS.splitlines()):
        if line.startswith("chain "):
            chain = line.split()[1]
            counts[chain] = 0
        elif line and not line.startswith(("#", "type ", "}")):
            counts[chain] += 1
    return counts


def fingerprint() -> str:
    """Return the structure's digest. A rule's comment carries it, so that a later supervisor can adopt the table."""
    return hashlib.sha256(f"{SETS}{CHAINS}".encode()).hexdigest()[:16]
