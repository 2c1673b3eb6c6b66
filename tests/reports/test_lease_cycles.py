"""A thousand guests come, lease, go and make room, on ten addresses, while others ask for names."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from lab.clients import Dnsperf, launch
from lab.topology import DOMAIN, EXTRA_COUNT, GUEST_COUNT
from tests.kit.live.router import LiveRouter, until
from tests.reports.conftest import Apply
from tests.reports.leasing import NOTHING, Card, Cards, generation, leasing

ADDRESSES = tuple(f"10.1.1.{230 + index}" for index in range(10))
OFFER_SECONDS = 1.0


@dataclasses.dataclass(slots=True)
class Cycles:
    """One address after another changes hands; what was wrong is kept with cycle, address, card and answer."""

    live: LiveRouter
    apply: Apply
    cards: Cards
    wrong: list[str] = dataclasses.field(default_factory=list)
    slowest: float = 0.0  # from when the change serves until the offer
    slowest_change: float = 0.0  # from before it is sent until it serves
    slowest_addition: float = 0.0  # from when it was taken in until it serves
    longest: int = 0  # lines of the lease file
    done: int = 0

    def card(self, at: int, turn: int) -> Card:
        mac = f"02:{turn >> 8:02x}:{turn & 255:02x}:cc:00:{at:02x}"
        return Card(mac, ADDRESSES[at], f"guest-{at}-{turn}", (0, 3600)[turn // 2 % 2])

    def first(self) -> None:
        cards = [self.card(at, 0) for at in range(len(ADDRESSES))]
        self.apply(*(card.entry() for card in cards))
        self.await_served(cards)
        self.expect(cards, [])

    def turn(self, number: int) -> None:
        """Every second address is given away at once, the others are free for a while."""
        former = [self.card(at, number - 1) for at in range(len(ADDRESSES))]
        now = [self.card(at, number) for at in range(len(ADDRESSES))]
        before, began = generation(self.live), time.monotonic()
        removed = [at for at in range(len(ADDRESSES)) if (at + number) % 2]
        replaced = [at for at in range(len(ADDRESSES)) if at not in removed]
        self.apply(*(former[at].removal() for at in removed), *(now[at].entry() for at in replaced))
        until("the change serves", lambda: generation(self.live) != before, 30.0, 0.02)
        self.slowest_change = max(self.slowest_change, time.monotonic() - began)
        self.expect([now[at] for at in replaced], former)
        for at in removed:
            self.is_wrong(former[at], "its name", self.cards.name_of(former[at].address), "NXDOMAIN")
        self.apply(*(now[at].entry() for at in removed))
        self.await_served([now[at] for at in removed])
        self.expect([now[at] for at in removed], former)
        self.done += len(ADDRESSES)
        self.longest = max(self.longest, self.leases())

    def expect(self, owners: list[Card], former: list[Card]) -> None:
        """Owners are offered their address within a second, and lease it; the former ones are offered nothing."""
        offers = self.cards.offers(owners, former, OFFER_SECONDS)
        for card in owners:
            found, seconds = offers.get(card, (NOTHING, OFFER_SECONDS))
            self.slowest = max(self.slowest, seconds)
            self.is_wrong(card, f"offer within {OFFER_SECONDS:g} s", found, card.address)
            self.is_wrong(card, "lease", self.cards.take(card), card.address)
            self.is_wrong(card, "address", self.cards.address_of(card.name), card.address)
            self.is_wrong(card, "name", self.cards.name_of(card.address), f"{card.name}.{DOMAIN}.")
        for card in former:
            self.is_wrong(card, "offer to a guest that is gone", offers.get(card, (NOTHING, 0.0))[0], NOTHING)
            self.is_wrong(card, "address of a guest that is gone", self.cards.address_of(card.name), "NXDOMAIN")

    def await_served(self, cards: list[Card]) -> None:
        """Wait until what serves has been given these reservations, which it takes in while it runs."""
        folder = self.live.router.runtime / "dnsmasq"

        def are_there() -> bool:
            config = folder / str(generation(self.live)) / "config/reservations"
            paths = {card: config / f"eth0-{card.address}" for card in cards}
            return all(path.is_file() and path.read_text().startswith(card.mac) for card, path in paths.items())

        self.slowest_addition = max(self.slowest_addition, until("the reservations serve", are_there, 30.0, 0.01))

    def is_wrong(self, card: Card, what: str, found: str, wanted: str) -> None:
        if found != wanted:
            self.wrong.append(f"cycle {self.done}, {card.address}, {card.mac} ({what}): {found}, expected {wanted}")

    def leases(self) -> int:
        volumes = self.live.router.state / "volumes" / "dnsmasq"
        files = [path for path in volumes.glob("*/dnsmasq.leases") if path.is_file()]
        return max(len(path.read_bytes().splitlines()) for path in files)


@pytest.fixture
def cycles(live: LiveRouter, apply: Apply) -> Iterator[Cycles]:
    with Cards(live.lab.guest) as cards:
        made = Cycles(live, apply, cards)
        made.first()
        yield made
        last = [made.card(at, made.done // len(ADDRESSES)) for at in range(len(ADDRESSES))]
        apply(*(card.removal() for card in last))
        until("nothing is under way", lambda: leasing(live).handover is None, 30.0)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("release", "amount"), [("12.0", 1000), ("13.0", 300)])
def test_a_thousand_guests_come_and_go(
    live: LiveRouter, cycles: Cycles, release: str, amount: int, tmp_path: Path
) -> None:
    """apache/cloudstack#10436: every offer within a second, no wrong answer, a lease file that does not grow."""
    with ExitStack() as stack:
        if release != "12.0":
            live.router.vrctl("swap", "dnsmasq")
            stack.callback(live.router.vrctl, "rollback", "dnsmasq")
        load = stack.enter_context(launch(Dnsperf(rate=500, seconds=870), live.lab.guest))
        for number in range(1, amount // len(ADDRESSES) + 1):
            cycles.turn(number)
            assert len(cycles.wrong) < 20, "\n".join(cycles.wrong)
            if cycles.done % 100 == 0:
                print(f"{cycles.done} cycles, slowest offer {cycles.slowest:.3f} s", flush=True)
        outcome = load.stop()
    figures = {"cycles": cycles.done, "slowest offer": round(cycles.slowest, 3), "lease lines": cycles.longest}
    figures |= {"change": round(cycles.slowest_change, 3), "addition": round(cycles.slowest_addition, 3)}
    print(json.dumps({"release": release, **figures, "wrong": len(cycles.wrong), "dns": dataclasses.asdict(outcome)}))
    assert not cycles.wrong, "\n".join(cycles.wrong)
    assert outcome.is_clean, outcome
    assert cycles.longest <= GUEST_COUNT + EXTRA_COUNT + len(ADDRESSES)
