"""`vr-supervisor secrets`: reads what was laid aside encrypted. It needs no daemon, and the keys that one has."""

from __future__ import annotations

import os
from pathlib import Path

import click

from supervisor.edges.store.sealed_files import open_file
from supervisor.surface.assembly import key_ring
from supervisor.surface.settings_file import read_settings
from supervisor.surface.settings_option import settings_option
from supervisor.values.errors import StateError


@click.group()
def secrets() -> None:
    """Read files of the state folder that are encrypted as a whole."""


@secrets.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file that is not there yet.",
)
@settings_option("The settings file, which says where the keys are.")
def decrypt(file: Path, output: Path, path: Path) -> None:
    """Write a file that was laid aside (state.db.damaged-TIME) as it was."""
    ring = key_ring(read_settings(path).secrets)
    ring.load()
    try:
        handle = os.open(output, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(f"cannot write {output}: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as target:
            open_file(ring, file, target)
            target.flush()
            os.fsync(target.fileno())
    except OSError as error:
        output.unlink()
        raise StateError(f"cannot decrypt {file} to {output}: {error.strerror}") from error
    except BaseException:
        output.unlink()  # a part of it is worse than nothing
        raise
