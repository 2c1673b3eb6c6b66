"""A jump is what fails more clients than before; what is not known is never one, and no client decides alone."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from supervisor.decisions.error_rate import base_line, jump
from supervisor.decisions.work import Span, Work
from supervisor.values.manifest import Count, ErrorCounter, Probe, ProbeKind

COUNTER = ErrorCounter("requests", Probe(ProbeKind.SOCKET, ()), "f", "t", share=0.05, minimum=10)
WITH_SERVERS = ErrorCounter(
    "answers", Probe(ProbeKind.ANSWERS, ()), "f", "t", share=0.05, minimum=10, servers=Count("t", "f")
)

Figures = tuple[int, int]


def parts(**figures: Figures) -> Span:
    """Parts of a service whose clients are not counted apart."""
    found = {name if name != "all" else "": Work(*numbers) for name, numbers in figures.items()}
    return Span({(name, ""): work for name, work in found.items()}, {})


def clients(figures: Mapping[str, Figures], servers: Mapping[str, Work] | None = None, name: str = "") -> Span:
    return Span(
        {(name, source): Work(*numbers) for source, numbers in figures.items()},
        {(server, ""): work for server, work in (servers or {}).items()},
    )


def many(count: int, failed: int, total: int, first: int = 0) -> dict[str, Figures]:
    return {f"guest-{number}": (failed, total) for number in range(first, first + count)}


NOTHING = parts()
GOOD = parts(all=(0, 1000))


@pytest.mark.parametrize(
    ("fresh", "former", "reason"),
    [
        pytest.param(parts(all=(31, 200)), [GOOD], "31 of 200 requests failed", id="a jump"),
        pytest.param(parts(all=(9, 9)), [GOOD], None, id="too few to say"),
        pytest.param(parts(all=(10, 200)), [GOOD], None, id="the bound is allowed"),
        pytest.param(parts(all=(11, 200)), [GOOD], "11 of 200", id="just above the bound"),
        pytest.param(parts(all=(31, 200)), [parts(all=(20, 100))], None, id="it was broken before"),
        pytest.param(parts(all=(60, 200)), [parts(all=(20, 100))], "60 of 200", id="worse than broken"),
        pytest.param(parts(all=(31, 200)), [GOOD, parts(all=(9, 50))], None, id="broken lately"),
        pytest.param(parts(all=(31, 200)), [], "31 of 200", id="nothing is known of the former"),
        pytest.param(parts(all=(31, 200)), [parts(all=(0, 0))], "31 of 200", id="the former had no work"),
        pytest.param(NOTHING, [GOOD], None, id="nothing was read"),
        pytest.param(parts(a=(12, 20)), [parts(a=(0, 9))], "12 of 20 requests of a", id="a part"),
        pytest.param(parts(b=(12, 20)), [parts(a=(0, 9))], None, id="the former had no such part"),
        pytest.param(parts(b=(12, 20)), [], "12 of 20 requests of b", id="a part of which nothing is known"),
        pytest.param(
            parts(a=(0, 9000), b=(12, 20)), [parts(a=(0, 9), b=(0, 9))], "requests of b", id="one part of many"
        ),
        pytest.param(parts(a=(12, 20)), [parts(a=(8, 8))], None, id="a rule that always failed"),
    ],
)
def test_a_jump_of_those_that_are_not_told_apart(fresh: Span, former: list[Span], reason: str | None) -> None:
    found = jump(COUNTER, fresh, former, is_former_known=bool(former))
    assert (found is None) if reason is None else (found is not None and reason in found)


@pytest.mark.parametrize(
    ("fresh", "former", "reason"),
    [
        pytest.param(
            many(20, 1, 4), many(20, 0, 50), "20 of 80 requests of web failed", id="a version that fails for all"
        ),
        pytest.param(many(12, 3, 4) | many(8, 0, 4, 12), many(20, 0, 9), "of 12 of 20 clients", id="for most"),
        pytest.param({"odd": (800, 800)} | many(12, 0, 4), many(12, 0, 9) | {"odd": (0, 9)}, None, id="for one"),
        pytest.param({"odd": (800, 800)} | many(1, 0, 4), {"odd": (0, 9)} | many(1, 0, 9), None, id="for one of two"),
        pytest.param({"only": (15, 15)}, {"only": (0, 30)}, "15 of 15", id="for the only one there is"),
        pytest.param({"odd": (60, 60)}, {"odd": (0, 2)} | many(7, 0, 2), None, id="for the first one that asks"),
        pytest.param(many(2, 40, 40) | many(38, 0, 9, 2), many(40, 0, 9), None, id="for no more than are allowed"),
        pytest.param(many(5, 40, 40) | many(35, 0, 9, 5), many(40, 0, 9), "of 5 of 40", id="for more"),
        pytest.param(many(9, 1, 1), many(9, 0, 9), None, id="too few failures"),
        pytest.param(many(3, 500, 500) | many(4, 0, 9, 3), many(3, 90, 90) | many(4, 0, 9, 3), None, id="as before"),
        pytest.param(many(20, 5, 10), many(20, 5, 10), None, id="half of it failed before"),
        pytest.param(
            many(30, 7, 7, 100) | many(3, 0, 9), many(3, 0, 9), None, id="new clients say nothing beside known ones"
        ),
        pytest.param(many(30, 7, 7, 100), many(3, 0, 9), "of 30 of 30 clients", id="new clients where no other is"),
        pytest.param(many(30, 7, 7, 100), many(3, 9, 9), None, id="new clients of what failed for others"),
    ],
)
def test_clients_count_once_each(fresh: dict[str, Figures], former: dict[str, Figures], reason: str | None) -> None:
    found = jump(COUNTER, clients(fresh, name="web"), [clients(former, name="web")], is_former_known=True)
    assert (found is None) if reason is None else (found is not None and reason in found), found


DECLINES = Work(0, 800, declined=800, kinds=(("REFUSED", 800),))
HEALTHY = Work(0, 500)
UNREAD = Work(40, 40, kinds=(("FORMERR", 40),))
SILENT = Work(0, 40, unanswered=40)


@pytest.mark.parametrize(
    ("fresh", "servers", "before", "reason"),
    [
        pytest.param({"odd": (800, 800)} | many(4, 0, 12), {"s": DECLINES}, {"s": HEALTHY}, None, id="one guest"),
        pytest.param({"only": (800, 800)}, {"s": DECLINES}, {"s": HEALTHY}, None, id="the only guest"),
        pytest.param(
            {"only": (15, 15)}, {}, {"s": HEALTHY}, "15 of 15 answers", id="no server was asked: it is the candidate"
        ),
        pytest.param(
            many(4, 10, 10), {"s": UNREAD}, {"s": HEALTHY}, "server s does not answer", id="a server that cannot read"
        ),
        pytest.param(many(4, 10, 10), {"s": SILENT}, {"s": HEALTHY}, "unanswered 40", id="a server that is silent now"),
        pytest.param(many(4, 10, 10), {"s": UNREAD}, {"s": UNREAD}, None, id="it never could"),
        pytest.param(many(4, 10, 10), {"s": SILENT}, {}, None, id="silent, and nothing is known of it"),
        pytest.param(many(4, 10, 10), {"s": UNREAD}, {}, "FORMERR 40", id="not read, and nothing is known of it"),
        pytest.param(
            many(4, 10, 10),
            {"s": Work(0, 40, declined=40)},
            {"s": HEALTHY},
            "server s",
            id="a server that answered well now declines all that several clients ask",
        ),
        pytest.param(
            many(4, 10, 10),
            {"s": Work(0, 60, declined=40)},
            {"s": HEALTHY},
            None,
            id="a server that declines some names",
        ),
        pytest.param(
            many(4, 10, 10), {"s": UNREAD, "dead": SILENT}, {"s": HEALTHY, "dead": SILENT}, "server s", id="a dead one"
        ),
        pytest.param(
            many(4, 10, 10),
            {"s": Work(0, 400), "dead": SILENT},
            {"s": HEALTHY, "dead": SILENT},
            "40 of 40 answers",
            id="a dead one explains nothing while another answers",
        ),
    ],
)
def test_failures_of_servers_are_not_the_candidates_unless_it_brings_them_about(
    fresh: dict[str, Figures], servers: dict[str, Work], before: dict[str, Work], reason: str | None
) -> None:
    former = clients(dict.fromkeys(fresh, (0, 30)), before)
    found = jump(WITH_SERVERS, clients(fresh, servers), [former], is_former_known=True)
    assert (found is None) if reason is None else (found is not None and reason in found), found


def test_the_reason_says_what_how_much_and_what_was_allowed() -> None:
    found = jump(COUNTER, parts(web=(31, 200)), [parts(web=(2, 100))], is_former_known=True)
    assert found == "31 of 200 requests of web failed since the cut-over (15.5 %; bound 5 %, before it 2 %)"


def test_the_reason_names_clients_kinds_and_servers() -> None:
    works = {("", f"guest-{number}"): Work(10, 11, kinds=(("FORMERR", 10),)) for number in range(4)}
    former = clients(many(4, 0, 30), {"192.0.2.53": HEALTHY})
    found = jump(WITH_SERVERS, Span(works, {("192.0.2.53", ""): UNREAD}), [former], is_former_known=True)
    assert found == (
        "40 of 44 answers failed since the cut-over, of 4 of 4 clients (90.9 %; bound 5 %, before it 0 %): FORMERR 40"
        "; server 192.0.2.53 does not answer this version as it did the former: 40 of 40 (FORMERR 40)"
    )


def test_the_base_line_is_the_worst_span() -> None:
    def some(**figures: Figures) -> dict[str, Work]:
        return {source: Work(*numbers) for source, numbers in figures.items()}

    assert base_line("a", [some(a=(1, 100)), some(a=(1, 4)), {}]) == 0.25
    assert base_line("new", [some(a=(0, 10), b=(5, 10))]) == 0.25
    assert base_line("new", []) == 0.0
