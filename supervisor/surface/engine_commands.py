"""`vr-supervisor migrate-engine`: the former name of `vrctl migrate-engine`, which also reads the settings."""

from __future__ import annotations

from pathlib import Path

import click

from supervisor.loop.supervision.engine_migration import refuse_settings
from supervisor.surface.api.client import RemoteControl
from supervisor.surface.cli.common import json_option, to_engine_option
from supervisor.surface.cli.progress import follow
from supervisor.surface.settings_file import read_settings
from supervisor.surface.settings_option import settings_option


@click.command(name="migrate-engine")
@to_engine_option
@settings_option("The settings file of the supervisor that runs.")
@json_option
def migrate_engine(to: str, path: Path, as_json: bool) -> None:
    """Do what `vrctl migrate-engine` does, unless the settings file insists on one engine."""
    settings = read_settings(path)
    refuse_settings(to, settings.engine)
    control = RemoteControl.on_socket(str(settings.api_socket))
    try:
        follow(control.migrate_engine(to, True), as_json=as_json)
    finally:
        control.close()
