"""`make bench`: times, sizes and memory of the default lab, measured in one run. Nothing is asserted here."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from bench.recovery import MOST_HUNG, silence
from lab.facts import await_quiet, newest_handover, service, version_in
from lab.router import NEWER, OLDER, PROGRAM, ROOT, Router, bundle_path
from lab.services import SERVICES
from lab.tools import inside
from lab.topology import DEFAULT_PREFIX, Lab

IDLE_SECONDS = 30.0
FLUSHES = 5


@click.command()
@click.option("--engine", type=click.Choice(["podman", "docker"]), default="podman", show_default=True)
@click.option("--prefix", default=DEFAULT_PREFIX, show_default=True)
@click.option("--rounds", default=3, show_default=True, help="Swaps and rollbacks of each service.")
def main(engine: str, prefix: str, rounds: int) -> None:
    """Measure the lab that `make run` left up; it is left on the release it had."""
    router, console = Router(Lab(prefix), engine), Console()
    console.print(_handovers(router, rounds), _recovery(router, rounds))
    console.print(*_of_single_services(router), _memory(router), _restoration(router), _sizes())


def _handovers(router: Router, rounds: int) -> Table:
    """Measure hand-overs without load, from the request to traffic: in the journal, and for a user of vrctl."""
    table = _table(
        "Hand-overs, seconds (min / median / max)", "service", "swap", "rollback", "rollback/swap", "vrctl to traffic"
    )
    versions = {name: version_in(router, NEWER, name) for name in SERVICES}
    for name in SERVICES:
        swaps, backs, waits = [], [], []
        for _ in range(rounds):
            began = time.monotonic()
            router.vrctl("swap", name, "--to", versions[name], "--no-wait")
            _until(functools.partial(_runs, router, name, versions[name]))
            waits.append(time.monotonic() - began)
            await_quiet(router, name)
            swaps.append(float(newest_handover(router, name)["seconds_to_cutover"]))
            router.vrctl("rollback", name)
            await_quiet(router, name)
            backs.append(float(newest_handover(router, name)["seconds_to_cutover"]))
        ratio = statistics.median(backs) / statistics.median(swaps)
        table.add_row(name, _spread(swaps), _spread(backs), f"{ratio:.2f}", _spread(waits))
    return table


def _runs(router: Router, name: str, version: str) -> bool:
    return bool(service(router, name)["version"] == version)


def _of_single_services(router: Router) -> Iterator[Table]:
    """Measure what single services have figures of their own for."""
    for figure in (figure for known in SERVICES.values() for figure in known.figures):
        table = _table(figure.title, *figure.headings)
        for label, seconds in figure.rows(router):
            table.add_row(label, _spread(seconds))
        yield table


def _recovery(router: Router, rounds: int) -> Table:
    """Measure silence as a client sees it that asks a hundred times a second."""
    table = _table("Daemons that die or hang, seconds until they serve again (min / median / max)", "service")
    for heading in ("killed", "hung"):
        table.add_column(heading)
    for name, known in SERVICES.items():
        if known.silence is None:
            continue
        killed = [silence(router, name, signal.SIGKILL) for _ in range(rounds)]
        hung = [silence(router, name, signal.SIGSTOP) for _ in range(min(rounds, MOST_HUNG))]
        table.add_row(name, _spread(killed), _spread(hung))
    return table


def _memory(router: Router) -> Table:
    """Measure memory and CPU at rest: the sum of PSS is what processes that share memory cost together."""
    table = _table(f"At rest, {IDLE_SECONDS:g} s", "process", "RSS, MiB", "PSS, MiB", "CPU, % of one core")
    record = router.processes.find(PROGRAM)
    assert record is not None
    groups = {"vr-supervisor": [record.pid], **_engine_pids(router)}
    before = {name: sum(map(_ticks, pids)) for name, pids in groups.items()}
    time.sleep(IDLE_SECONDS)
    for name, pids in groups.items():
        used = (sum(map(_ticks, pids)) - before[name]) / os.sysconf("SC_CLK_TCK")
        title = name if len(pids) == 1 else f"{name}, {len(pids)} processes"
        sizes = [f"{sum(map(size, pids)) / 2**20:.0f}" for size in (_rss, _pss)]
        table.add_row(title, *sizes, f"{100 * used / IDLE_SECONDS:.2f}")
    return table


def _restoration(router: Router) -> Table:
    """Measure from the start of `nft flush ruleset` until a listing shows the table again, both commands included."""
    table = _table("nft flush ruleset, milliseconds until the table is back", "min / median / max")
    taken = []
    listing = inside(router.lab.router, ["nft", "list", "table", "inet", "vr_supervisor"])

    def is_back() -> bool:
        return subprocess.run(listing, capture_output=True, check=False, timeout=10).returncode == 0

    for _ in range(FLUSHES):
        began = time.monotonic()
        subprocess.run(inside(router.lab.router, ["nft", "flush", "ruleset"]), check=True, timeout=10)
        _until(is_back, pause=0.001)
        taken.append(1000 * (time.monotonic() - began))
        time.sleep(2.0)  # the guard slows down when somebody insists
    table.add_row(_spread(taken))
    return table


def _sizes() -> Table:
    table = _table("Sizes, MB", "image", OLDER, NEWER)
    listed = [
        json.loads((ROOT / "build" / "images" / codename / "images.json").read_text())
        for codename in ("bookworm", "trixie")
    ]
    for name in sorted(listed[0]):
        table.add_row(name, *(f"{images[name]['size'] / 1e6:.1f}" for images in listed))
    table.add_row("the ISO", *(f"{bundle_path(release).stat().st_size / 1e6:.1f}" for release in (OLDER, NEWER)))
    return table


def _engine_pids(router: Router) -> dict[str, list[int]]:
    """Return the engine's processes by program: those with this lab's folders on their command line."""
    programs = {
        "podman": ("podman", "conmon"),
        "docker": ("dockerd", "containerd", "containerd-shim-runc-v2"),
    }[router.engine]
    places = [os.fsencode(f"{place}/") for place in (router.runtime, router.state, router.dockerd.run)]
    running: dict[str, list[int]] = {program: [] for program in programs}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes()
            program = os.path.basename(os.fsdecode(command.split(b"\0")[0]))
            if program in running and any(place in command for place in places):
                running[program].append(int(entry.name))
    if not running[programs[0]]:
        raise click.ClickException("the engine's service does not run")
    return {program: pids for program, pids in running.items() if pids}


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _rss(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _pss(pid: int) -> int:
    return sum(
        int(line.split()[1]) * 1024
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        if line.startswith("Pss:")
    )


def _until(condition: Callable[[], bool], pause: float = 0.05, deadline: float = 60.0) -> None:
    limit = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > limit:
            raise click.ClickException(f"what was waited for did not happen within {deadline:g} s")
        time.sleep(pause)


def _spread(values: Sequence[float]) -> str:
    return f"{min(values):.2f} / {statistics.median(values):.2f} / {max(values):.2f}"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column)
    return table


if __name__ == "__main__":
    main()
