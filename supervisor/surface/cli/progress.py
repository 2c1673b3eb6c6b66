"""Shows a long operation: a line for each service that changes in place, plain lines in a pipe, or JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from supervisor.surface.api.codec import to_json
from supervisor.surface.cli.common import print_json_line
from supervisor.surface.cli.exits import OperationFailedError
from supervisor.surface.cli.tables import console
from supervisor.values.status import Progress


def follow(items: Iterator[Progress], *, as_json: bool, wait: bool = True) -> None:
    """Show the operation to its end.

    Raises OperationFailedError: when something did not succeed, or when `wait` is true and there is no final result.
    """
    if as_json:
        show = _as_json(items)
    elif sys.stdout.isatty():
        show = _live(items)
    else:
        show = _plain(items)
    error, is_finished = None, False
    for progress in show:
        error = progress.error or error
        is_finished = is_finished or progress.is_final
    if error:
        raise OperationFailedError(error)
    if wait and not is_finished:
        raise OperationFailedError("cannot say how the operation ended: the stream closed without a final result")


def _as_json(items: Iterator[Progress]) -> Iterator[Progress]:
    for progress in items:
        print_json_line(to_json(progress))
        yield progress


def _plain(items: Iterator[Progress]) -> Iterator[Progress]:
    for progress in items:
        name = progress.service or progress.part
        click.echo(f"{progress.elapsed:7.2f}s  {name:<16}  {progress.phase:<12}  {_text(progress)}".rstrip())
        yield progress


def _live(items: Iterator[Progress]) -> Iterator[Progress]:
    latest: dict[str, Progress] = {}
    with Live(console=console(), refresh_per_second=10) as live:
        for progress in items:
            latest[progress.service or progress.part] = progress
            live.update(_rows(latest))
            yield progress
        live.update(_rows(latest, has_ended=True))


def _rows(latest: dict[str, Progress], has_ended: bool = False) -> Table:
    grid = Table.grid(padding=(0, 2))
    for progress in latest.values():
        if progress.error or progress.phase == "refused":
            mark: Text | Spinner = Text("✘", "bold red")
        elif progress.is_final or has_ended:
            mark = Text("✔", "green")
        else:
            mark = Spinner("dots")
        bar = "" if progress.fraction is None else ProgressBar(total=1.0, completed=progress.fraction, width=20)
        grid.add_row(
            mark,
            Text(progress.service or progress.part, "bold"),
            Text(progress.phase),
            Text(progress.error or progress.message),
            bar,
            Text(f"{progress.elapsed:.1f}s", "dim"),
        )
    return grid


def _text(progress: Progress) -> str:
    share = "" if progress.fraction is None else f"{progress.fraction:4.0%}  "
    return share + (progress.error or progress.message)
