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
from typing import Any

from supervisor.edges.intake.bags import Bags
from supervisor.edges.intake.commands import Command
from supervisor.values.errors import ConfigurationError

Cards = Mapping[str, str]
"""Names of devices by Ethernet address, in lower case."""

_DEVICE = re.compile(r"eth[0-9]{1,3}")
_GET_HARDWARE_ADDRESS = 0x8927  # SIOCGIFHWADDR


def kernel_cards() -> Cards:
    """Return the cards that this process's network namespace has now."""
    found = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, name in socket.if_nameindex():
            if _DEVICE.fullmatch(name):
                try:
                    answer = fcntl.ioctl(asking, _GET_HARDWARE_ADDRESS, struct.pack("256s", name.encode()))
                except OSError:
                    continue  # pulled out meanwhile
                found[answer[18:24].hex(":")] = name
    return found


def placed(command: Command, bags: Bags, kernel: Callable[[], Cards]) -> Command:
    """Return a command for addresses with the number of each one's card; another command as it is.

    Raises ConfigurationError: a card is named by its Ethernet address only, and nothing knows that one.
    """
    if command.type != "ips" or command.note:
        return command
    here = kernel() if any(item.get("vif_mac_address") for item in command.body["ip_address"]) else {}
    told = _told(bags)
    items = []
    for index, item in enumerate(command.body["ip_address"]):
        mac = str(item.get("vif_mac_address") or "").lower()
        number = _number(here.get(mac)) or item.get("nic_dev_id")
        if number is None:
            number = _number(told.get(mac))
        if number is None:
            where = f"and no card with vif_mac_address {mac!r:.40} is known" if mac else "nor vif_mac_address"
            raise ConfigurationError(f"cannot accept {command.name}: ip_address[{index}]: has no nic_dev_id, {where}")
        items.append({**item, "nic_dev_id": number})
    return replace(command, body={**command.body, "ip_address": items})


def _number(device: str | None) -> str | None:
    return device.removeprefix("eth") if device else None


def _told(bags: Bags) -> Cards:
    """Return the cards that earlier commands name: the boot line lists them in order, others name card and address."""
    line: Mapping[str, str] = bags.get("cmdline", {}).get("config", {})
    macs = [text for text in re.split(r"[|,\s]+", line.get("nic_macs", "")) if text]
    found = {mac.lower(): f"eth{number}" for number, mac in enumerate(macs)}
    for device, entries in _lists(bags, "guestnetwork"):
        found |= {str(entry["mac_address"]).lower(): device for entry in entries if entry.get("mac_address")}
    for device, entries in _lists(bags, "ips"):
        found |= {str(entry["vif_mac_address"]).lower(): device for entry in entries if entry.get("vif_mac_address")}
    return found


def _lists(bags: Bags, bag: str) -> list[tuple[str, list[Any]]]:
    return [(device, entries) for device, entries in bags.get(bag, {}).items() if device != "id"]
