"""What a version is sent back for while it soaks, and what not: failures of many clients, never those of one."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lab.broken.draft import Draft
from lab.broken.kind import Fails, Kind
from tests.faults.broken.releases import broken_release
from tests.kit.live.router import SERVICES, LiveRouter, live_router, until
from tests.reports.outside_clients import CLIENTS, DEAD, DEAD_TCP, GOOD, balanced, clients_and_server, get
from tests.reports.outside_names import ask, reachable, serving

pytestmark = [pytest.mark.slow, pytest.mark.integration, pytest.mark.lab, pytest.mark.timeout(300)]

SOAK = 9.0
NAMES, BALANCER = "dnsmasq", "haproxy"
ODD, OTHERS = "10.1.1.20", tuple(f"10.1.1.{number}" for number in range(21, 29))


@pytest.fixture(scope="module")
def own() -> Iterator[LiveRouter]:
    with live_router("vrs", soak=SOAK, drain=2.0) as made, reachable(made.lab):
        yield made


@pytest.fixture
def older(own: LiveRouter) -> LiveRouter:
    """The older versions serve, and nothing is under way."""
    for service in (NAMES, BALANCER):
        until("no hand-over is under way", lambda: at_rest(own), 60.0)
        if own.services()[service]["version"] != version(own, service, "12.0"):
            own.router.vrctl("swap", service, "--to", version(own, service, "12.0"), "--no-soak")
    until("no hand-over is under way", lambda: at_rest(own), 60.0)
    return own


@pytest.fixture(scope="module")
def balancing(own: LiveRouter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Rules to a server that can fail and to nobody, and outside clients of theirs."""
    path = tmp_path_factory.mktemp("rules") / "0001-loadbalancer.json"
    path.write_text(json.dumps(balanced()), encoding="utf-8")
    own.router.vrctl("config", "apply", str(path))
    with clients_and_server(own.lab):
        until("the rules serve", lambda: get(own, GOOD, "/", 1, CLIENTS[:1])[200] == 1, 30.0)
        until("no hand-over is under way", lambda: at_rest(own), 60.0)
        yield


def version(live: LiveRouter, service: str, release: str) -> str:
    bundles = json.loads(live.router.vrctl("bundle", "list", "--json").stdout)
    found: str = next(bundle["services"][service]["version"] for bundle in bundles if bundle["release"] == release)
    return found


def at_rest(live: LiveRouter) -> bool:
    services = live.services()
    return len(services) == len(SERVICES) and not any(
        service["handover"] or service["draining"] for service in services.values()
    )


def swapped(
    live: LiveRouter, meanwhile: Callable[[], Any], service: str = NAMES, to: str | None = None, *options: str
) -> dict[str, Any]:
    """Swap to the newer version, or another one, while clients ask; return the record of it."""
    live.router.vrctl("swap", service, "--to", to or version(live, service, "13.0"), "--no-wait", *options)
    until("it soaks", lambda: (live.services()[service]["handover"] or {}).get("phase") == "soak", 30.0)
    time.sleep(0.7)  # the counters are read for the first time
    meanwhile()
    until("it is over", lambda: live.services()[service]["handover"] is None, 40.0)
    until("it is recorded", lambda: newest(live, service)["outcome"] != "running", 60.0)  # what drains has ended
    return newest(live, service)


def newest(live: LiveRouter, service: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(live.router.vrctl("history", service, "-n", "1", "--json").stdout)[0]
    return record


def plan_of_names(live: LiveRouter) -> str:
    planned = json.loads(live.router.vrctl("plan", "--bundle", "13.0", "--json").stdout)
    return next(str(step["reason"]) for step in planned if step["service"] == NAMES)


def all_ask(live: LiveRouter, domain: str, times: int) -> Counter[str]:
    with ThreadPoolExecutor(len(OTHERS)) as threads:
        found = threads.map(lambda guest: ask(live, guest, domain, times), OTHERS)
        return Counter(code for codes in found for code in codes)


def test_one_guest_that_asks_for_refused_names_does_not_undo_a_swap(older: LiveRouter) -> None:
    """Found by a replay: 800 of 802 answers "failed", and other guests had lost nothing of 48."""
    with serving(older, "serve"):
        assert "caution" not in plan_of_names(older)
        assert all_ask(older, "good.test", 3)["NOERROR"] == 3 * len(OTHERS)
        assert ask(older, ODD, "good.test", 5) == ["NOERROR"] * 5

        def meanwhile() -> None:
            assert Counter(ask(older, ODD, "refused.test", 800)) == {"REFUSED": 800}
            assert all_ask(older, "good.test", 6) == {"NOERROR": 6 * len(OTHERS)}

        record = swapped(older, meanwhile)
    assert record["outcome"] == "succeeded", record["reason"]


@pytest.mark.parametrize(("edns", "kind"), [("formerr", "FORMERR"), ("notimp", "NOTIMP"), ("drop", "unanswered")])
def test_a_version_that_a_name_server_does_not_understand_goes_back(older: LiveRouter, edns: str, kind: str) -> None:
    """dnsmasq 2.91 asks other servers with EDNS always, 2.90 as the client asked."""
    with serving(older, edns):
        assert "caution: asks other servers with EDNS always" in plan_of_names(older)
        assert all_ask(older, "good.test", 3)["NOERROR"] == 3 * len(OTHERS)
        seen: list[Counter[str]] = []
        record = swapped(older, lambda: seen.append(all_ask(older, "good.test", 4)))
        assert record["outcome"] == "reverted", (record, seen)
        assert "does not answer this version as it did the former" in record["reason"]
        assert kind in record["reason"]
        assert all_ask(older, "good.test", 3)["NOERROR"] == 3 * len(OTHERS)


@pytest.mark.usefixtures("balancing")
def test_one_client_that_is_answered_500_does_not_undo_a_swap(older: LiveRouter) -> None:
    assert get(older, GOOD, "/", 2) == {200: 2 * len(CLIENTS)}

    def meanwhile() -> None:
        assert get(older, GOOD, "/bad", 60, CLIENTS[:1]) == {500: 60}
        assert get(older, GOOD, "/", 2, CLIENTS[1:]) == {200: 2 * len(CLIENTS[1:])}

    record = swapped(older, meanwhile, BALANCER)
    assert record["outcome"] == "succeeded", record["reason"]


@pytest.mark.usefixtures("balancing")
def test_rules_that_always_failed_do_not_undo_a_swap(older: LiveRouter) -> None:
    def all_fail() -> None:
        assert get(older, DEAD, "/", 4) == {503: 4 * len(CLIENTS)}
        assert get(older, DEAD_TCP, "/", 4) == {0: 4 * len(CLIENTS)}

    all_fail()
    record = swapped(older, all_fail, BALANCER)
    assert record["outcome"] == "succeeded", record["reason"]


def _balances_to_nobody(draft: Draft) -> None:
    draft.replace("haproxy.cfg.j2", "{{ backend.port }}{{ ' check' if backend.is_checked }}", "9")


NOWHERE = Kind("balances-to-nobody", _balances_to_nobody, Fails.SERVING, "fails")


@pytest.mark.usefixtures("balancing")
@pytest.mark.parametrize("is_forced", [False, True], ids=["judged", "forced"])
def test_a_version_that_fails_for_most_clients_goes_back_unless_it_is_forced(
    older: LiveRouter, tmp_path: Path, is_forced: bool
) -> None:
    assert get(older, GOOD, "/", 2) == {200: 2 * len(CLIENTS)}
    with broken_release(tmp_path, BALANCER, NOWHERE, 901 + is_forced) as broken:
        older.router.vrctl("bundle", "import", str(broken.path))
        options = ("--force",) if is_forced else ()
        codes: list[Counter[int]] = []
        record = swapped(older, lambda: codes.append(get(older, GOOD, "/", 2)), BALANCER, broken.version, *options)
    if is_forced:
        assert (record["outcome"], record["waived"]) == ("succeeded", ["judgement"])
        assert "forced: " in older.router.vrctl("events").stdout
    else:
        assert record["outcome"] == "reverted", (record, codes)
        assert "clients" in record["reason"]
        assert get(older, GOOD, "/", 2) == {200: 2 * len(CLIENTS)}
