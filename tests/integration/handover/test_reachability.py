"""Every side of a router with the shipped services reaches what docs/reachability.md says, and nothing else."""

from __future__ import annotations

from itertools import product

import pytest

from lab.commands import BACKENDS, STATISTICS_PORT
from lab.router import NEWER, Router
from lab.tools import NAMESPACES
from lab.topology import (
    CLIENT_IP,
    DOMAIN,
    FIRST_GUEST,
    PEER_INSIDE_IP,
    PEER_IP,
    ROUTER_GUEST_IP,
    ROUTER_PUBLIC_IP,
    VIP,
    mac_at,
)
from supervisor.values.release import InstanceState
from tests.kit.live.invariants import await_rest, stored_instances
from tests.kit.live.network_router import entered
from tests.kit.live.questions import key_question, lease_question, name_question
from tests.kit.live.reachability import reached, rows
from tests.kit.live.scanner import ALL_PORTS, Origin, answered_ports, open_ports

pytestmark = [pytest.mark.integration, pytest.mark.lab, pytest.mark.timeout(240)]

PORTS: dict[str, tuple[str, dict[str, tuple[int, ...]]]] = {
    ROUTER_GUEST_IP: ("tier", {}),
    VIP: ("public", {"rule": tuple({backend.public_port for backend in BACKENDS})}),
    ROUTER_PUBLIC_IP: ("public", {"rule": (STATISTICS_PORT,)}),
}
DHCP, DHCP_CLIENT, IKE = 67, 68, (500, 4500)


def question(port: int) -> bytes:
    if port == DHCP:
        return lease_question(str(FIRST_GUEST), mac_at(0))
    if port in IKE:
        return (bytes(4) if port == IKE[1] else b"") + key_question()  # the zeros: RFC 3948, 2.2
    return name_question(f"vm-001.{DOMAIN}")


def origins(router: Router) -> dict[str, list[Origin]]:
    """Return the places that each side calls from. The lab has one tier; another one is in the network tests."""
    lab = router.lab
    inside = [path.name for path in sorted(NAMESPACES.iterdir()) if path.name.startswith(router.namespaces)]
    return {
        "guest": [Origin(lab.guest, str(FIRST_GUEST))],
        "public": [Origin(lab.public, CLIENT_IP), Origin(lab.peer, PEER_IP)],
        "peer": [Origin(lab.peer, PEER_INSIDE_IP)],
        "container": [Origin(name) for name in inside],
    }


@pytest.mark.parametrize("side", ["guest", "public", "peer", "container"])
@pytest.mark.slow
def test_a_side_reaches_what_the_document_says_and_no_other_port(router: Router, side: str) -> None:
    upgraded(router)
    known = {int(row.port) for row in rows() if row.protocol == "udp"}
    places = origins(router)[side]
    assert places
    for origin in places:
        for address, (kind, words) in PORTS.items():
            if side == "peer" and kind == "public":
                continue  # the tunnel does not carry it: it would be the public side
            asked = {port: question(port) for port in known}
            with entered(origin.namespace):
                found = open_ports(address, ALL_PORTS, origin)
                answered = answered_ports(address, asked, origin, own_ports={DHCP: DHCP_CLIENT})
            assert found == reached(kind, "tcp", side, words), (side, origin, address)
            expected = reached(kind, "udp", side, words)
            if (origin.source, address) != (PEER_IP, ROUTER_PUBLIC_IP):
                expected -= set(IKE)  # the router's own firewall lets only the peer in, and only there
            assert answered == expected, (side, origin, address)


def test_nobody_but_the_router_reaches_a_service_at_its_own_address_or_the_metrics(router: Router) -> None:
    upgraded(router)
    active = [one for one, state in stored_instances(router.state) if state is InstanceState.ACTIVE]
    isolated = [one for one in active if one.address]
    assert isolated
    with entered(router.lab.router):
        assert open_ports("127.0.0.1", (9531,), Origin(router.lab.router)) == {9531}
        for one in isolated:
            ports = {frontend.inside_port for frontend in one.frontends}
            assert open_ports(str(one.address), ports, Origin(router.lab.router)) == ports, one.service
    for side, places in origins(router).items():
        for origin, one in product(places, isolated):
            if one.link and origin.namespace != one.link.namespace:
                with entered(origin.namespace):
                    for address in (one.link.inner, one.link.outer):
                        found = open_ports(str(address), range(1, 12_000), origin)
                        assert found <= ({53} if side == "guest" else set()), (side, origin, one.service)


def upgraded(router: Router) -> None:
    """Let the newer release serve: manifests of the older one may be from before they said where clients call."""
    router.vrctl("upgrade", "--release", NEWER)
    await_rest(router)
