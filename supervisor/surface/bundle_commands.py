"""`vr-supervisor bundle ...`: make, sign and check bundles where releases are made; needs no running supervisor."""

from __future__ import annotations

import os
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import click

from supervisor.edges.bundle import keys
from supervisor.edges.bundle.build import build_bundle
from supervisor.edges.bundle.reader import Bundle
from supervisor.edges.catalog.definition import definition_from_files
from supervisor.loop.generations.ceiling import refuse_release_over_ceiling
from supervisor.surface.settings_file import read_settings
from supervisor.values.errors import BundleError, FaultsError

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def bundle() -> None:
    """Build, sign and verify bundles."""


@bundle.command()
@click.option("--images", type=_FOLDER, required=True, help="Folder with images.json and oci/.")
@click.option("--services", type=_FOLDER, required=True, help="Folder with one folder per service.")
@click.option("--release", required=True, help="Name of the release, such as 13.0.")
@click.option("--key", type=_FILE, required=True, help="Private key to sign with.")
@click.option("--output", type=_FILE, required=True, help="The ISO to write.")
@click.option("--created", help="Time of the release in UTC [default: SOURCE_DATE_EPOCH, or now].")
@click.option("--supervisor-minimum", default="0.1.0", show_default=True, help="Oldest supervisor that can use it.")
@click.option("--base", type=_FILE, help="Write a delta: leave out the layers that this bundle has.")
@click.option("--trusted-keys", type=_FOLDER, help="Keys to check --base with.")
def build(
    *,
    images: Path,
    services: Path,
    release: str,
    key: Path,
    output: Path,
    created: str | None,
    supervisor_minimum: str,
    base: Path | None,
    trusted_keys: Path | None,
) -> None:
    """Write a signed ISO of one release."""
    if base and not trusted_keys:
        raise click.UsageError("--base needs --trusted-keys")
    try:
        with ExitStack() as bundles:
            index = build_bundle(
                images,
                services,
                release,
                _time(created),
                key=key,
                output=output,
                supervisor_minimum=supervisor_minimum,
                base=bundles.enter_context(Bundle.open(base, trusted_keys)) if base and trusted_keys else None,
            )
    except BundleError as error:
        raise click.ClickException(str(error)) from error
    click.echo(
        f"{output}: release {index.release}, {len(index.services)} services, {output.stat().st_size / 1e6:.1f} MB"
    )


@bundle.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--trusted-keys", type=_FOLDER, required=True, help="Folder with the public keys to trust (*.pub).")
@click.option("--base", type=_FILE, help="The bundle that a delta leaves layers out of.")
@click.option("--config", type=_FILE, help="Settings of a router: is the bundle within its ceiling, too?")
def verify(path: Path, trusted_keys: Path, base: Path | None, config: Path | None) -> None:
    """Check the signature, every file, image and manifest of a bundle (a file or a block device)."""
    try:
        settings = read_settings(config) if config else None
        with ExitStack() as bundles:
            known = bundles.enter_context(Bundle.open(base, trusted_keys)) if base else None
            opened = bundles.enter_context(Bundle.open(path, trusted_keys, base=known))
            opened.verify_all()
            index, signer = opened.index, opened.signer
            read = [definition_from_files(one.name, opened.definition(one.name)) for one in index.services]
            if settings:
                refuse_release_over_ceiling(settings.ceiling, index.release, read)
    except (BundleError, FaultsError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(
        f"{path}: release {index.release} of {index.created}, signed by {signer}, {len(index.files)} files are right"
    )
    for service in index.services:
        click.echo(f"  {service.name} {service.version}")


@bundle.command()
@click.argument("private", type=_FILE)
@click.argument("public", type=_FILE)
def keygen(private: Path, public: Path) -> None:
    """Make a key pair: PRIVATE signs bundles, PUBLIC goes into the folder of trusted keys."""
    try:
        keys.generate(private, public)
    except BundleError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{private}: private key, {public}: public key")


def _time(text: str | None) -> datetime:
    if text is None:
        epoch = os.environ.get("SOURCE_DATE_EPOCH")
        return datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a time such as 2025-01-31", param_hint="--created") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)
