"""A lease ends with its reservation: its address goes to the next guest at once, the name of the last one is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from lab.topology import DOMAIN
from tests.integration.live_router import Live, until
from tests.reports.conftest import Apply
from tests.reports.leasing import NOTHING, Card, Cards

A = Card("02:00:00:aa:00:01", "10.1.1.238", "vm-a")
B = Card("02:00:00:bb:00:01", "10.1.1.238", "vm-b")


@pytest.fixture
def cards(live: Live) -> Iterator[Cards]:
    with Cards(live.lab.guest) as made:
        yield made


@pytest.fixture
def give(live: Live, apply: Apply) -> Iterator[Callable[..., None]]:
    """Make reservations (or take them away), and wait until that serves; afterwards all are taken away."""
    given: dict[str, Card] = {}

    def send(*changes: Card, gone: tuple[Card, ...] = (), anew: bool = True) -> None:
        before = generation(live)
        apply(*(card.removal() for card in gone), *(card.entry() for card in changes))
        given.update({card.mac: card for card in changes})
        until("the change serves", lambda: not anew or generation(live) != before, 20.0, 0.02)

    yield send
    at_rest(live)
    apply(*(card.removal() for card in given.values()))
    at_rest(live)


def generation(live: Live) -> int:
    return int(live.services()["dnsmasq"]["generation"])


def at_rest(live: Live) -> None:
    until("nothing is under way", lambda: live.services()["dnsmasq"]["handover"] is None, 30.0)


def belongs_to(cards: Cards, owner: Card, *former: Card) -> None:
    """The address is the owner's, and nothing of it is any former guest's."""
    offers = cards.offers([owner], former)
    assert offers.get(owner, (NOTHING, 1.0))[0] == owner.address
    assert [offers.get(card, (NOTHING, 1.0))[0] for card in former] == [NOTHING] * len(former)
    assert cards.name_of(owner.address) == f"{owner.name}.{DOMAIN}."
    assert [cards.address_of(card.name) for card in former] == ["NXDOMAIN"] * len(former)


@pytest.mark.parametrize("lease_seconds", [0, 3600])
def test_the_address_of_a_removed_guest_is_leased_again(
    live: Live, cards: Cards, give: Callable[..., None], lease_seconds: int
) -> None:
    """apache/cloudstack#10436: "not using configured address 10.1.1.238 because it is leased to ..."."""
    first = Card(A.mac, A.address, A.name, lease_seconds)
    give(first, anew=False)
    until("it has its lease", lambda: cards.take(first) == first.address, 10.0)
    give(gone=(first,))
    give(B, anew=False)
    belongs_to(cards, B, first)
    assert cards.take(B) == B.address
