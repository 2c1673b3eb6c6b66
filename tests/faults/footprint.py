"""The footprint of a router: how much there is of everything that could grow from swap to swap."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.tools import NAMESPACES, run, run_inside
from supervisor.edges.engine import make_engine
from tests.faults.router_under_test import RouterUnderTest

# Memory, descriptors of cached connections and the write-ahead log breathe; all else is what five services need.
RSS_GROWTH = 1.05
ENGINE_RSS_GROWTH = 1.25  # a Go program gives memory back when it likes
BREATH = {"descriptors": 4, "threads": 2, "engine_descriptors": 6, "engine_threads": 8}


@dataclass(frozen=True, slots=True)
class Footprint:
    """Counts and sizes of one moment."""

    rss: int
    descriptors: int
    threads: int
    engine_rss: int
    engine_descriptors: int
    engine_threads: int
    interfaces: int
    namespaces: int
    rules: int  # lines of the whole ruleset, elements included
    containers: int
    images: int
    mounts: int
    volumes: int  # folders of state
    runtime_files: int
    cgroups: int
    journal: int  # bytes, write-ahead log included

    def growth(self, former: Footprint) -> list[str]:
        """Return the figures that are larger than they were, by more than they vary at rest."""
        now, was = asdict(self), asdict(former)
        found = []
        for name in now:
            match name:
                case "journal":
                    continue  # bounded on its own
                case "rss":
                    limit = was[name] * RSS_GROWTH
                case "engine_rss":
                    limit = was[name] * ENGINE_RSS_GROWTH
                case _:
                    limit = was[name] + BREATH.get(name, 0)
            if now[name] > limit:
                found.append(f"{name}: {was[name]} became {now[name]}")
        return found


RULES = (["nft", "list", "table", "inet", "vr_supervisor"], ["nft", "-t", "list", "ruleset"])
"""What lists everything but the elements of other tables: clients come and go in those."""


def footprint(sut: RouterUnderTest) -> Footprint:
    """Measure a router, which has to be at rest."""
    router = sut.router
    pid, engine = sut.daemon.pid, int(json.loads((router.runtime / "engine.json").read_text())["pid"])
    client = make_engine(router.engine, router.state, router.runtime)
    try:
        containers, images = client.containers(), client.images()
    finally:
        client.close()
    links = json.loads(run(["ip", "-n", router.lab.router, "-j", "link", "show"]))
    places = (str(router.state), str(router.runtime))
    return Footprint(
        rss=_rss(pid),
        descriptors=len(os.listdir(f"/proc/{pid}/fd")),
        threads=len(os.listdir(f"/proc/{pid}/task")),
        engine_rss=_rss(engine),
        engine_descriptors=len(os.listdir(f"/proc/{engine}/fd")),
        engine_threads=len(os.listdir(f"/proc/{engine}/task")),
        interfaces=len(links),
        namespaces=sum(1 for path in NAMESPACES.iterdir() if path.name.startswith(router.lab.prefix)),
        rules=sum(len(run_inside(router.lab.router, command).splitlines()) for command in RULES),
        containers=len(containers),
        images=len(images),
        mounts=sum(1 for line in Path("/proc/mounts").read_text().splitlines() if any(one in line for one in places)),
        volumes=sum(1 for path in (router.state / "volumes").glob("*/*")),
        runtime_files=sum(1 for path in router.runtime.glob("*/*/config/**/*") if path.is_file()),
        cgroups=len({container.pid for container in containers}),
        journal=sum(path.stat().st_size for path in router.state.glob("state.db*") if ".copy-" not in path.name),
    )


def _rss(pid: int) -> int:
    """Return the bytes of the process alone: pages of files that it shares with others come and go."""
    status = Path(f"/proc/{pid}/status").read_text()
    resident = re.search(r"RssAnon:\s+(\d+) kB", status)
    assert resident, status
    return int(resident[1]) * 1024
