"""Commands about releases and their bundles: list, verify, import, prune. Paths are made absolute here."""

from __future__ import annotations

import os

import click

from supervisor.surface.api.codec import to_json
from supervisor.surface.cli import tables
from supervisor.surface.cli.common import Connection, json_option, pass_connection, print_json
from supervisor.surface.cli.progress import follow

_path_argument = click.argument("path", type=click.Path())


@click.group()
def bundle() -> None:
    """Show, verify, import and remove the releases that services come from, and their bundles."""


@bundle.command("list")
@json_option
@pass_connection
def list_releases(connection: Connection, as_json: bool) -> None:
    """Show the releases that were imported."""
    values = connection.control.releases()
    if as_json:
        print_json([to_json(value) for value in values])
    elif not values:
        click.echo("no release was imported yet")
    else:
        tables.show(tables.releases(values))


@bundle.command()
@_path_argument
@json_option
@pass_connection
def verify(connection: Connection, path: str, as_json: bool) -> None:
    """Check signature and every digest of a bundle; import nothing."""
    follow(connection.control.verify_bundle(os.path.abspath(path)), as_json=as_json)


@bundle.command("import")
@_path_argument
@click.option("--allow-downgrade", is_flag=True, help="Take it even though what runs is newer.")
@click.option("--accept-clock", is_flag=True, help="Take it even though it is not made yet by the router's clock.")
@json_option
@pass_connection
def import_bundle(connection: Connection, path: str, allow_downgrade: bool, accept_clock: bool, as_json: bool) -> None:
    """Verify a bundle (file or block device) and load it into the engine. Nothing is swapped."""
    imported = connection.control.import_bundle(os.path.abspath(path), allow_downgrade, accept_clock)
    follow(imported, as_json=as_json)


@bundle.command()
@json_option
@pass_connection
def prune(connection: Connection, as_json: bool) -> None:
    """Remove the releases that nothing runs and nothing may go back to."""
    removed = connection.control.prune_releases()
    if as_json:
        print_json(list(removed))
    else:
        click.echo(f"removed {', '.join(removed)}" if removed else "nothing to remove")
