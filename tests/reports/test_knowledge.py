"""What a hand-over of the load balancer used to forget: who is down, who belongs to whom, and all that was counted."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from lab import commands
from lab.clients import Outcome, TimedRequests, launch, run
from lab.commands import DEAD_PORT, SILENT, WEB_GUESTS
from lab.router import NEWER
from lab.tools import inside
from lab.topology import CLIENT_IP, VIP
from tests.kit.live.router import LiveRouter, kill, until

STICKY_PORT, NEW_PORT = 9100, 9200
TABLE = f"show table {VIP.replace('.', '_')}-{STICKY_PORT}"


def balancer(*rules: tuple[int, tuple[str, ...], tuple[str, ...]]) -> dict[str, Any]:
    """The lab's command with more rules: (public port, lines, members)."""
    command = commands.load_balancer()
    lines = command["rules"][0]["configuration"]
    for port, extra, members in rules:
        name = f"{VIP.replace('.', '_')}-{port}"
        servers = [f"\tserver {name}_{index} {member}:8080 check" for index, member in enumerate(members)]
        listen = [f"listen {name}", f"\tbind {VIP}:{port}", "\tmode http", "\tbalance roundrobin"]
        lines[-1:-1] = [*listen, *extra, *servers, "\t "]
        command["rules"][0]["add_rules"].append(f"{VIP}:{port}:")
    return command


STICKY = (STICKY_PORT, ("\tstick-table type ip size 200k expire 30m", "\tstick on src"), WEB_GUESTS)


def ask(live: LiveRouter, line: str) -> str:
    """The console of the load balancer, whichever generation serves."""
    answer = b""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(live.router.runtime / "console" / "haproxy.sock"))
        connection.sendall(line.encode() + b"\n")
        while data := connection.recv(65536):
            answer += data
    return answer.decode()


def counted(live: LiveRouter) -> dict[tuple[str, str], int]:
    """Sessions of each row."""
    head, *rows = (line.split(",") for line in ask(live, "show stat").splitlines() if line)
    place = head.index("stot")
    return {(row[0], row[1]): int(row[place]) for row in rows if row[place]}


@dataclass(slots=True)
class Seen:
    """What came of it."""

    beside_dead: list[Outcome] = field(default_factory=list)
    samples: list[dict[tuple[str, str], int]] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)


class Sampling(threading.Thread):
    """Reads the counters again and again."""

    def __init__(self, live: LiveRouter, seen: Seen) -> None:
        super().__init__(daemon=True)
        self.live, self.seen, self.ended = live, seen, threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.1):
            with suppress(OSError, ValueError):  # nobody serves at this moment
                self.seen.samples.append(counted(self.live))


def apply(live: LiveRouter, folder: Path, *rules: tuple[int, tuple[str, ...], tuple[str, ...]]) -> None:
    """Send the load balancer and wait until it has come to rest with it."""
    before = live.services()["haproxy"]["generation"]
    path = folder / f"{time.time_ns()}-load_balancer.json"
    path.write_text(json.dumps(balancer(*rules)), encoding="utf-8")
    live.router.vrctl("config", "apply", str(path))
    until("it serves", lambda: live.services()["haproxy"]["generation"] > before, 10.0)
    rest(live)


def rest(live: LiveRouter) -> None:
    def is_quiet() -> bool:
        now = live.services()["haproxy"]
        return now["ready"] and now["handover"] is None and not now["draining"]

    until("no hand-over is under way", is_quiet, 15.0)


@pytest.fixture(scope="module")
def seen(live: LiveRouter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """Swap, roll back, change the configuration and kill the daemon, while clients are at work."""
    found, folder = Seen(), tmp_path_factory.mktemp("commands")
    newer = _version_of(live, NEWER)
    apply(live, folder, STICKY)
    run(TimedRequests(port=STICKY_PORT, workers=1, seconds=0.2), live.lab.public)
    sampling = Sampling(live, found)
    sampling.start()
    with launch(TimedRequests(port=DEAD_PORT, seconds=60.0), live.lab.public) as running:
        for words in (("swap", "haproxy", "--to", newer), ("rollback", "haproxy")):
            live.router.vrctl(*words)
            found.versions.append(live.services()["haproxy"]["version"])
            found.tables.append(ask(live, TABLE))
        apply(live, folder, STICKY, (NEW_PORT, (), WEB_GUESTS))
        found.tables.append(ask(live, TABLE))
        found.beside_dead.append(running.stop())
    name = f"vrs-haproxy-{live.services()['haproxy']['generation']}"
    kill(live.containers()[name])
    until("it is started again", lambda: live.services()["haproxy"]["restarts"] > 0, 10.0)
    rest(live)
    found.beside_dead.append(run(TimedRequests(port=DEAD_PORT, seconds=2.0), live.lab.public))
    time.sleep(0.3)
    sampling.ended.set()
    sampling.join()
    yield found
    apply(live, folder)


def _version_of(live: LiveRouter, release: str) -> str:
    bundles = json.loads(live.router.vrctl("bundle", "list", "--json").stdout)
    services = next(bundle["services"] for bundle in bundles if bundle["release"] == release)
    return str(services["haproxy"]["version"])


def test_nobody_waits_for_a_member_that_was_known_to_be_down(seen: Seen) -> None:
    """haproxy/haproxy#918, #2085: for two seconds every generation took all members for up."""
    for outcome in seen.beside_dead:
        assert outcome.is_clean, outcome
        assert float(dict(outcome.facts)["slowest answer"]) < 1.0
    assert seen.beside_dead[0].sent > 200


def test_counters_go_on_over_a_change(seen: Seen) -> None:
    """apache/cloudstack#6849: the statistics were back at zero after any change of any rule."""
    assert len(seen.samples) > 20
    for before, after in zip(seen.samples, seen.samples[1:], strict=False):
        back = {row for row in before.keys() & after.keys() if after[row] < before[row]}
        assert not back, {row: (before[row], after[row]) for row in back}
    row = (f"{VIP.replace('.', '_')}-{DEAD_PORT}", "BACKEND")
    served = seen.samples[-1][row] - seen.samples[0][row]
    assert served >= 0.99 * sum(outcome.completed for outcome in seen.beside_dead)


def test_clients_stay_with_their_member(seen: Seen) -> None:
    """haproxy/haproxy#842, #1216: stick tables were empty after a hand-over."""
    assert seen.versions[0].startswith("3.")
    assert seen.versions[1].startswith("2.")
    members = [re.findall(rf"key={re.escape(CLIENT_IP)} .*server_key=(\S+)", table) for table in seen.tables]
    assert len(members) == 3
    assert all(member == members[0] != [] for member in members), seen.tables


CONNECT = """
import socket, sys
for address in sys.argv[1:]:
    try:
        socket.create_connection((address, 8999), 0.3)
        print("open", address)
    except OSError:
        pass
"""


@pytest.mark.parametrize(("role", "gateway"), [("public", "203.0.113.2"), ("guest", "10.1.1.1")])
def test_nobody_else_reaches_what_generations_tell_each_other(
    live: LiveRouter, seen: Seen, role: str, gateway: str
) -> None:
    """Not even one who has a route to the generations' own addresses."""
    namespace = live.lab.namespace(role)
    links = live.run("ip", "-4", "-o", "addr").stdout
    inner = [str(IPv4Address(outer) + 1) for outer in re.findall(r" vrs\d+ +inet (198[\d.]+)/30", links)]
    assert inner
    assert "open" in live.run(sys.executable, "-c", CONNECT, *inner).stdout  # the router itself may
    subprocess.run(inside(namespace, ["ip", "route", "add", "198.18.0.0/15", "via", gateway]), check=True)
    try:
        asked = inside(namespace, [sys.executable, "-c", CONNECT, *inner])
        assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout == ""
    finally:
        subprocess.run(inside(namespace, ["ip", "route", "del", "198.18.0.0/15"]), check=True)


@pytest.mark.slow
def test_a_new_member_that_is_dead_is_looked_at_before_it_gets_traffic(live: LiveRouter, tmp_path: Path) -> None:
    """haproxy/haproxy#918 once more: the first check of a member that nobody knew before is waited for."""
    apply(live, tmp_path, (NEW_PORT, (), (SILENT, *WEB_GUESTS)))
    try:
        outcome = run(TimedRequests(port=NEW_PORT, workers=6, seconds=1.0), live.lab.public)
        newest = json.loads(live.router.vrctl("history", "haproxy", "--json").stdout)[0]
    finally:
        apply(live, tmp_path)
    assert outcome.is_clean, outcome
    assert newest["seconds_to_cutover"] <= 3.5
