"""Whose an address is: what was sent for a guest is gone with the guest."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from supervisor.edges.intake import Bags, CloudStackIntake, bags_from_json, bags_to_json, merge, parse

A, B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
X, Y = "10.1.1.21", "10.1.1.22"
_NUMBERS = itertools.count()


def network(device: str = "eth0", address: str = "10.1.1.1", *, add: bool = True) -> dict[str, Any]:
    return {
        "type": "guestnetwork",
        "add": add,
        "device": device,
        "router_guest_ip": address,
        "router_guest_netmask": "255.255.255.0",
    }


def entry(mac: str, address: str = X, **more: Any) -> dict[str, Any]:
    return {"type": "dhcpentry", "ipv4_address": address, "mac_address": mac, **more}


def data(text: str, address: str = X) -> dict[str, Any]:
    return {"type": "vmdata", "vm_ip_address": address, "vm_metadata": [["metadata", "instance-id", text]]}


def password(text: str, address: str = X) -> dict[str, Any]:
    return {"type": "vmpassword", "ip_address": address, "password": text}


def taken(*commands: dict[str, Any], into: Bags | None = None) -> Bags:
    bags = into or {}
    for command in commands:
        bags = merge(bags, parse(f"{next(_NUMBERS)}.json", json.dumps(command).encode()))
    return bags


def served(bags: Bags) -> dict[str, tuple[str | None, str | None]]:
    """What guests are told, by address: the instance id and the password."""
    router, _ = CloudStackIntake().interpret(bags_to_json(bags))
    ids = {str(one.address): dict(one.items).get("instance-id") for one in router.metadata}
    passwords = {str(one.address): one.secret.reveal() for one in router.passwords}
    return {address: (ids.get(address), passwords.get(address)) for address in sorted(ids.keys() | passwords.keys())}


BEFORE = (network(), entry(A), data("of-a"), password("secret-a"))


@pytest.mark.parametrize(
    ("commands", "left"),
    [
        pytest.param((), {X: ("of-a", "secret-a")}, id="while it is there"),
        pytest.param((entry(A, remove=True),), {}, id="removed"),
        pytest.param((entry(A.upper(), remove=True),), {}, id="removed, in capitals"),
        pytest.param((entry(A, add=False),), {}, id="taken away"),
        pytest.param((entry(B),), {}, id="the address gets another card"),
        pytest.param((entry(A, Y),), {}, id="the card gets another address"),
        pytest.param((entry(A.upper()),), {X: ("of-a", "secret-a")}, id="the same card again"),
        pytest.param((entry(A, host_name="other"),), {X: ("of-a", "secret-a")}, id="renamed"),
        pytest.param((entry(B, Y),), {X: ("of-a", "secret-a")}, id="another guest comes"),
        pytest.param((network(add=False),), {X: (None, "secret-a")}, id="its network goes: the password waits"),
        pytest.param(
            (network(add=False), network(), entry(A)), {X: (None, "secret-a")}, id="and comes back with it started"
        ),
        pytest.param((network(add=False), network(), entry(B)), {}, id="and comes back with another guest there"),
        pytest.param((network(add=False), entry(A, remove=True)), {}, id="it is removed after its network"),
        pytest.param(
            (network(add=False), password("secret-b"), network(), entry(B)),
            {X: (None, "secret-b")},
            id="and comes back with another guest there, whose password was sent before",
        ),
        pytest.param(
            (entry(A, remove=True), password("secret-b"), entry(A, Y), entry(B)),
            {X: (None, "secret-b")},
            id="a guest that was removed there comes elsewhere before the next one is started",
        ),
        pytest.param((network("eth3", "10.1.3.1"), network("eth3", "10.1.3.1", add=False)), {X: ("of-a", "secret-a")}),
        pytest.param((entry(B), data("of-b"), password("secret-b")), {X: ("of-b", "secret-b")}, id="the next guest"),
        pytest.param(
            (entry(A, remove=True), data("of-b"), entry(B)), {X: ("of-b", None)}, id="whose data comes before its entry"
        ),
        pytest.param(
            (entry(A, remove=True), data("of-b"), entry(B), entry(B, remove=True)), {}, id="and goes with it as well"
        ),
        pytest.param(
            (entry(B, Y), data("of-b", Y), entry(A, Y), entry(B, X)), {}, id="two guests exchange their addresses"
        ),
    ],
)
def test_what_is_served_after(commands: tuple[dict[str, Any], ...], left: dict[str, tuple[str, str]]) -> None:
    assert served(taken(*BEFORE, *commands)) == left


def test_nothing_of_a_guest_that_is_gone_is_kept() -> None:
    kept = bags_to_json(taken(*BEFORE, entry(A, remove=True)))
    assert "secret-a" not in kept
    assert "of-a" not in kept


def test_data_without_any_entry_stays_until_it_is_sent_again() -> None:
    bags = taken(network(), data("of-a"), password("secret-a"), data("newer"))
    assert served(bags) == {X: ("newer", "secret-a")}


def test_what_an_older_supervisor_kept_of_a_removed_guest_is_not_served() -> None:
    older = {name: bag for name, bag in taken(*BEFORE).items() if name != "owners"}
    older["dhcpentry"] = {"id": "dhcpentry", X: entry(A, remove=True)}
    assert served(older) == {}
    assert "vmpassword" not in bags_to_json(taken(entry(B, Y), into=older)).replace(
        '"vmpassword":{"id":"vmpassword"}', ""
    )


def test_an_item_that_was_used_up_is_forgotten_and_its_successor_is_not() -> None:
    intake, bags = CloudStackIntake(), taken(*BEFORE, password("secret-c", Y))
    offer = bags["vmpassword"][X]["offer"]
    kept = intake.forget(bags_to_json(bags), {offer, "unknown"})
    assert kept is not None
    assert served(bags_from_json(kept)) == {X: ("of-a", None), Y: (None, "secret-c")}
    assert intake.forget(kept, {offer}) is None
    newer = taken(password("secret-a"), into=bags)
    assert intake.forget(bags_to_json(newer), {offer}) is None
