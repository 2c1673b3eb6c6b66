"""Passwords of guests (`vmpassword`): the last one of each guest, offered until the guest says that it has it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from ipaddress import IPv4Address

from supervisor.documents import Field
from supervisor.edges.intake import fields
from supervisor.edges.intake.bags import Bags, by_address, with_bag
from supervisor.edges.intake.cloudstack.owners import claimed
from supervisor.edges.intake.family import Command, Family
from supervisor.edges.intake.faults import BadPartError, Faults
from supervisor.values.router import Password, RouterConfig
from supervisor.values.secret import Secret


def without_spent(bags: Bags, spent: Collection[str]) -> Bags:
    """Return the bags without the offers in `spent`; the same bags when they have none of them."""
    offers = bags.get("vmpassword", {})
    left = {key: entry for key, entry in offers.items() if key == "id" or entry["offer"] not in spent}
    return with_bag(bags, "vmpassword", left) if left != offers else bags


def _merge(bags: Bags, command: Command) -> Bags:
    """Each command is an offer of its own, although its text may be that of an earlier one."""
    body, address = command.body, command.body["ip_address"]
    offer = {"password": body["password"], "offer": command.identity}
    is_all = address not in bags.get("vmdata", {})  # a password that waited there for its card is replaced
    bags = with_bag(bags, "vmpassword", {**bags.get("vmpassword", {}), address: offer})
    return claimed(bags, address, is_all=is_all)


def _interpret(bags: Bags, router: RouterConfig, faults: Faults) -> RouterConfig:
    passwords = []
    for key, entry in by_address(bags, "vmpassword"):
        with faults.part(f"vmpassword.{key}"):
            if not entry["password"] or not entry["password"].isprintable():
                raise BadPartError("is empty or has control characters")
            passwords.append(Password(IPv4Address(key), Secret(entry["password"]), entry["offer"]))
    return replace(router, passwords=tuple(passwords))


FAMILY = Family(
    "vmpassword",
    fields=(Field("ip_address", fields.ADDRESS, True), Field("password", fields.TEXT, True)),
    merge=_merge,
    interpret=_interpret,
    parts=lambda body: (f"vmpassword.{body['ip_address']}",),
)
