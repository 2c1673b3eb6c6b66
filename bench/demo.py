"""Swaps every service to the newer release and back while its clients are at work, and prints one table.

Run as `python -m bench.demo`, on the lab that `make run` left up. Exit status 1 when a loss budget is broken, 2 when
the demo could not be carried out. The lab is left on the older release.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from lab.facts import service, version_in
from lab.router import NEWER, OLDER, Router
from lab.scenarios import Report, Seen, hand_over_under_load
from lab.services import SERVICES
from lab.tools import LabError
from lab.topology import DEFAULT_PREFIX, Lab

BOTH_WAYS, THERE = (NEWER, OLDER), (NEWER,)


@click.command(help=__doc__)
@click.option("--engine", type=click.Choice(["podman", "docker"]), default="podman", show_default=True)
@click.option("--prefix", default=DEFAULT_PREFIX, show_default=True, help="Name of the lab.")
@click.option("--quick", is_flag=True, help="There only, under load; the way back without.")
@click.option("--details", is_flag=True, help="A row for each client.")
@click.option("--json", "as_json", is_flag=True)
@click.argument("services", nargs=-1, type=click.Choice(sorted(SERVICES)))
def main(engine: str, prefix: str, quick: bool, details: bool, as_json: bool, services: tuple[str, ...]) -> None:
    router = Router(Lab(prefix), engine)
    progress = Console(stderr=True)
    try:
        reports = list(_swaps(router, services or tuple(SERVICES), THERE if quick else BOTH_WAYS, progress))
    except LabError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    if as_json:
        click.echo(json.dumps([shape(report) for report in reports], indent=2))
    else:
        _print(reports, details=details)
    for fault in (fault for report in reports for fault in report.faults):
        click.echo(f"broken: {fault}", err=True)
    sys.exit(0 if all(report.is_good for report in reports) else 1)


def _swaps(router: Router, services: tuple[str, ...], releases: tuple[str, ...], progress: Console) -> Iterator[Report]:
    if router.status() is None:
        raise LabError("cannot find a running lab: run `make run` first")
    for name in services:
        try:
            _go_to(router, name, OLDER)
            for release in releases:
                progress.print(f"{name} → {release} under load", style="dim")
                yield hand_over_under_load(router, name, version_in(router, release, name))
        finally:
            _go_to(router, name, OLDER)


def _go_to(router: Router, name: str, release: str) -> None:
    wanted = version_in(router, release, name)
    if service(router, name)["version"] != wanted:
        router.vrctl("swap", name, "--to", wanted)


def _print(reports: list[Report], *, details: bool) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    table = Table(title="Services handed over while their clients were at work", title_justify="left")
    table.add_column("service", no_wrap=True)
    table.add_column("from → to", no_wrap=True)
    table.add_column("clients")
    for heading in ("requests", "lost", "longest gap", "time to\nnew version"):
        table.add_column(heading, justify="right", no_wrap=True)
    for report in reports:
        clients = ", ".join(seen.load.label for seen in report.seen)
        versions = f"{report.from_version} → {report.to_version}"
        table.add_row(
            report.service,
            versions,
            f"{len(report.seen)} clients" if details else clients,
            f"{report.requests:,}",
            _lost(report.seen),
            shown(report.longest_gap),
            shown(report.seconds_to_traffic),
        )
        for seen in report.seen if details else ():
            table.add_row("", "", seen.load.label, f"{seen.outcome.sent:,}", _lost([seen]), shown(seen.longest_gap), "")
        table.add_section()
    console.print(table)
    counted = [seen for report in reports for seen in report.seen if seen.load.loss.requests is not None]
    requests, lost = sum(seen.outcome.sent for seen in counted), sum(seen.lost for seen in counted)
    console.print(f"{len(reports)} hand-overs: {lost:,} of {requests:,} requests lost.")
    if len(counted) < sum(len(report.seen) for report in reports):
        console.print("In parentheses: the data plane is inside the daemon here, so it pauses while it is replaced.")


def _lost(seen: Sequence[Seen]) -> str:
    lost = sum(result.lost for result in seen)
    text = f"{lost:,}" if all(result.load.loss.requests is not None for result in seen) else f"({lost:,})"
    return f"[bold red]{text}[/]" if any(result.fault for result in seen) else text


def shown(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def shape(report: Report) -> dict[str, Any]:
    return {
        "service": report.service,
        "action": report.action,
        "from": report.from_version,
        "to": report.to_version,
        "requests": report.requests,
        "lost": report.lost,
        "longest_gap": report.longest_gap,
        "seconds_to_traffic": report.seconds_to_traffic,
        "seconds_from_command": report.seconds_from_command,
        "seconds_total": report.seconds_total,
        "faults": list(report.faults),
        "clients": [
            {
                "client": seen.load.label,
                "requests": seen.outcome.sent,
                "lost": seen.lost,
                "longest_gap": seen.longest_gap,
                "facts": dict(seen.outcome.facts),
            }
            for seen in report.seen
        ],
        "checks": [{"name": check.name, "good": check.is_good, "found": check.observed} for check in report.checks],
    }


if __name__ == "__main__":
    main()
