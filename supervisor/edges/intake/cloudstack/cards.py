"""Finds the network card that an address is on: commands have its number, or only its Ethernet address.

Cards can be numbered anew when one is plugged in, so a card that the kernel has by that address counts more than the
number.
"""

from __future__ import annotations

import fcntl
import re
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace

from supervisor.edges.intake.bags import Bags, entries
from supervisor.edges.intake.family import Cards, Command
from supervisor.values.errors import ConfigurationError

_DEVICE = re.compile(r"eth[0-9]{1,3}")
_GET_HARDWARE_ADDRESS = 0x8927  # SIOCGIFHWADDR


def kernel_cards() -> Cards:
    """Return the cards that this process's network namespace has now."""
    cards = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, name in socket.if_nameindex():
            if _DEVICE.fullmatch(name):
                try:
                    answer = fcntl.ioctl(asking, _GET_HARDWARE_ADDRESS, struct.pack("256s", name.encode()))
                except OSError:
                    continue  # pulled out meanwhile
                cards[answer[18:24].hex(":")] = name
    return cards


def placed(command: Command, bags: Bags, kernel: Callable[[], Cards]) -> Command:
    """Return a command for addresses with the number of each one's card.

    Raises ConfigurationError: a card is named by its Ethernet address only, and no known card has that one.
    """
    here = kernel() if any(item.get("vif_mac_address") for item in command.body["ip_address"]) else {}
    named = _named(bags)
    items = []
    for index, item in enumerate(command.body["ip_address"]):
        mac = str(item.get("vif_mac_address") or "").lower()
        number = _number(here.get(mac)) or item.get("nic_dev_id")
        if number is None:
            number = _number(named.get(mac))
        if number is None:
            where = f"and no card with vif_mac_address {mac!r:.40} is known" if mac else "nor vif_mac_address"
            raise ConfigurationError(f"cannot accept {command.name}: ip_address[{index}]: has no nic_dev_id, {where}")
        items.append({**item, "nic_dev_id": number})
    return replace(command, body={**command.body, "ip_address": items})


def _number(device: str | None) -> str | None:
    return device.removeprefix("eth") if device else None


def _named(bags: Bags) -> Cards:
    """Return the cards that earlier commands name: the boot line lists them in order, others name card and address."""
    line: Mapping[str, str] = bags.get("cmdline", {}).get("config", {})
    macs = [text for text in re.split(r"[|,\s]+", line.get("nic_macs", "")) if text]
    cards = {mac.lower(): f"eth{number}" for number, mac in enumerate(macs)}
    for bag, field in (("guestnetwork", "mac_address"), ("ips", "vif_mac_address")):
        for device, listed in entries(bags, bag):
            cards |= {str(entry[field]).lower(): device for entry in listed if entry.get(field)}
    return cards
