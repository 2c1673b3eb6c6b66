"""Commands about releases and their bundles: list, verify, import, contents, prune. Paths are made absolute here."""

from __future__ import annotations

import json
import os

import click

from supervisor.surface.api.codec import to_json
from supervisor.surface.cli import tables
from supervisor.surface.cli.common import Connection, complete_release, json_option, pass_connection, print_json
from supervisor.surface.cli.exits import InputError
from supervisor.surface.cli.progress import follow

_path_argument = click.argument("path", type=click.Path())
_clock_option = click.option(
    "--accept-clock", is_flag=True, help="Take it even though it is not made yet by the router's clock."
)
_downgrade_option = click.option("--allow-downgrade", is_flag=True, help="Take it even though what runs is newer.")


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
@_downgrade_option
@_clock_option
@json_option
@pass_connection
def verify(connection: Connection, path: str, allow_downgrade: bool, accept_clock: bool, as_json: bool) -> None:
    """Judge a bundle as an import does; import nothing."""
    verified = connection.control.verify_bundle(os.path.abspath(path), allow_downgrade, accept_clock)
    follow(verified, as_json=as_json)


@bundle.command("import")
@_path_argument
@_downgrade_option
@_clock_option
@json_option
@pass_connection
def import_bundle(connection: Connection, path: str, allow_downgrade: bool, accept_clock: bool, as_json: bool) -> None:
    """Verify a bundle (file or block device) and load it into the engine. Nothing is swapped."""
    imported = connection.control.import_bundle(os.path.abspath(path), allow_downgrade, accept_clock)
    follow(imported, as_json=as_json)


@bundle.command()
@click.argument("release", metavar="RELEASE|ISO", shell_complete=complete_release)
@click.option("--service", help="Only of this service; with --json the document alone.")
@json_option
@pass_connection
def sbom(connection: Connection, release: str, service: str | None, as_json: bool) -> None:
    """Show the Debian packages in a release's images; with --json the bills of materials (CycloneDX)."""
    found = [one for one in connection.control.sboms(_named(release)) if service in {None, one.service}]
    if service and not found:
        raise InputError(f"cannot show {release}: it has no service {service}")
    documents = {one.service: json.loads(one.document) if one.document else None for one in found}
    if as_json:
        print_json(documents[service] if service else documents)
    else:
        tables.show(tables.sboms(documents))


@bundle.command()
@click.argument("former", metavar="RELEASE|ISO", shell_complete=complete_release)
@click.argument("later", metavar="RELEASE|ISO", shell_complete=complete_release)
@json_option
@pass_connection
def diff(connection: Connection, former: str, later: str, as_json: bool) -> None:
    """Show the packages that differ between two releases, and the CVE ids that only one of them has fixed."""
    changes = connection.control.diff_releases(_named(former), _named(later))
    if as_json:
        print_json([to_json(change) for change in changes])
    elif not changes:
        click.echo("the same packages in the same versions")
    else:
        tables.show(tables.changes(changes))


def _named(release: str) -> str:
    """Return the absolute path of an ISO, which has a slash or ends with .iso; else the release's number as it is."""
    return os.path.abspath(release) if "/" in release or release.endswith(".iso") else release


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
