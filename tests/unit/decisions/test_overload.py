"""What hangs, and what is only full of its clients: a table."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from supervisor.decisions.overload import CALM_SECONDS, Evidence, Overload, after, answered, reachable
from supervisor.values.manifest import Admission, Protocol
from supervisor.values.state import AddressFrontend, Endpoint, PortFrontend, ProbeResult, ResolvedProbe
from supervisor.values.traffic import Connection, Crowd

ADMISSION = Admission((), connections=3, patience=60.0)
SILENT = ProbeResult(False, "no answer within 1 s", 1.0, is_silent=True)
WRONG = ProbeResult(False, "answered 500", 0.1)
HOLDS, FAILS = ProbeResult(True, "it is there", 0.01), ProbeResult(False, "no answer", 1.0, is_silent=True)


def held(*ports: int, waiting: int = 0) -> Crowd:
    guest, inside = IPv4Address("10.1.1.20"), IPv4Address("198.18.0.2")
    return Crowd(frozenset(Connection((guest, port), (inside, 80), (inside, 8000)) for port in ports), waiting)


FULL = Evidence(SILENT, HOLDS, held(1, 2, 3))
KNOWN = Overload(since=100.0, crowd=held(1, 2, 3), moved=100.0, message="known")


@pytest.mark.parametrize(
    ("evidence", "is_full"),
    [
        pytest.param(FULL, True, id="silent, has its clients, and answers the supervisor"),
        pytest.param(replace(FULL, own=FAILS), False, id="silent everywhere: it hangs"),
        pytest.param(replace(FULL, own=None), False, id="nobody knows whether it is there"),
        pytest.param(replace(FULL, failure=WRONG), False, id="a wrong answer is no overload"),
        pytest.param(replace(FULL, crowd=held(1, 2)), False, id="silent, with few clients: it hangs"),
        pytest.param(replace(FULL, crowd=held(waiting=3)), True, id="its clients wait to be taken in"),
        pytest.param(replace(FULL, crowd=None), True, id="its clients cannot be counted"),
    ],
)
def test_one_that_was_well(evidence: Evidence, is_full: bool) -> None:
    found = after(Overload(), ADMISSION, evidence, 100.0)
    assert found.is_full is is_full
    assert found.since == (100.0 if is_full else None)
    assert bool(found.message) is is_full


@pytest.mark.parametrize(
    ("evidence", "now", "is_full"),
    [
        pytest.param(FULL, 159.0, True, id="the same clients for less than its patience"),
        pytest.param(FULL, 160.0, False, id="it has taken in nobody for too long: it hangs"),
        pytest.param(replace(FULL, crowd=held(2, 3, 4)), 900.0, True, id="somebody was taken in"),
        pytest.param(replace(FULL, crowd=held(2, 3)), 101.0, True, id="its clients left: is doubted once"),
        pytest.param(
            replace(FULL, crowd=held(1, 2, 3, waiting=9)), 160.0, False, id="many wait, and nobody is taken in"
        ),
        pytest.param(replace(FULL, crowd=None), 900.0, True, id="its clients cannot be counted"),
        pytest.param(replace(FULL, own=FAILS), 101.0, True, id="is doubted once"),
        pytest.param(replace(FULL, own=FAILS, failure=WRONG), 101.0, False, id="a wrong answer is not doubted"),
    ],
)
def test_one_that_is_known_to_be_full(evidence: Evidence, now: float, is_full: bool) -> None:
    found = after(KNOWN, ADMISSION, evidence, now)
    assert found.is_full is is_full
    assert found.since == (100.0 if is_full else None)


def test_one_that_is_doubted_hangs_unless_it_answers_the_next_time() -> None:
    doubted = after(KNOWN, ADMISSION, replace(FULL, own=FAILS), 101.0)
    assert not after(doubted, ADMISSION, replace(FULL, own=FAILS), 102.0).is_full
    assert not after(doubted, ADMISSION, replace(FULL, crowd=held(1, 2)), 102.0).is_full
    assert not after(doubted, ADMISSION, FULL, 102.0).is_doubted


def test_one_without_patience_may_have_the_same_clients_for_ever() -> None:
    assert after(KNOWN, replace(ADMISSION, patience=None), FULL, 1e6).is_full


def test_patience_begins_again_with_each_client_that_is_taken_in() -> None:
    moved = after(KNOWN, ADMISSION, replace(FULL, crowd=held(2, 3, 4)), 150.0)
    assert after(moved, ADMISSION, replace(FULL, crowd=held(2, 3, 4)), 209.0).is_full
    assert not after(moved, ADMISSION, replace(FULL, crowd=held(2, 3, 4)), 210.0).is_full


def test_it_is_full_until_its_clients_have_been_answered_for_a_while() -> None:
    assert answered(Overload(), 100.0) == Overload()
    once = answered(KNOWN, 200.0)
    assert once.is_full
    assert answered(once, 200.0 + CALM_SECONDS - 0.1).is_full
    assert not answered(once, 200.0 + CALM_SECONDS).is_full
    again = after(once, ADMISSION, replace(FULL, crowd=held(7, 8, 9)), 205.0)
    assert (again.since, again.answered) == (100.0, None)


def test_a_way_in_that_clients_reach_is_named() -> None:
    own = ResolvedProbe("http", (("port", "8000"), ("path", "/")), 1.0)
    outside = Endpoint(IPv4Address("10.1.1.1"), Protocol.TCP, 80)
    assert reachable((own,), (AddressFrontend("metadata", outside, 8000),)) == "8000"
    assert reachable((own,), (AddressFrontend("metadata", outside, 8001),)) == ""
    assert reachable((own,), (PortFrontend("dns", Protocol.TCP, 53, 8000, ("eth0",)),)) == ""
    assert reachable((ResolvedProbe("socket", (), 1.0),), (AddressFrontend("metadata", outside, 8000),)) == ""
