"""Commands that show and change nothing: status, plan, history, logs, events, contains."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import click
from rich.live import Live

from supervisor.surface.api.codec import to_json
from supervisor.surface.cli import tables
from supervisor.surface.cli.common import (
    Connection,
    complete_service,
    json_option,
    pass_connection,
    print_json,
    print_json_line,
    release_option,
    service_argument,
)
from supervisor.values.status import SupervisorStatus

_WATCH_INTERVAL = 1.0


@click.command()
@json_option
@click.option("-w", "--watch", is_flag=True, help="Keep looking, once a second.")
@pass_connection
def status(connection: Connection, as_json: bool, watch: bool) -> None:
    """Show what runs, and whether it is ready."""
    if watch:
        _watch(connection, as_json)
    elif as_json:
        print_json(to_json(connection.control.status()))
    else:
        tables.show(tables.status(connection.control.status()))


def _watch(connection: Connection, as_json: bool) -> None:
    if not as_json and sys.stdout.isatty():
        with Live(console=tables.console(), auto_refresh=False) as live:
            for value in _every_status(connection):
                live.update(tables.status(value), refresh=True)
        return
    shown = None
    for value in _every_status(connection):
        if value == shown:  # in a pipe only changes are news
            continue
        shown = value
        if as_json:
            print_json_line(to_json(value))
        else:
            tables.show(tables.status(value), "")
            sys.stdout.flush()


def _every_status(connection: Connection) -> Iterator[SupervisorStatus]:
    while True:
        yield connection.control.status()
        time.sleep(_WATCH_INTERVAL)


@click.command()
@release_option
@json_option
@pass_connection
def plan(connection: Connection, release: str | None, as_json: bool) -> None:
    """Show what an upgrade would do, without doing it."""
    steps = connection.control.plan(release)
    if as_json:
        print_json([to_json(step) for step in steps])
    elif not steps:
        click.echo("nothing to do")
    else:
        tables.show(tables.plan(steps))


@click.command()
@click.argument("service", required=False, shell_complete=complete_service)
@click.option("-n", "--limit", type=click.IntRange(1, 10000), default=20, show_default=True, help="How many.")
@json_option
@pass_connection
def history(connection: Connection, service: str | None, limit: int, as_json: bool) -> None:
    """Show the hand-overs of the past, newest first."""
    records = connection.control.history(service, limit)
    if as_json:
        print_json([to_json(record) for record in records])
    elif not records:
        click.echo("no hand-over yet")
    else:
        tables.show(tables.history(records))


@click.command()
@service_argument
@click.option("-f", "--follow", is_flag=True, help="Wait for more.")
@click.option(
    "-n", "--tail", type=click.IntRange(0, 10000), default=100, show_default=True, help="How many lines of the past."
)
@json_option
@pass_connection
def logs(connection: Connection, service: str, follow: bool, tail: int, as_json: bool) -> None:
    """Show what a service writes."""
    chunks = connection.control.logs(service, tail, follow)
    if as_json:
        for line in _lines(chunks):
            print_json_line({"service": service, "line": line.decode(errors="replace")})
        return
    out = sys.stdout.buffer  # as it was written, whatever it is
    for chunk in chunks:
        out.write(chunk)
        out.flush()


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Wait for more.")
@json_option
@pass_connection
def events(connection: Connection, follow: bool, as_json: bool) -> None:
    """Show what happened."""
    for event in connection.control.events(follow):
        if as_json:
            print_json_line(to_json(event))
        else:
            moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event.time))
            message = " ".join(event.message.splitlines())  # an event is one line
            click.echo(f"{moment}  {event.service:<16}  {event.name:<20}  {message}".rstrip())


@click.command()
@click.argument("package")
@json_option
@pass_connection
def contains(connection: Connection, package: str, as_json: bool) -> None:
    """Show which services that are alive have PACKAGE in their image: a binary or source package, * and ? allowed."""
    found = connection.control.find_package(package)
    if as_json:
        print_json([to_json(one) for one in found])
    elif not found:
        click.echo(f"nothing that runs contains {package}")
    else:
        tables.show(tables.contained(found))


COMMANDS = (status, plan, history, logs, events, contains)
