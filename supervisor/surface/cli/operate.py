"""Commands that change what runs: swap, upgrade, rollback, restart, migrate-engine, confirm, pin, unpin."""

from __future__ import annotations

import click

from supervisor.surface.cli.caller import caller
from supervisor.surface.cli.common import (
    Connection,
    complete_version,
    json_option,
    no_wait_option,
    pass_connection,
    print_json,
    release_option,
    service_argument,
    to_engine_option,
)
from supervisor.surface.cli.progress import follow
from supervisor.values.handover import Waiver


@click.command()
@service_argument
@click.option("--to", "version", metavar="VERSION", shell_complete=complete_version, help="Instead of the newest.")
@click.option("--no-soak", is_flag=True, help="Decide once the new version is verified; undo nothing after that.")
@click.option("--force", is_flag=True, help="Stay on a new version that runs and answers, whatever is judged of it.")
@click.option("--pin", is_flag=True, help="Pin the service to it: no upgrade and no fall-back replaces it.")
@no_wait_option
@json_option
@pass_connection
def swap(
    connection: Connection,
    service: str,
    version: str | None,
    no_soak: bool,
    force: bool,
    pin: bool,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Hand one service over to another version."""
    waiver = Waiver(soak=no_soak, judgement=force)
    asked = connection.control.swap(service, version, not no_wait, waiver, caller())
    follow(asked, as_json=as_json, wait=not no_wait)
    if pin:  # one that did not come to run is none that somebody chose
        connection.control.pin(service)


@click.command()
@release_option
@no_wait_option
@json_option
@pass_connection
def upgrade(connection: Connection, release: str | None, no_wait: bool, as_json: bool) -> None:
    """Hand every service that is not pinned over to a release."""
    follow(connection.control.upgrade(release, not no_wait), as_json=as_json, wait=not no_wait)


@click.command()
@service_argument
@no_wait_option
@json_option
@pass_connection
def rollback(connection: Connection, service: str, no_wait: bool, as_json: bool) -> None:
    """Return to what a service ran before."""
    follow(connection.control.rollback(service, not no_wait), as_json=as_json, wait=not no_wait)


@click.command()
@service_argument
@no_wait_option
@json_option
@pass_connection
def restart(connection: Connection, service: str, no_wait: bool, as_json: bool) -> None:
    """Replace a service by a fresh instance of the same version."""
    follow(connection.control.restart(service, not no_wait), as_json=as_json, wait=not no_wait)


@click.command(name="migrate-engine")
@to_engine_option
@no_wait_option
@json_option
@pass_connection
def migrate_engine(connection: Connection, to: str, no_wait: bool, as_json: bool) -> None:
    """Hand every service over to a container of another engine, one by one and without loss.

    May be repeated: it begins where it ended. A service that cannot be moved is named and stays where it is.
    """
    follow(connection.control.migrate_engine(to, not no_wait), as_json=as_json, wait=not no_wait)


@click.command()
@service_argument
@json_option
@pass_connection
def confirm(connection: Connection, service: str, as_json: bool) -> None:
    """End the soak of a hand-over: what runs now is good."""
    connection.control.confirm(service)
    _show(as_json, f"{service} is confirmed", {"service": service, "confirmed": True})


@click.command()
@service_argument
@json_option
@pass_connection
def pin(connection: Connection, service: str, as_json: bool) -> None:
    """Keep a service at its version when the others are upgraded, and whatever becomes of it."""
    connection.control.pin(service)
    _show(as_json, f"{service} is pinned", {"service": service, "pinned": True})


@click.command()
@service_argument
@json_option
@pass_connection
def unpin(connection: Connection, service: str, as_json: bool) -> None:
    """Let a service be upgraded again."""
    connection.control.unpin(service)
    _show(as_json, f"{service} is not pinned", {"service": service, "pinned": False})


def _show(as_json: bool, text: str, shape: dict[str, object]) -> None:
    if as_json:
        print_json(shape)
    else:
        click.echo(text)


COMMANDS = (swap, upgrade, rollback, restart, migrate_engine, confirm, pin, unpin)
