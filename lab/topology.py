"""The topology of the lab, as data: namespaces, links, addresses, routes, guests. Nothing here touches the machine."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from ipaddress import IPv4Address

DEFAULT_PREFIX = "vrlab"

DOMAIN = "cs.lab"
ROUTER_GUEST_IP = "10.1.1.1"
ROUTER_PUBLIC_IP = "203.0.113.2"
VIP = "203.0.113.10"
CLIENT_IP = "203.0.113.100"
PEER_IP = "203.0.113.200"
PEER_INSIDE_IP = "10.2.0.1"
GUEST_NETWORK = "10.1.1.0/24"
PEER_NETWORK = "10.2.0.0/24"

GUEST_COUNT = 200
FIRST_GUEST = IPv4Address("10.1.1.20")
FIRST_MAC = 0x000C01020304
EXTRA_COUNT = 4  # reservations nobody plays yet: for clients in namespaces of their own

# Deterministic addresses of the router's cards: its command files name them.
ROUTER_GUEST_MAC = "02:00:0a:01:01:01"
ROUTER_PUBLIC_MAC = "1e:00:cb:00:71:02"


@dataclass(frozen=True, slots=True)
class Guest:
    """A virtual machine as the router knows it."""

    name: str
    mac: str
    address: str
    instance: str
    lease_seconds: int  # 0: infinite
    password: str


@dataclass(frozen=True, slots=True)
class Link:
    """One interface of a namespace and the bridge of the wire it is plugged into."""

    namespace: str
    interface: str
    bridge: str
    addresses: tuple[str, ...]
    mac: str | None = None


@dataclass(frozen=True, slots=True)
class Lab:
    """Names of one lab; a second one on the same machine has another prefix."""

    prefix: str = DEFAULT_PREFIX

    def namespace(self, role: str) -> str:
        return f"{self.prefix}-{role}"

    @property
    def router(self) -> str:
        return self.namespace("router")

    @property
    def guest(self) -> str:
        return self.namespace("guest")

    @property
    def public(self) -> str:
        return self.namespace("public")

    @property
    def peer(self) -> str:
        return self.namespace("peer")

    @property
    def wire(self) -> str:
        return self.namespace("wire")

    @property
    def namespaces(self) -> tuple[str, ...]:
        return (self.wire, self.router, self.guest, self.public, self.peer)

    def links(self) -> tuple[Link, ...]:
        guests = tuple(f"{guest.address}/24" for guest in guests_of_lab())
        public = (f"{ROUTER_PUBLIC_IP}/24", f"{VIP}/24")
        return (
            Link(self.router, "eth0", "br-guest", (f"{ROUTER_GUEST_IP}/24",), ROUTER_GUEST_MAC),
            Link(self.router, "eth2", "br-public", public, ROUTER_PUBLIC_MAC),
            Link(self.guest, "eth0", "br-guest", guests),
            Link(self.public, "eth0", "br-public", (f"{CLIENT_IP}/24",)),
            Link(self.peer, "eth0", "br-public", (f"{PEER_IP}/24",)),
        )


def mac_at(index: int) -> str:
    raw = f"{FIRST_MAC + index:012x}"
    return ":".join(raw[start : start + 2] for start in range(0, 12, 2))


def _guest(index: int, name: str, lease_seconds: int) -> Guest:
    instance = uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.{DOMAIN}")
    password = uuid.uuid5(instance, "password").hex[:10]
    return Guest(name, mac_at(index), str(FIRST_GUEST + index), str(instance), lease_seconds, password)


def guests_of_lab() -> tuple[Guest, ...]:
    """Return the 200 guests that the guest namespace plays; every tenth has a lease that ends."""
    return tuple(
        _guest(index, f"vm-{index + 1:03d}", 3600 if (index + 1) % 10 == 0 else 0) for index in range(GUEST_COUNT)
    )


def extra_guests() -> tuple[Guest, ...]:
    """Return guests with a reservation whose address nobody carries: each may join in a namespace of its own."""
    leases = (0, 3600, 120, 0)
    return tuple(
        _guest(GUEST_COUNT + index, f"extra-{index + 1}", leases[index % len(leases)]) for index in range(EXTRA_COUNT)
    )
