"""What a version is sent back for while it soaks, and what not: failures of many clients, never those of one."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.live_router import SERVICES, Live, living, until
from tests.reports.outside_names import ask, reachable, serving

pytestmark = [pytest.mark.slow, pytest.mark.integration, pytest.mark.lab, pytest.mark.timeout(300)]

SOAK = 9.0
ODD, OTHERS = "10.1.1.20", tuple(f"10.1.1.{number}" for number in range(21, 29))


@pytest.fixture(scope="module")
def own() -> Iterator[Live]:
    with living("vrs", soak=SOAK, drain=2.0) as made, reachable(made.lab):
        yield made


@pytest.fixture
def older(own: Live) -> Live:
    """The older version of the name server serves, and nothing is under way."""
    if own.services()["dnsmasq"]["version"] != version(own, "12.0"):
        own.router.vrctl("swap", "dnsmasq", "--to", version(own, "12.0"))
    until("no hand-over is under way", lambda: at_rest(own), 60.0)
    return own


def version(live: Live, release: str) -> str:
    bundles = json.loads(live.router.vrctl("bundle", "list", "--json").stdout)
    found: str = next(one["services"]["dnsmasq"]["version"] for one in bundles if one["release"] == release)
    return found


def at_rest(live: Live) -> bool:
    services = live.services()
    return len(services) == len(SERVICES) and not any(one["handover"] or one["draining"] for one in services.values())


def swapped(live: Live, meanwhile: Callable[[], Any]) -> dict[str, Any]:
    """Swap to the newer version while guests ask; return the record of it."""
    live.router.vrctl("swap", "dnsmasq", "--to", version(live, "13.0"), "--no-wait")
    until("it soaks", lambda: (live.services()["dnsmasq"]["handover"] or {}).get("phase") == "soak", 30.0)
    time.sleep(0.7)  # the counters are read for the first time
    meanwhile()
    until("it is over", lambda: live.services()["dnsmasq"]["handover"] is None, 40.0)
    record: dict[str, Any] = json.loads(live.router.vrctl("history", "dnsmasq", "-n", "1", "--json").stdout)[0]
    return record


def all_ask(live: Live, domain: str, times: int) -> Counter[str]:
    with ThreadPoolExecutor(len(OTHERS)) as threads:
        found = threads.map(lambda guest: ask(live, guest, domain, times), OTHERS)
        return Counter(code for codes in found for code in codes)


def test_one_guest_that_asks_for_refused_names_does_not_undo_a_swap(older: Live) -> None:
    """Found by a replay: 800 of 802 answers "failed", and other guests had lost nothing of 48."""
    with serving(older, "serve"):
        assert all_ask(older, "good.test", 3)["NOERROR"] == 3 * len(OTHERS)
        assert ask(older, ODD, "good.test", 5) == ["NOERROR"] * 5

        def meanwhile() -> None:
            assert Counter(ask(older, ODD, "refused.test", 800)) == {"REFUSED": 800}
            assert all_ask(older, "good.test", 6) == {"NOERROR": 6 * len(OTHERS)}

        record = swapped(older, meanwhile)
    assert record["outcome"] == "succeeded", record


@pytest.mark.parametrize(("edns", "kind"), [("formerr", "FORMERR"), ("notimp", "NOTIMP"), ("drop", "unanswered")])
def test_a_version_that_a_name_server_does_not_understand_goes_back(older: Live, edns: str, kind: str) -> None:
    """dnsmasq 2.91 asks other servers with EDNS always, 2.90 as the client asked."""
    with serving(older, edns):
        assert all_ask(older, "good.test", 3)["NOERROR"] == 3 * len(OTHERS)
        seen: list[Counter[str]] = []
        record = swapped(older, lambda: seen.append(all_ask(older, "good.test", 4)))
        assert record["outcome"] == "reverted", (record, seen)
        assert "does not answer this version as it did the former" in record["reason"]
        assert kind in record["reason"]
        assert all_ask(older, "good.test", 3)["NOERROR"] == 3 * len(OTHERS)
