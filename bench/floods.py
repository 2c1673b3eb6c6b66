"""Floods every frontend in every way from every side, hands every service over in each flood, and prints one table.

Run as `python -m bench.floods`; it makes a lab of its own and takes it away again. Exit status 1 when anybody else lost
something, a service was healed or went back, nobody was named, or answers took too long; 2 when it could not be done.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator

import click
from rich.console import Console
from rich.table import Table

from lab import network
from lab.floods import NAMED_SECONDS, Result, endure, matrix, p99
from lab.router import NEWER, OLDER, Router
from lab.services import SERVICES
from lab.session import bring_up
from lab.tools import LabError
from lab.topology import Lab

SLOWER = 2.0
SOAK = 0.7


@click.command(help=__doc__)
@click.option("--engine", type=click.Choice(["podman", "docker"]), default="podman", show_default=True)
@click.option("--prefix", default="vrflood", show_default=True, help="Name of the lab.")
@click.option("--swaps/--no-swaps", default=True, help="Hand every service over in each flood.")
@click.option("--only", default="", help="Floods whose names match: 'metadata', 'storm', '1 guest$'.")
def main(engine: str, prefix: str, swaps: bool, only: str) -> None:
    router, results = Router(Lab(prefix), engine), list[Result]()
    try:
        try:
            bring_up(router, "cloudstack", say=lambda _: None, soak=SOAK)
            results.extend(_floods(router, only, Console(stderr=True), swaps=swaps))
        finally:
            _print(results)
            router.stop()
            network.down(router.lab)
    except LabError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    faults = [fault for result in results for fault in (*result.faults, *late(result))]
    for fault in faults:
        click.echo(f"broken: {fault}", err=True)
    sys.exit(1 if faults or not results else 0)


def _floods(router: Router, only: str, progress: Console, *, swaps: bool) -> Iterator[Result]:
    wanted, release = [cell for cell in matrix() if re.search(only, str(cell))], OLDER
    turns = Counter[str]()  # by service: a source is named once a minute
    for number, cell in enumerate(wanted, 1):
        progress.print(f"{number} of {len(wanted)}: {cell}", style="dim")
        if swaps and cell.gets_in:
            release = NEWER if release == OLDER else OLDER
        result = endure(router, cell, turns[cell.service], release if swaps and cell.gets_in else None)
        turns[cell.service] += 1
        for fault in (*result.faults, *late(result)):
            progress.print(f"  {fault}", style="red")
        yield result


def late(result: Result) -> tuple[str, ...]:
    """Return which times of a flood are over their bars."""
    found = []
    if result.ratio > SLOWER:
        found.append(f"{result.cell}: answers take {result.ratio:.1f} times as long")
    if result.named_after is not None and result.named_after > NAMED_SECONDS:
        found.append(f"{result.cell}: named after {result.named_after:.1f} s")
    return tuple(found)


def _print(results: list[Result]) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    table = Table(title="Clients of a frontend while others flood it", title_justify="left")
    for heading in ("way in", "flood", "from", "got in", "refused", "requests", "lost", "p99 quiet", "p99", "ratio"):
        table.add_column(heading)
    for heading in ("named", "swaps", "their requests", "their losses"):
        table.add_column(heading)
    for result in results:
        table.add_row(
            result.cell.way_in.name,
            result.cell.kind,
            result.cell.origin,
            f"{result.entered:,}",
            f"{result.refused:,}",
            f"{result.flooded.outcome.sent}",
            f"{result.flooded.lost}",
            f"{p99(result.quiet) * 1000:.1f} ms",
            f"{p99(result.flooded) * 1000:.1f} ms",
            f"{result.ratio:.2f}",
            "-" if result.named_after is None else f"{result.named_after:.1f} s",
            str(len(SERVICES) if result.swapped else 0),
            f"{result.requests:,}",
            f"{result.lost:,}",
        )
    console.print(table)


if __name__ == "__main__":
    main()
