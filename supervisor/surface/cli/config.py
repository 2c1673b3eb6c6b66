"""Commands about the router's configuration: show, apply, diff."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import yaml

from supervisor.surface.cli.common import Connection, json_option, no_wait_option, pass_connection, print_json
from supervisor.surface.cli.exits import InputError, OperationFailedError
from supervisor.surface.cli.progress import follow
from supervisor.values.status import Progress

_paths_argument = click.argument(
    "paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)


@click.group()
def config() -> None:
    """Show or change the router's configuration."""


@config.command()
@json_option
@pass_connection
def show(connection: Connection, as_json: bool) -> None:
    """Show the configuration that the services are rendered from; secrets are hidden."""
    value = connection.control.show_config()
    if as_json:
        print_json(value)
    else:
        click.echo(yaml.safe_dump(value, sort_keys=False, allow_unicode=True), nl=False)


@config.command()
@_paths_argument
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True, max=3600),
    default=60.0,
    show_default=True,
    help="How long to wait until it serves.",
)
@no_wait_option
@json_option
@pass_connection
def apply(connection: Connection, paths: tuple[Path, ...], timeout: float, no_wait: bool, as_json: bool) -> None:
    """Take in command files, or folders of them in the order of their names, and wait until they serve."""
    last: list[Progress] = []
    items = connection.control.apply_config(read_files(paths), not no_wait, timeout)
    try:
        follow(_remembered(items, last), as_json=as_json)
    except OperationFailedError as error:
        if last and last[-1].phase in ("refused", "accepted"):
            raise InputError(str(error)) from error
        raise


def _remembered(items: Iterator[Progress], last: list[Progress]) -> Iterator[Progress]:
    for progress in items:
        last[:] = [progress]
        yield progress


@config.command()
@_paths_argument
@json_option
@pass_connection
def diff(connection: Connection, paths: tuple[Path, ...], as_json: bool) -> None:
    """Show what applying these files would change."""
    text = connection.control.diff_config(read_files(paths))
    if as_json:
        print_json({"diff": text})
    else:
        click.echo(text, nl=bool(text) and not text.endswith("\n"))


def read_files(paths: tuple[Path, ...]) -> tuple[tuple[str, bytes], ...]:
    """Return (name, content) of each file; of a folder, of the files in it that are not hidden, by name.

    Raises InputError: when a file cannot be read, or a folder has none.
    """
    contents: list[tuple[str, bytes]] = []
    for path in paths:
        try:
            files = [path] if not path.is_dir() else _files_in(path)
            contents += [(file.name, file.read_bytes()) for file in files]
        except OSError as error:
            raise InputError(
                f"cannot read {error.filename or path}: {(error.strerror or str(error)).lower()}"
            ) from error
        if not files:
            raise InputError(f"cannot apply {path}: there is no file in it")
    return tuple(contents)


def _files_in(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_file() and not entry.name.startswith("."))
