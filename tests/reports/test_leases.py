"""A lease ends with its reservation: its address goes to the next guest at once, the name of the last one is gone."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.commands import guest_network
from lab.tools import run
from lab.topology import DOMAIN
from tests.kit.live.router import LiveRouter, kill, until
from tests.reports.leasing import NOTHING, Card, Cards, generation, leasing


class Tenants:
    """Who has which address of the router; nobody has when the tests are over."""

    def __init__(self, live: LiveRouter, folder: Path) -> None:
        self.live, self._folder, self._known = live, folder, dict[str, Card]()

    def change(
        self, *cards: Card, gone: tuple[Card, ...] = (), also: tuple[dict[str, Any], ...] = (), is_new: bool = False
    ) -> None:
        """Give cards their reservations, take away those of others, and wait until that serves.

        A reservation that is new (`is_new`) is taken in by what runs; any other change is a new generation.
        """
        before, paths = self.generation, list[str]()
        commands = [*also, *(card.removal() for card in gone), *(card.entry() for card in cards)]
        for number, command in enumerate(commands):
            paths.append(str(self._folder / f"{number:04d}-{command['type']}.json"))
            Path(paths[-1]).write_text(json.dumps(command), encoding="utf-8")
        self.live.router.vrctl("config", "apply", *paths)
        self._known |= {card.mac: card for card in cards}
        until("the change serves", lambda: is_new or self.generation != before, 30.0, 0.02)

    def leave(self) -> None:
        self.rest()
        self.change(gone=tuple(self._known.values()))
        self.rest()

    def rest(self) -> None:
        until("nothing is under way", lambda: leasing(self.live).handover is None, 30.0, 0.05)

    @property
    def generation(self) -> int:
        return generation(self.live)

    @property
    def lease_file(self) -> Path:
        return self.live.router.state / f"volumes/dnsmasq/leases.{self.generation}/dnsmasq.leases"


@pytest.fixture(scope="module")
def tenants(live: LiveRouter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenants]:
    made = Tenants(live, tmp_path_factory.mktemp("tenants"))
    yield made
    made.leave()


@pytest.fixture
def cards(live: LiveRouter) -> Iterator[Cards]:
    with Cards(live.lab.guest) as made:
        yield made


def pair(number: int, lease_seconds: int = 0) -> tuple[Card, Card]:
    """Two guests, one after the other at one address of their own."""
    address = f"10.1.1.{number}"
    first = Card(f"02:00:00:aa:00:{number:02x}", address, f"first-{number}", lease_seconds)
    return first, Card(f"02:00:00:bb:00:{number:02x}", address, f"second-{number}", lease_seconds)


def move_in(tenants: Tenants, cards: Cards, *guests: Card) -> None:
    tenants.change(*guests, is_new=True)
    until("all have their lease", lambda: all(cards.take(guest) == guest.address for guest in guests), 10.0)


def assert_leased(cards: Cards, owner: Card, *former: Card) -> None:
    """The address is the owner's, and none of it is a former guest's."""
    offers = cards.offers([owner], former)
    assert offers.get(owner, (NOTHING, 1.0))[0] == owner.address
    assert [offers.get(card, (NOTHING, 1.0))[0] for card in former] == [NOTHING] * len(former)
    assert cards.take(owner) == owner.address
    assert_named(cards, owner, *former)


def assert_named(cards: Cards, owner: Card, *former: Card) -> None:
    assert cards.address_of(owner.name) == owner.address
    assert cards.name_of(owner.address) == f"{owner.name}.{DOMAIN}."
    assert [cards.address_of(card.name) for card in former] == ["NXDOMAIN"] * len(former)


def assert_gone(cards: Cards, guest: Card) -> None:
    assert cards.name_of(guest.address) == "NXDOMAIN"
    assert cards.address_of(guest.name) == "NXDOMAIN"


def test_the_address_of_a_removed_guest_is_leased_again(tenants: Tenants, cards: Cards) -> None:
    """apache/cloudstack#10436: the next guest got no offer, "not using configured address because it is leased"."""
    first, second = pair(231)
    move_in(tenants, cards, first)
    tenants.change(gone=(first,))
    tenants.change(second, is_new=True)
    assert_leased(cards, second, first)


def test_so_is_one_that_another_card_is_given(tenants: Tenants, cards: Cards) -> None:
    """apache/cloudstack#10608: the same when the entry of another card took the address, without any removal."""
    first, second = pair(232, 3600)
    move_in(tenants, cards, first)
    tenants.change(second)
    assert_leased(cards, second, first)
    assert cards.renew(first) == NOTHING


def test_the_name_of_a_removed_guest_is_gone(tenants: Tenants, cards: Cards) -> None:
    """apache/cloudstack#3354: name and reverse name of a guest that was removed went on being answered."""
    first, _ = pair(233)
    move_in(tenants, cards, first)
    assert_named(cards, first)
    tenants.change(gone=(first,))
    assert_gone(cards, first)


def test_so_is_whatever_else_of_a_reservation_has_changed(tenants: Tenants, cards: Cards) -> None:
    """Neighbours of the same reports: renamed, moved to another address, exchanged, leased by another client id."""
    renamed, moved, by_id = (pair(number)[0] for number in (234, 235, 237))
    here, there = pair(238)[0], pair(239)[0]
    move_in(tenants, cards, renamed, moved, here, there, by_id)
    assert cards.take(by_id, client=b"\xff\x01\x02\x03\x04\x00\x01") == by_id.address
    now = replace(renamed, name="renamed"), replace(moved, address="10.1.1.236"), pair(237)[1]
    exchanged = replace(here, address=there.address), replace(there, address=here.address)
    tenants.change(*now, *exchanged)
    assert_leased(cards, now[0])
    assert cards.address_of(renamed.name) == "NXDOMAIN"
    assert_leased(cards, now[1])
    assert cards.name_of(moved.address) == "NXDOMAIN"
    assert_leased(cards, now[2], by_id)
    assert [cards.take(card) for card in exchanged] == [card.address for card in exchanged]
    for card in exchanged:
        assert_named(cards, card)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("lease_seconds", [0, 3600])
def test_it_stays_so_whatever_becomes_of_the_daemon(tenants: Tenants, cards: Cards, lease_seconds: int) -> None:
    """apache/cloudstack#10436, on both releases: after swap, rollback, a way back in the soak, and restarts."""
    live, (first, second) = tenants.live, pair(240 + (lease_seconds > 0), lease_seconds)
    move_in(tenants, cards, first)
    tenants.change(gone=(first,))
    tenants.change(second, is_new=True)
    assert_leased(cards, second, first)
    for words in ("swap dnsmasq", "rollback dnsmasq", "swap dnsmasq", "restart dnsmasq"):
        tenants.rest()
        live.router.vrctl(*words.split())
        assert_leased(cards, second, first)
    tenants.rest()
    tenants.change(first)  # and now on the other release
    assert_leased(cards, first, second)
    tenants.rest()
    go_back_in_the_soak(live)
    assert_leased(cards, first, second)
    tenants.rest()
    kill(live.containers()[f"vrs-dnsmasq-{tenants.generation}"])
    until("it is leased again", lambda: cards.offer(first) == first.address, 15.0)
    assert_leased(cards, first, second)
    live.end(signal.SIGKILL)
    live.ready()
    assert_leased(cards, first, second)
    live.router.vrctl("rollback", "dnsmasq")
    tenants.rest()
    assert_leased(cards, first, second)


def go_back_in_the_soak(live: LiveRouter) -> None:
    live.router.vrctl("rollback", "dnsmasq", "--no-wait")
    until("it soaks", lambda: is_soaking(live), 20.0, 0.02)
    live.router.vrctl("rollback", "dnsmasq")


def is_soaking(live: LiveRouter) -> bool:
    handover = leasing(live).handover
    return handover is not None and handover.phase == "soak"


@pytest.mark.slow
def test_what_an_earlier_version_left_behind_ends_at_the_next_start(tenants: Tenants, cards: Cards) -> None:
    """apache/cloudstack#10608: a router whose lease file already holds such leases is cured."""
    live, (first, second) = tenants.live, pair(242)
    move_in(tenants, cards, second)
    tenants.rest()
    leases, container = tenants.lease_file, live.containers()[f"vrs-dnsmasq-{tenants.generation}"]
    live.end(signal.SIGKILL)
    kill(container)
    others = "".join(line for line in leases.read_text().splitlines(keepends=True) if first.address not in line)
    leases.write_text(f"{others}0 {first.mac} {first.address} {first.name} *\n0 {first.mac} 10.1.1.243 left *\n")
    live.ready()
    assert_leased(cards, second, first)
    assert first.mac not in tenants.lease_file.read_text()
    assert cards.name_of("10.1.1.243") == "NXDOMAIN"


@pytest.fixture
def tier(live: LiveRouter) -> Iterator[Callable[[bool], dict[str, Any]]]:
    """The command that makes a second guest network, or takes it away."""
    router, guest = live.lab.router, live.lab.guest
    run(["ip", "-n", router, "link", "add", "eth3", "type", "veth", "peer", "name", "eth3", "netns", guest])
    run(["ip", "-n", router, "addr", "add", "10.1.2.1/24", "dev", "eth3"])
    run(["ip", "-n", guest, "addr", "add", "10.1.2.99/24", "dev", "eth3"])
    for namespace in (router, guest):
        run(["ip", "-n", namespace, "link", "set", "eth3", "up"])
    address = {"router_guest_ip": "10.1.2.1", "router_guest_gateway": "10.1.2.1", "device": "eth3"}
    yield lambda is_there: guest_network() | address | {"add": is_there}
    run(["ip", "-n", router, "link", "del", "eth3"])


@pytest.mark.slow
def test_a_network_that_goes_takes_its_leases_along(
    tenants: Tenants, cards: Cards, tier: Callable[[bool], dict[str, Any]]
) -> None:
    """A neighbour: the guests of a tier that was removed are gone with it, and another may have their address."""
    first, second = (replace(card, address="10.1.2.20") for card in pair(20))
    tenants.change(first, also=(tier(True),))
    with Cards(tenants.live.lab.guest, "eth3", "10.1.2.1") as there:
        until("it has its lease", lambda: there.take(first) == first.address, 10.0)
        assert_named(cards, first)
        tenants.rest()
        tenants.change(also=(tier(False),))
        assert_gone(cards, first)
        tenants.rest()
        tenants.change(second, also=(tier(True),))
        assert_leased(there, second, first)
    tenants.rest()
    tenants.change(gone=(second,), also=(tier(False),))
    tenants.rest()
