"""What the disk lost: a damaged memory or a damaged image store, on a whole router with a tunnel that is in use.

Podman's own storage alone: `tests/reports/test_image_store.py`; rows, files and copies: `tests/unit/store`.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.router import PROGRAM, program
from lab.tools import inside
from lab.topology import PEER_INSIDE_IP
from tests.kit.live.power_cut import cut_power
from tests.kit.live.router import SERVICES, LiveRouter, kill, live_router, until
from tests.reports.test_image_store import DAMAGES as STORAGE_DAMAGES

pytestmark = [pytest.mark.slow, pytest.mark.integration, pytest.mark.lab, pytest.mark.timeout(600)]

PREFIX = "vrd"
EVENTS = "memory-damaged", "adopted"


@pytest.fixture(scope="module")
def router() -> Iterator[LiveRouter]:
    with live_router(PREFIX, soak=0.7) as made:
        yield made


# ---------------------------------------------------------------- the memory


def memory(live: LiveRouter) -> Path:
    return live.router.state / "state.db"


def write(live: LiveRouter, content: bytes, more: str = "") -> None:
    memory(live).with_name(f"state.db{more}").write_bytes(content)


def execute(live: LiveRouter, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(memory(live), isolation_level=None)) as database:
        database.execute(statement)


def overwrite(live: LiveRouter, offset: int, content: bytes) -> None:
    with memory(live).open("r+b") as file:
        file.seek(offset)
        file.write(content)


def a_folder(live: LiveRouter) -> None:
    memory(live).unlink()
    memory(live).mkdir()


def no_copies(live: LiveRouter) -> None:
    for name in (".copy-1", ".copy-2"):
        write(live, b"", name)


def junk_everywhere(live: LiveRouter) -> None:
    no_copies(live)
    write(live, b"junk" * 1000)


def nothing_left(live: LiveRouter) -> None:
    for place in live.router.state.glob("state.db*"):
        place.unlink() if place.is_file() else shutil.rmtree(place)


def a_row_that_no_copy_has(live: LiveRouter) -> None:
    no_copies(live)
    execute(live, "UPDATE instances SET instance = 'junk' WHERE service = 'strongswan'")


MEMORY_DAMAGES: dict[str, Callable[[LiveRouter], None]] = {
    "truncated to nothing": lambda live: write(live, b""),
    "truncated in the middle": lambda live: write(live, memory(live).read_bytes()[: memory(live).stat().st_size // 2]),
    "header overwritten": lambda live: overwrite(live, 0, bytes(100)),
    "a page of junk": lambda live: overwrite(live, 3 * 4096, os.urandom(4096)),
    "write-ahead log of junk": lambda live: write(live, os.urandom(40_000), "-wal"),
    "write-ahead log removed": lambda live: memory(live).with_name("state.db-wal").unlink(missing_ok=True),
    "shared memory of junk": lambda live: write(live, os.urandom(32_768), "-shm"),
    "removed": lambda live: memory(live).unlink(),
    "a folder in its place": a_folder,
    "newer format": lambda live: execute(live, "PRAGMA user_version = 77"),
    "read-only": lambda live: memory(live).chmod(0o400),
    "a row of instances": lambda live: execute(live, "UPDATE instances SET instance = 'x' WHERE service = 'dnsmasq'"),
    "a row of services": lambda live: execute(live, "UPDATE services SET desired = 'x' WHERE name = 'haproxy'"),
    "the configuration": lambda live: execute(live, "UPDATE facts SET value = x'ff' WHERE name = 'bags'"),
    "a release": lambda live: execute(live, "UPDATE releases SET services = 'x'"),
    "definitions": lambda live: execute(live, "UPDATE definitions SET content = x'00' WHERE path = 'manifest.yaml'"),
    "a row that no copy has": a_row_that_no_copy_has,
    "memory and copies of junk": junk_everywhere,
    "nothing of it is left": nothing_left,
}
# A page may also be one that the write-ahead log has anew: then nothing is lost and nothing said.
HARMLESS = frozenset(
    {"write-ahead log removed", "shared memory of junk", "read-only", "a page of junk", "write-ahead log of junk"}
)


@contextlib.contextmanager
def tunnel_in_use(live: LiveRouter) -> Iterator[Callable[[], tuple[int, int]]]:
    """What is sent through the tunnel and what comes back, from a guest to the network behind the peer."""
    words = ["ping", "-n", "-i", "0.1", "-W", "1", PEER_INSIDE_IP]
    with subprocess.Popen(inside(live.lab.guest, words), stdout=subprocess.PIPE, text=True) as ping:
        totals: list[int] = []

        def end() -> tuple[int, int]:
            ping.send_signal(signal.SIGINT)
            said = ping.communicate(timeout=20.0)[0]
            line = next(line for line in said.splitlines() if "packets transmitted" in line)
            totals.extend(int(word) for word in line.split() if word.isdigit())
            return totals[0], totals[1]

        try:
            yield end
        finally:
            if not totals:
                ping.kill()


def processes(live: LiveRouter) -> dict[str, int]:
    return live.containers()


def ready_again(live: LiveRouter, seconds: float) -> float:
    def is_ready() -> bool:
        found = live.services()
        return len(found) == len(SERVICES) and all(one["ready"] and not one["handover"] for one in found.values())

    return until("five services are ready", is_ready, seconds)


def end_supervisor(live: LiveRouter) -> None:
    record = live.router.processes.find(PROGRAM)
    assert record
    kill(record.pid)
    until("the supervisor has ended", lambda: not record.is_alive, 10.0)


def told(live: LiveRouter) -> list[str]:
    return live.router.vrctl("events").stdout.splitlines()


@pytest.mark.parametrize("name", MEMORY_DAMAGES)
def test_a_damaged_memory_costs_no_service_and_no_packet(router: LiveRouter, name: str) -> None:
    """The supervisor ended for good, or took away what ran and went back to the oldest release."""
    router.ready()
    before, known = processes(router), set(told(router))
    with tunnel_in_use(router) as totals:
        end_supervisor(router)
        MEMORY_DAMAGES[name](router)
        router.start()
        print(f"ready {ready_again(router, 40.0):.1f} s after the start")
        sent, received = totals()
    assert processes(router) == before
    assert sent - received <= 1  # the one that was under way at the end
    fresh = [line for line in told(router) if line not in known]
    assert name in HARMLESS or any(event in line for event in EVENTS for line in fresh)
    assert mode(router) == {0o600}


def mode(live: LiveRouter) -> set[int]:
    return {place.stat().st_mode & 0o777 for place in live.router.state.glob("state.db*") if place.is_file()}


# ---------------------------------------------------------------- the engine's storage


def storage(live: LiveRouter) -> Path:
    folders = [place for place in (live.router.state / "podman").glob("storage*") if place.is_dir()]
    return max(folders, key=lambda place: int(place.name.partition("-")[2] or 1))


def a_layer_that_is_used(place: Path) -> None:
    known = json.loads((place / "overlay-images/images.json").read_text())
    shutil.rmtree(place / "overlay" / known[0]["layer"])


DAMAGES = {**STORAGE_DAMAGES, "a layer's folder removed": a_layer_that_is_used}


@pytest.mark.parametrize("name", DAMAGES)
def test_after_a_power_cut_a_damaged_image_store_is_filled_again(router: LiveRouter, name: str) -> None:
    """podman#12337, #8005: five services failed for ever, and importing the release again repaired nothing."""
    router.ready()
    end_supervisor(router)
    cut_power(router.router)
    DAMAGES[name](storage(router))
    router.start()
    print(f"ready {ready_again(router, 120.0):.1f} s after the start")
    until("nothing is left to mend", lambda: not is_degraded(router), 60.0)
    assert_swaps(router)


@pytest.mark.parametrize("name", [damage for damage in DAMAGES if "layer" not in damage or "list" in damage])
def test_what_runs_goes_on_when_the_image_store_is_damaged(router: LiveRouter, name: str) -> None:
    router.ready()
    before = processes(router)
    with tunnel_in_use(router) as totals:
        DAMAGES[name](storage(router))
        end_supervisor(router)
        router.start()
        ready_again(router, 40.0)
        sent, received = totals()
    assert sent - received <= 1
    assert {one: router_pid(router, one) for one in before} == before
    assert_swaps(router)


def router_pid(live: LiveRouter, name: str) -> int:
    """The first process of a container, by its monitor: the engine may not know it any more."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_text().split("\0")
            if words[0].endswith("conmon") and name in words and str(live.router.state) in " ".join(words):
                return int((entry / "task" / entry.name / "children").read_text().split()[0])
    return 0


def is_degraded(live: LiveRouter) -> bool:
    return any(service["state"] != "running" for service in live.services().values())


def assert_swaps(live: LiveRouter) -> None:
    """Images of both releases are there again after a while, and containers can be made of them."""

    def restarts(service: str) -> bool:
        return live.router.vrctl("restart", service, check=False).returncode == 0

    for service in ("dnsmasq", "strongswan"):
        print(f"{service} restarts after {until('it restarts', functools.partial(restarts, service), 60.0):.1f} s")
    assert live.services()["dnsmasq"]["state"] == "running"


@pytest.mark.parametrize("name", ["emptied list of layers", "emptied database"])
def test_teardown_gets_through(name: str) -> None:
    """It refused, and left containers and namespaces behind."""
    with live_router(f"{PREFIX}t", soak=0.7) as live:
        before = processes(live)
        end_supervisor(live)
        DAMAGES[name](storage(live))
        done = live.run(program("vr-supervisor"), "teardown", "--config", str(live.router.settings))
        assert done.returncode == 0, done.stderr
        assert not [pid for pid in before.values() if Path(f"/proc/{pid}").exists()]
        assert live.namespaces() == ()
