"""Gives a lease back (DHCPRELEASE), so that the guest's next one is a new one: `MAC ADDRESS SERVER` as arguments."""

from __future__ import annotations

import ipaddress
import secrets
import socket
import sys

from lab.clients.probes.dhcp_packet import build

RELEASE = 7


def main() -> None:
    mac, address, server = sys.argv[1:4]
    identity = ((54, ipaddress.IPv4Address(server).packed),)
    hardware = bytes.fromhex(mac.replace(":", ""))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.sendto(build(RELEASE, secrets.randbits(32), hardware, ciaddr=address, options=identity), (server, 67))


if __name__ == "__main__":
    main()
