"""What is new between two readings: failed, declined, and what nobody answered in time."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface

import pytest

from supervisor.decisions.work import Soaked, Work, by_client, since, span
from supervisor.values.router import AddressUse, GuestNetwork, Host, OwnAddress, RouterConfig
from supervisor.values.tally import Reading, Tally


def tally(failed: int, total: int, answered: int | None = None, declined: int = 0) -> Tally:
    return Tally("", failed, total, "guest", answered, declined)


@pytest.mark.parametrize(
    ("before", "after", "due", "fresh"),
    [
        pytest.param(tally(1, 10), tally(3, 20), None, Work(2, 10), id="some failed"),
        pytest.param(tally(1, 10), tally(1, 10), None, Work(0, 0), id="nothing was done"),
        pytest.param(tally(5, 10), tally(1, 20), None, None, id="it began anew"),
        pytest.param(tally(0, 30), tally(0, 20), None, None, id="the total went backwards"),
        pytest.param(None, tally(2, 9), None, Work(2, 9), id="since it began"),
        pytest.param(tally(0, 10), tally(7, 14), None, Work(7, 7), id="more failed than was begun"),
        pytest.param(tally(0, 10, 9), tally(2, 30, 20), tally(2, 25, 20), Work(2, 15, 2), id="some is not answered"),
        pytest.param(tally(0, 10, 9), tally(2, 30, 20), None, Work(2, 13), id="nothing was due yet"),
        pytest.param(tally(0, 10, 8), tally(0, 20, 20), tally(0, 20, 20), Work(0, 12), id="answers to older questions"),
        pytest.param(None, tally(1, 9, 4, 2), tally(1, 9, 4, 2), Work(1, 9, 2, 2), id="some was declined"),
    ],
)
def test_what_is_new(before: Tally | None, after: Tally, due: Tally | None, fresh: Work | None) -> None:
    assert since(after, before, due) == fresh


def test_a_span_has_clients_and_servers_that_came_later_and_none_that_began_anew() -> None:
    first = Reading((Tally("", 1, 5, "a"), Tally("", 9, 9, "b")), (Tally("s", 0, 3),))
    later = Reading((Tally("", 2, 9, "a"), Tally("", 0, 1, "b"), Tally("", 0, 2, "c")), (Tally("s", 1, 5),))
    found = span(first, later)
    assert found.parts == {("", "a"): Work(1, 4), ("", "c"): Work(0, 2)}
    assert found.servers == {("s", ""): Work(1, 2)}


def test_kinds_are_counted_from_the_reading_before() -> None:
    before = Tally("", 3, 9, kinds=(("REFUSED", 2), ("SERVFAIL", 1)))
    now = Tally("", 7, 20, kinds=(("REFUSED", 2), ("SERVFAIL", 5)))
    assert since(now, before, None) == Work(4, 11, kinds=(("SERVFAIL", 4),))


NETWORK = GuestNetwork("eth0", IPv4Interface("10.1.1.1/24"), IPv4Address("10.1.1.1"), "lan", ())
ROUTER = RouterConfig(
    name="r",
    networks=(NETWORK,),
    addresses=(OwnAddress(IPv4Interface("203.0.113.2/24"), "eth2", AddressUse.PUBLIC),),
    hosts=(Host("02:00:00:00:00:20", IPv4Address("10.1.1.20"), "vm", None, is_default=True, interface="eth0"),),
)


def test_the_router_itself_is_no_client() -> None:
    servers = (Tally("web/one", 1, 2, "203.0.113.2"),)
    reading = Reading((Tally("web", 0, 1, "203.0.113.2"), Tally("web", 3, 9, "203.0.113.20")), servers)
    assert by_client(reading, ROUTER) == Reading(reading.parts[1:], servers)
    assert by_client(reading, RouterConfig(name="r")) == reading


@pytest.mark.parametrize(
    ("sources", "clients"),
    [
        pytest.param(
            ["10.1.1.20", "10.1.1.21"], ["10.1.1.20", "strangers in 10.1.1.0/24"], id="a guest and a stranger"
        ),
        pytest.param(["10.1.1.21", "10.1.1.22", "10.1.1.9"], ["strangers in 10.1.1.0/24"], id="strangers are one"),
        pytest.param(["10.9.1.21", "192.0.2.1"], ["10.9.1.21", "192.0.2.1"], id="elsewhere each address"),
        pytest.param(["fd00::1", "fd00::2", "fd00:0:0:1::1"], ["fd00::/64", "fd00:0:0:1::/64"], id="IPv6"),
        pytest.param(["", "name"], ["", "name"], id="not told apart"),
    ],
)
def test_one_machine_is_one_client_whatever_addresses_it_uses(sources: list[str], clients: list[str]) -> None:
    reading = Reading(tuple(Tally("web", 1, 3, source, 2, 1, (("REFUSED", 1),)) for source in sources))
    found = by_client(reading, ROUTER).parts
    assert [tally.source for tally in found] == clients
    assert sum(tally.total for tally in found) == 3 * len(sources)
    for tally in found:
        many = tally.total // 3
        assert tally == Tally("web", many, 3 * many, tally.source, 2 * many, many, (("REFUSED", many),))


def counted(number: int) -> Reading:
    return Reading((Tally("", number, 10 * number, "guest"),))


@pytest.mark.parametrize(
    ("times", "due"),
    [
        pytest.param([0.0], 0.0, id="the first reading is its own"),
        pytest.param([0.0, 1.0, 2.0], 0.0, id="nothing is over its patience: the first one"),
        pytest.param([0.0, 1.0, 2.0, 3.0], 0.0, id="the first one is just over it"),
        pytest.param([0.0, 1.0, 2.0, 4.0], 1.0, id="the newest that is over it"),
        pytest.param([0.0, 1.0, 2.0, 60.0], 2.0, id="after a gap"),
    ],
)
def test_a_soak_compares_the_first_reading_the_newest_and_the_newest_that_is_over_its_patience(
    times: list[float], due: float
) -> None:
    soaked = Soaked()
    for number, at in enumerate(times):
        soaked = soaked.after(at, counted(number), patience=3.0)
    assert soaked.first == counted(0)
    assert soaked.recent[0] == (due, counted(times.index(due)))
    assert soaked.recent[-1] == (times[-1], counted(len(times) - 1))
    assert soaked.span() == span(counted(0), counted(len(times) - 1), counted(times.index(due)))


def test_a_long_soak_is_remembered_no_longer_than_its_patience() -> None:
    soaked = Soaked()
    for number in range(10_000):
        soaked = soaked.after(number / 2, counted(number), patience=5.0)
    assert len(soaked.recent) == 11
