"""`vr-supervisor manifest`, for authors of services: prints the schema of manifests and checks service folders."""

from __future__ import annotations

import json
from pathlib import Path

import click

from supervisor.edges.catalog import json_schema, load_definition
from supervisor.values.errors import ManifestError


@click.group()
def manifest() -> None:
    """Describe and check the manifests of services."""


@manifest.command()
def schema() -> None:
    """Print the JSON Schema (draft 2020-12) of manifest.yaml."""
    click.echo(json.dumps(json_schema(), indent=2))


@manifest.command()
@click.argument("folders", metavar="FOLDER...", nargs=-1, required=True, type=click.Path(path_type=Path))
def check(folders: tuple[Path, ...]) -> None:
    """Check service folders; every fault is listed with its path. Exit code 1 when there is any."""
    refused = 0
    for folder in folders:
        try:
            definition = load_definition(folder)
        except ManifestError as error:
            refused += 1
            for fault in error.faults:
                click.echo(f"{folder}: {fault}", err=True)
        else:
            click.echo(f"{folder}: good ({len(definition.templates)} templates)")
    if refused:
        raise SystemExit(1)
