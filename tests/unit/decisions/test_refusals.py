"""Which sources are said to be over their share, and when that is over."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from supervisor.decisions.refusals import LEAST, MOST_NAMED, QUIET_SECONDS, Watched, after, described, news, over_now
from supervisor.values.manifest import Fair
from supervisor.values.names import ServiceName
from supervisor.values.router import Host, RouterConfig
from supervisor.values.shares import Refusals, ServiceShare, Source, SourceKind
from supervisor.values.state import Share

WEB = ServiceName("web")
OF, OTHER = (ServiceShare(WEB, Share(0, Fair(most, 500))) for most in (64, 32))
MAC = "02:00:00:00:00:14"
HOG = Source(SourceKind.CARD, MAC)
HOST = Host(MAC, IPv4Address("10.1.1.20"), "vm-20", None, is_default=True, interface="eth0")
ROUTER = RouterConfig(hosts=(HOST,))


def refused(count: int, *sources: Source) -> Refusals:
    return Refusals(((OF, count),), tuple((OF, source, count) for source in sources or (HOG,)))


def said(looks: list[tuple[float, Refusals]]) -> list[tuple[float, str, str]]:
    """Return (second, event, message) of all events over a series of looks."""
    watched, events = Watched(), []
    for now, refusals in looks:
        before, watched = watched, after(watched, refusals, now)
        events += [(now, event.name, event.message) for event in news(before, watched, ROUTER, 0.0)]
    return events


OVER = "10.1.1.20 (02:00:00:00:00:14) is over its share: what it opens beyond is refused"


@pytest.mark.parametrize(
    ("looks", "events"),
    [
        pytest.param([(1.0, Refusals())], [], id="nothing"),
        pytest.param([(1.0, refused(LEAST - 1))], [], id="a burst"),
        pytest.param([(1.0, refused(LEAST))], [(1.0, "over-share", OVER)], id="named at the first look"),
        pytest.param([(1.0, refused(3)), (2.0, refused(6))], [(2.0, "over-share", OVER)], id="at two looks"),
        pytest.param([(1.0, refused(9)), (2.0, refused(90))], [(1.0, "over-share", OVER)], id="named once"),
        pytest.param(
            [(1.0, refused(9)), (5.0, refused(90)), (5.0 + QUIET_SECONDS, refused(90))],
            [
                (1.0, "over-share", OVER),
                (65.0, "within-share", "10.1.1.20 (02:00:00:00:00:14) is within its share again: 90 refused in 4 s"),
            ],
            id="quiet for a minute",
        ),
        pytest.param([(1.0, refused(90)), (2.0, refused(2))], [(1.0, "over-share", OVER)], id="counters began anew"),
    ],
)
def test_a_source_is_named_once_and_let_go_once(
    looks: list[tuple[float, Refusals]], events: list[tuple[float, str, str]]
) -> None:
    assert said(looks) == events


def test_what_is_over_and_still_listed_is_not_named_again() -> None:
    looks = [(float(second), refused(90)) for second in range(1, 200)]
    assert [name for _, name, _ in said(looks)] == ["over-share", "within-share"]


def test_a_source_that_comes_back_is_named_again() -> None:
    looks = [(1.0, refused(9)), (70.0, refused(9)), (80.0, refused(18))]
    assert [name for _, name, _ in said(looks)] == ["over-share", "within-share", "over-share"]


def test_a_crowd_is_named_in_part_and_said_to_be_one() -> None:
    crowd = [Source(SourceKind.ADDRESS, f"203.0.113.{number}") for number in range(100)]
    events = said([(1.0, refused(9, *crowd)), (2.0, refused(18, *crowd))])
    assert len(events) == MOST_NAMED + 1
    assert events[-1][2] == "more than 16 sources at once are over their share; further ones are not named"


def test_totals_never_go_back() -> None:
    watched = Watched()
    for refusals in (refused(10), refused(25), Refusals(), refused(3)):
        watched = after(watched, refusals, 1.0)
    assert dict(watched.totals) == {WEB: 28}
    assert over_now(watched, WEB) == 1


def test_what_one_share_of_a_service_has_counted_is_not_news_when_another_goes() -> None:
    few = ((OTHER, LEAST),), ((OTHER, HOG, LEAST),)
    both = Refusals((*refused(90).totals, *few[0]), (*refused(90).sources, *few[1]))
    looks = [(1.0, both), (100.0, both), (101.0, Refusals(*few))]
    assert [name for _, name, _ in said(looks)] == ["over-share", "within-share"]
    watched = Watched()
    for now, refusals in looks:
        watched = after(watched, refusals, now)
    assert dict(watched.totals) == {WEB: 90 + LEAST}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (HOG, "10.1.1.20 (02:00:00:00:00:14)"),
        (Source(SourceKind.CARD, "02:00:00:00:00:99"), "02:00:00:00:00:99"),
        (Source(SourceKind.ADDRESS, "2001:db8::/64"), "2001:db8::/64"),
        (
            Source(SourceKind.UNKNOWN, "02:00:00:00:00:99 behind eth0"),
            "a machine that no configuration knows, 02:00:00:00:00:99 behind eth0,",
        ),
    ],
)
def test_a_source_in_words(source: Source, text: str) -> None:
    assert described(source, ROUTER) == text
