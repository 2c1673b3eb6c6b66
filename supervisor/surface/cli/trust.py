"""Commands about trust: which root and keys count, how to follow a new root, how to revoke a key."""

from __future__ import annotations

import os

import click

from supervisor.surface.api.codec import to_json
from supervisor.surface.cli import tables
from supervisor.surface.cli.common import Connection, json_option, pass_connection, print_json
from supervisor.values.status import TrustStatus


@click.group()
def trust() -> None:
    """Show and change what decides which releases are accepted."""


@trust.command("list")
@json_option
@pass_connection
def list_keys(connection: Connection, as_json: bool) -> None:
    """Show every key with its roles."""
    status = connection.control.trust()
    if as_json:
        print_json([to_json(key) for key in status.keys])
    elif not status.keys:
        click.echo("no key is trusted")
    else:
        tables.show(tables.keys(status.keys))


@trust.command()
@json_option
@pass_connection
def show(connection: Connection, as_json: bool) -> None:
    """Show the root, its thresholds and expiry, and what should be done."""
    _print(connection.control.trust(), as_json=as_json)


@trust.command()
@click.argument("path", type=click.Path())
@json_option
@pass_connection
def rotate(connection: Connection, path: str, as_json: bool) -> None:
    """Follow a root document (a file), or those in a folder (N.json), from the root that is trusted."""
    _print(connection.control.rotate_trust(os.path.abspath(path)), as_json=as_json)


@trust.command()
@click.argument("key", metavar="KEYID")
@click.option("--reason", default="revoked by an operator", show_default=True, help="Kept with the revocation.")
@json_option
@pass_connection
def revoke(connection: Connection, key: str, reason: str, as_json: bool) -> None:
    """Never believe a key again. KEYID is its identifier (eight digits are enough) or its name.

    What runs goes on running; releases that it signed are marked, and nothing of them is started anew.
    """
    _print(connection.control.revoke_key(key, reason), as_json=as_json)


def _print(status: TrustStatus, *, as_json: bool) -> None:
    if as_json:
        print_json(to_json(status))
        return
    for line in tables.trust_lines(status):
        click.echo(line)
