"""`vr-supervisor migrate-engine`: tells the running supervisor to move its router to another container engine."""

from __future__ import annotations

from pathlib import Path

import click

from supervisor.loop.supervision.engine_migration import refuse_settings
from supervisor.surface.api.client import RemoteControl
from supervisor.surface.cli.progress import follow
from supervisor.surface.settings_file import read_settings


@click.command(name="migrate-engine")
@click.option("--to", type=click.Choice(["podman", "docker"]), required=True, help="The engine to move to.")
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("/etc/vr-supervisor/supervisor.yaml"),
    show_default=True,
    help="The settings file of the supervisor that runs.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object per line.")
def migrate_engine(to: str, path: Path, as_json: bool) -> None:
    """Hand every service over to a container of another engine, one by one and without loss.

    May be repeated: it begins where it ended. A service that cannot be moved is named and stays where it is.
    """
    settings = read_settings(path)
    refuse_settings(to, settings.engine)
    control = RemoteControl.on_socket(str(settings.api_socket))
    try:
        follow(control.migrate_engine(to, True), as_json=as_json)
    finally:
        control.close()
