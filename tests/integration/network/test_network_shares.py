"""Shares on the real kernel: who opens too much is refused and named, and nobody else notices."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from supervisor.edges.network.guard import NftGuard
from supervisor.edges.network.shares import NftShares
from supervisor.edges.network.shares_text import TABLE, name_of
from supervisor.edges.network.traffic import NftTraffic
from supervisor.values.manifest import Fair
from supervisor.values.names import ServiceName
from supervisor.values.shares import (
    Card,
    GuestAddress,
    ServiceShare,
    SharedAddress,
    SharedPort,
    ShareTable,
    Source,
    SourceKind,
)
from supervisor.values.state import Share
from tests.integration.network.network_peers import Server, closing
from tests.kit.live.network_router import Router, entered, tool

pytestmark = pytest.mark.integration

GATEWAY, GATEWAY6, VIP = "10.99.1.1", "fd00:99::1", "203.0.113.10"
WEB, GUESTS_ONLY, OPEN = 80, 81, 32
HOG = "02:00:00:00:00:14"
Record = Callable[[str, object], None]


def of(name: str, *, guests_only: bool = False) -> ServiceShare:
    return ServiceShare(ServiceName(name), Share(0, Fair(OPEN, 2000, guests_only)))


SHARED, RESTRICTED = of("web"), of("secret", guests_only=True)
TABLE_OF_TEST = ShareTable(
    shares=(RESTRICTED, SHARED),
    addresses=(
        SharedAddress(IPv4Address(GATEWAY), WEB, SHARED),
        SharedAddress(IPv4Address(GATEWAY), GUESTS_ONLY, RESTRICTED),
        SharedAddress(IPv4Address(VIP), WEB, SHARED),
    ),
    ports=(SharedPort("eth0", 53, SHARED), SharedPort("eth3", 53, SHARED)),
    cards=(Card("eth0", HOG),),
    guests=(GuestAddress("eth3", IPv4Address("10.99.3.2")),),
    sides=("eth0", "eth3"),
)


@pytest.fixture
def shares(net: Router) -> Iterator[NftShares]:
    """The table for a hog behind eth0 and a guest behind eth3, and a server behind it."""
    with entered(net.guest):
        tool("ip", "link", "set", "eth0", "address", HOG)
        addresses = "".join(f"addr add 10.99.1.{number}/24 dev eth0\n" for number in range(50, 150))
        tool("ip", "-batch", "-", text=addresses)
    kept = NftShares()
    kept.apply(TABLE_OF_TEST)
    with closing(Server("here").tcp(WEB).tcp(GUESTS_ONLY).tcp(53, "::")):
        yield kept


@contextmanager
def opened(place: str, target: tuple[str, int], count: int, sources: tuple[str, ...] = ("",)) -> Iterator[list[bool]]:
    """Begin `count` connections and hold them; yield which of them are open after a moment."""
    family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
    with ExitStack() as stack:
        with entered(place):
            held = [stack.enter_context(socket.socket(family, socket.SOCK_STREAM)) for _ in range(count)]
            for number, sock in enumerate(held):
                sock.setblocking(False)
                if source := sources[number % len(sources)]:
                    sock.bind((source, 0))
                sock.connect_ex(target)
        time.sleep(0.3)
        yield [_is_open(sock) for sock in held]


def _is_open(sock: socket.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


def answers(place: str, target: tuple[str, int], source: str = "") -> bool:
    with entered(place):
        try:
            with socket.create_connection(target, 0.5, source_address=(source, 0) if source else None) as client:
                return client.recv(100).startswith(b"here")
        except OSError:
            return False


def sources(shares: NftShares) -> dict[Source, int]:
    return {source: count for _, source, count in shares.refusals().sources}


MANY = tuple(f"10.99.1.{number}" for number in range(50, 150))


@pytest.mark.parametrize(
    ("target", "used"),
    [
        pytest.param((GATEWAY, WEB), ("",), id="one address"),
        pytest.param((GATEWAY, WEB), MANY, id="a hundred addresses"),
        pytest.param((GATEWAY6, 53), ("",), id="IPv6"),
    ],
)
def test_a_card_has_its_share_whatever_addresses_it_uses(
    net: Router, shares: NftShares, target: tuple[str, int], used: tuple[str, ...]
) -> None:
    with opened(net.guest, target, 200, used) as which:
        assert sum(which) == OPEN
        assert all(answers(net.guest, ("10.99.3.1", 53)) for _ in range(20))
        assert all(answers(net.public, (VIP, WEB)) for _ in range(20))
        assert sources(shares).keys() == {Source(SourceKind.CARD, HOG)}
    assert answers(net.guest, target)


def test_both_families_are_of_one_share(net: Router, shares: NftShares) -> None:
    with opened(net.guest, (GATEWAY, WEB), OPEN) as four, opened(net.guest, (GATEWAY6, 53), 10) as six:
        assert (sum(four), sum(six)) == (OPEN, 0)


def test_another_service_has_another_share(net: Router, shares: NftShares) -> None:
    with opened(net.guest, (GATEWAY, WEB), OPEN), opened(net.guest, (GATEWAY, GUESTS_ONLY), OPEN + 5) as which:
        assert sum(which) == OPEN


def test_cards_and_addresses_that_nobody_knows_have_one_share_together(net: Router, shares: NftShares) -> None:
    shares.apply(replace(TABLE_OF_TEST, cards=()))
    with opened(net.guest, (GATEWAY, WEB), 100, MANY) as which:
        assert sum(which) == OPEN
        assert sources(shares).keys() == {Source(SourceKind.UNKNOWN, f"{HOG} behind eth0")}
        assert answers(net.guest, ("10.99.3.1", 53))  # from an address that is known


def test_who_is_no_guest_gets_nothing_where_only_guests_are_served(net: Router, shares: NftShares) -> None:
    assert answers(net.guest, (GATEWAY, GUESTS_ONLY))
    shares.apply(replace(TABLE_OF_TEST, cards=()))
    assert not answers(net.guest, (GATEWAY, GUESTS_ONLY))
    assert dict(shares.refusals().totals)[RESTRICTED] > 0


def test_elsewhere_every_address_has_a_share(net: Router, shares: NftShares) -> None:
    with entered(net.public):
        tool("ip", "addr", "add", "203.0.113.101/24", "dev", "eth0")
    with opened(net.public, (VIP, WEB), 100, ("203.0.113.100",)) as which:
        assert sum(which) == OPEN
        assert answers(net.public, (VIP, WEB), "203.0.113.101")
        assert sources(shares).keys() == {Source(SourceKind.ADDRESS, "203.0.113.100")}


def test_what_was_refused_is_told_again_and_what_comes_later_is_added(net: Router, shares: NftShares) -> None:
    with opened(net.guest, (GATEWAY, WEB), OPEN + 5):
        pass
    first = shares.refusals()
    assert shares.refusals() == first
    with opened(net.guest, (GATEWAY, WEB), OPEN + 5):
        pass
    later = shares.refusals()
    ((share, source, before),), ((_, _, after),) = first.sources, later.sources
    assert (share, source, dict(first.totals)[share]) == (SHARED, Source(SourceKind.CARD, HOG), before)
    assert dict(later.totals)[share] == after > before


def test_the_router_itself_is_not_limited(net: Router, shares: NftShares) -> None:
    for target in ((GATEWAY, WEB), ("127.0.0.1", 53)):
        with opened(net.router, target, OPEN * 3) as which:
            assert all(which)


def test_short_connections_in_a_row_are_no_flood(net: Router, shares: NftShares) -> None:
    assert all(answers(net.guest, (GATEWAY, WEB)) for _ in range(500))
    assert sources(shares) == {}


def test_what_is_open_stays_open_when_limits_change(net: Router, shares: NftShares) -> None:
    with entered(net.guest):
        client = socket.create_connection((GATEWAY, WEB), 1)
    with client:
        assert client.recv(100).startswith(b"here")
        stricter = replace(SHARED, share=Share(0, Fair(16, 10)))
        addresses = tuple(replace(shared, of=stricter) for shared in TABLE_OF_TEST.addresses)
        shares.apply(replace(TABLE_OF_TEST, shares=(stricter,), addresses=addresses, ports=()))
        shares.apply(ShareTable())
        client.sendall(b"still\n")
        assert client.recv(100) == b"here still\n"


def test_a_flush_is_repaired_at_once(net: Router, shares: NftShares, record: Record) -> None:
    times: list[float] = []
    guard = NftGuard(NftTraffic(), shares=shares, on_restored=lambda _, seconds: times.append(seconds))
    guard.start()
    try:
        tool("nft", "flush", "ruleset")
        limit = time.monotonic() + 5
        while not times and time.monotonic() < limit:
            time.sleep(0.01)
        assert shares.verify()
        with opened(net.guest, (GATEWAY, WEB), OPEN + 5) as which:
            assert sum(which) == OPEN
    finally:
        guard.close()
    record("shares restored after, s", times[0])


def test_a_later_supervisor_adopts_what_was_counted(net: Router, shares: NftShares) -> None:
    with opened(net.guest, (GATEWAY, WEB), OPEN + 5):
        before = shares.refusals()
        later = NftShares()
        later.apply(TABLE_OF_TEST)
        assert later.verify()
        assert sources(later)[Source(SourceKind.CARD, HOG)] >= sources(shares)[Source(SourceKind.CARD, HOG)] > 0
        assert dict(later.refusals().totals)[SHARED] >= dict(before.totals)[SHARED]
        with opened(net.guest, (GATEWAY, WEB), 5) as more:
            assert sum(more) == 0  # what is open counts on


def test_a_table_of_another_structure_is_replaced(net: Router, shares: NftShares) -> None:
    tool("nft", "add", "rule", *TABLE.split(), "arrive", "accept")
    later = NftShares()
    later.apply(TABLE_OF_TEST)
    assert later.verify()


@pytest.mark.parametrize(
    "element",
    [
        pytest.param(("cards", '{ "eth0" . 02:00:00:00:00:99 comment "mine" }'), id="of a set"),
        pytest.param(("front", f'{{ 10.99.1.9 . 80 comment "mine" : goto {name_of(SHARED)} }}'), id="of a map"),
    ],
)
def test_what_somebody_adds_with_a_comment_is_taken_out(
    net: Router, shares: NftShares, element: tuple[str, str]
) -> None:
    tool("nft", "-f", "-", text=f"add element {TABLE} {' '.join(element)}\n")
    assert not shares.verify()
    later = NftShares()
    later.apply(TABLE_OF_TEST)
    assert later.verify()


def test_removal_leaves_nothing(net: Router, shares: NftShares) -> None:
    shares.remove()
    shares.remove()
    assert tool("nft", "list", "ruleset") == ""
    assert shares.refusals().totals == ()


def test_five_hundred_guests_are_told_apart(net: Router, shares: NftShares) -> None:
    """How long such a table takes to load is measured by `python -m bench.shares`."""
    numbers = range(500)
    cards = tuple(Card("eth0", f"02:00:00:01:{number >> 8:02x}:{number & 255:02x}") for number in numbers)
    guests = tuple(GuestAddress("eth0", IPv4Address("10.99.4.0") + number) for number in numbers)
    shares.apply(replace(TABLE_OF_TEST, cards=cards, guests=guests))
    assert shares.verify()
    listed = tool("nft", "list", "table", *TABLE.split())
    assert cards[-1].mac in listed
    assert str(guests[-1].address) in listed
