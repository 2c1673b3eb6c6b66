"""Commands about the key that secrets in the state folder are encrypted with."""

from __future__ import annotations

import click

from supervisor.surface.cli.common import Connection, json_option, no_wait_option, pass_connection, print_json
from supervisor.surface.cli.progress import follow


@click.group()
def secrets() -> None:
    """Look after the key that passwords and keys are stored encrypted with."""


@secrets.command()
@no_wait_option
@json_option
@pass_connection
def rotate(connection: Connection, no_wait: bool, as_json: bool) -> None:
    """Make a new key and encrypt everything with it; the former one is forgotten when nothing needs it any more."""
    follow(connection.control.rotate_secrets(not no_wait), as_json=as_json, wait=not no_wait)


@secrets.command()
@click.confirmation_option("--yes", prompt="Go on without the configuration that cannot be decrypted?")
@json_option
@pass_connection
def abandon(connection: Connection, as_json: bool) -> None:
    """Lay aside what cannot be decrypted because its key is lost, and go on without.

    Services go on with what they have until the management server has sent everything again.
    """
    place = connection.control.abandon_secrets()
    if as_json:
        print_json({"place": place})
    else:
        click.echo(f"what could not be decrypted is in {place}, beside the state")
