"""The key daemon is replaced while the kernel carries its tunnel: what both ends lose, and what leaves unprotected."""

from __future__ import annotations

import pytest

from lab.router import NEWER, OLDER
from tests.vm.tunnel_router import Seen, TunnelRouter, until

pytestmark = [pytest.mark.integration, pytest.mark.lab, pytest.mark.timeout(0)]  # the machine's end is the deadline

MOST_LOST = 4  # of 2400 each way: the moment in which the peer puts new keys in the place of the old ones


@pytest.mark.parametrize("release", [NEWER, OLDER], ids=["newer", "older"])
def test_a_takeover_costs_a_packet_or_two(tunnel: TunnelRouter, release: str) -> None:
    seen = tunnel.under_traffic(f"swap to {tunnel.version(release)}", lambda: tunnel.swap(release))

    stays_secret(tunnel, seen)
    assert max(seen.lost) <= MOST_LOST, seen


def test_keys_of_the_former_daemon_are_cleared_away(tunnel: TunnelRouter) -> None:
    until("the kernel has the keys that the peer uses, and no others", lambda: tunnel.spis() == tunnel.peer_spis(), 5.0)


def test_a_supervisor_killed_in_a_takeover_leaves_the_tunnel_encrypted(tunnel: TunnelRouter) -> None:
    """At `start` no key daemon runs."""
    seen = tunnel.under_traffic(
        "supervisor killed at start", lambda: tunnel.lose_supervisor("start", NEWER), 25.0, 0.05
    )

    stays_secret(tunnel, seen)
    until("the tunnel is up", tunnel.is_established, 20.0)
    tunnel.go_to(OLDER)


def stays_secret(tunnel: TunnelRouter, seen: Seen) -> None:
    """Nothing in clear text on the wire, which did carry the tunnel; and nobody took the tunnel down."""
    assert seen.wire.clear == 0, seen
    assert seen.wire.encrypted >= seen.outward.completed + seen.inward.completed, seen
    assert (seen.wire.in_udp > 0) == tunnel.encap, seen
    assert seen.deletes == 0, seen
