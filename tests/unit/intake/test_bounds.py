"""Bounds that the services declare: a part that does not keep them is left out and named; without them it counts."""

from __future__ import annotations

from typing import Any

import pytest

from supervisor.edges.intake import interpret
from supervisor.values.bounds import NO_BOUNDS, Bounds, narrowest
from tests.kit.samples.bounds import BOUNDS

RULE = ("listen a-80", "\tbind 203.0.113.23:80", "\tmode http", "\tserver a_0 10.1.1.21:80 check")
LINE = {"type": "router", "eth0ip": "10.1.1.1", "eth0mask": "255.255.255.0"}
ADDRESS = {"add": True, "nw_type": "guest", "device": "eth0", "cidr": "10.1.1.1/24", "public_ip": "10.1.1.1"}


def problems(bounds: Bounds, *lines: str) -> list[str]:
    text = [*RULE, *(f"\t{line}" for line in lines)]
    _, faults = interpret({"loadbalancer": {"config": [{"configuration": text}]}}, bounds)
    return [fault.problem for fault in faults]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["timeout client 25d"], "'25d' is too long"),
        (["stick-table type ip size 17m expire 1m", "stick on src"], "'17m' is not a size"),
        (["maxconn 1000001"], "'1000001' is not a number between 1 and 1000000"),
        (["server a_1 10.1.1.22:80 rise 1000001"], "rise: '1000001' is not a number between 1 and 1000000: left out"),
        (["cookie c insert " + " ".join(f"domain d{n}.x" for n in range(25))], "a cookie has at most 24 options"),
        (
            ["option httpchk", *(f"http-check send hdr X-{n} v" for n in range(17))],
            "http-check has more than 16 headers: left out",
        ),
    ],
)
def test_a_part_beyond_a_bound_of_the_services_is_named(lines: list[str], problem: str) -> None:
    assert problems(BOUNDS, *lines) == [problem]
    assert problems(NO_BOUNDS, *lines) == []


@pytest.mark.parametrize(("asked", "leased"), [(60, 120), (121, 121), (0, None)])
def test_a_lease_is_as_long_as_the_shortest_one(asked: int, leased: int | None) -> None:
    entry = {"ipv4_address": "10.1.1.30", "mac_address": "02:00:00:00:00:01", "lease_time": asked}
    bags: dict[str, Any] = {
        "cmdline": {"config": LINE},
        "ips": {"eth0": [ADDRESS]},
        "dhcpentry": {"10.1.1.30": entry},
    }
    (host,) = interpret(bags, BOUNDS)[0].hosts
    assert host.lease_seconds == leased
    (host,) = interpret(bags)[0].hosts
    assert host.lease_seconds == (asked or None)


def test_the_narrowest_of_several_bounds_counts() -> None:
    one, other = Bounds((("a", 3), ("b", 1)), (("c", 2),)), Bounds((("a", 2),), (("c", 5),))
    both = narrowest([one, other])
    assert (both.most_of("a"), both.most_of("b"), both.least_of("c")) == (2, 1, 5)
    assert (narrowest([]).most_of("a") > 1 << 40, narrowest([]).least_of("c")) == (True, 0)
