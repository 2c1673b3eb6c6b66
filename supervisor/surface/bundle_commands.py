"""`vr-supervisor bundle ...`: make, sign and check bundles where releases are made; needs no running supervisor."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import click

from supervisor.decisions.trust import refuse_offer
from supervisor.edges.bundle import keys
from supervisor.edges.bundle.build import build_bundle
from supervisor.edges.bundle.reader import Bundle
from supervisor.edges.bundle.sealing import attach, documents, read_papers
from supervisor.edges.catalog.definition import definition_from_files
from supervisor.edges.trust.documents import read_statement
from supervisor.edges.trust.making import add_signature, described, new_statement
from supervisor.edges.trust.papers import STATEMENT
from supervisor.loop.generations.ceiling import refuse_release_over_ceiling
from supervisor.loop.releases.acceptance import offer_of
from supervisor.surface.settings_file import read_settings
from supervisor.surface.trust_commands import good, time_of, write
from supervisor.values.errors import BundleError, FaultsError
from supervisor.values.settings import Settings
from supervisor.values.trust import TrustState

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)
_EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)
_ROOTS = click.option("--root-documents", type=_FOLDER, help="Folder with N.json, to go along on the medium.")
_REVOCATIONS = click.option("--revocations", type=_EXISTING, help="Revocation list, to go along on the medium.")


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
@click.option("--minimum-release", help="Once this release is accepted, none before that one is started.")
@click.option("--expires", help="Add a signed statement for routers with a root document; valid until this time, UTC.")
@_ROOTS
@_REVOCATIONS
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
    minimum_release: str | None,
    expires: str | None,
    root_documents: Path | None,
    revocations: Path | None,
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
                minimum_release=minimum_release,
                papers=lambda content: {
                    **documents(roots=root_documents, revocations=revocations),
                    **(_statement(content, time_of(expires, "--expires"), (key,)) if expires else {}),
                },
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
@click.option(
    "--config", type=_FILE, help="Settings of a router: would its ceiling, minimum_release and grace let it in, too?"
)
def verify(path: Path, trusted_keys: Path, base: Path | None, config: Path | None) -> None:
    """Check the signatures, their expiry, every file, image and manifest of a bundle (a file or a block device)."""
    try:
        settings = read_settings(config) if config else None
        with ExitStack() as bundles:
            known = bundles.enter_context(Bundle.open(base, trusted_keys)) if base else None
            opened = bundles.enter_context(Bundle.open(path, trusted_keys, base=known))
            state, policy = TrustState(opened.judgement.root), (settings or Settings()).trust_policy
            refuse_offer(offer_of(opened), state, policy, (), time.time(), accepts_clock=True)
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
@click.argument("path", type=_EXISTING)
@click.option("--key", type=_EXISTING, required=True, multiple=True, help="Private key; may be given several times.")
@click.option("--expires", help="Valid until this time, UTC: for the first who signs.")
def sign(path: Path, key: tuple[Path, ...], expires: str | None) -> None:
    """Add a signature to the statement on an ISO: each person signs the same file, one after the other."""
    papers = good(lambda: read_papers(path))
    if papers.statement is None and expires is None:
        raise click.UsageError(f"{path} carries no statement yet: --expires is needed to make one")
    if papers.statement is not None and expires is not None:
        raise click.UsageError(f"{path} carries a statement already, which says when it expires")
    until = time_of(expires, "--expires") if expires else None
    signed = good(lambda: _statement(papers.index, until, key, papers.statement))
    good(lambda: attach(path, signed))
    click.echo(f"{path}: {good(lambda: described(signed[STATEMENT]))[0]}")


@bundle.command()
@click.argument("path", type=_EXISTING)
@click.argument("output", type=_FILE)
@click.option("--expires", help="Valid until this time, UTC: if the ISO carries no statement yet.")
def statement(path: Path, output: Path, expires: str | None) -> None:
    """Write the statement about an ISO to OUTPUT, to be signed elsewhere with `trust sign` and attached again."""
    papers = good(lambda: read_papers(path))
    if papers.statement is None and expires is None:
        raise click.UsageError(f"{path} carries no statement yet: --expires is needed to make one")
    made = papers.statement or new_statement(papers.index, time_of(expires or "", "--expires"))
    write(output, made)


@bundle.command("attach")
@click.argument("path", type=_EXISTING)
@click.option("--statement", type=_EXISTING, help="A statement about this ISO.")
@_ROOTS
@_REVOCATIONS
def attach_documents(path: Path, statement: Path | None, root_documents: Path | None, revocations: Path | None) -> None:
    """Put trust documents on an ISO, in the place of those that are there."""
    named = good(lambda: documents(statement=statement, roots=root_documents, revocations=revocations))
    if not named:
        raise click.UsageError("nothing to attach")
    if STATEMENT in named:
        _check_statement(path, named[STATEMENT])
    good(lambda: attach(path, named))
    click.echo(f"{path}: {', '.join(sorted(named))} attached")


def _check_statement(path: Path, content: bytes) -> None:
    try:
        read_statement(content, good(lambda: read_papers(path)).index)
    except ValueError as error:
        raise click.ClickException(f"cannot attach the statement to {path}: {error}") from error


def _statement(
    index: bytes, expires: datetime | None, private: Sequence[Path], former: bytes | None = None
) -> dict[str, bytes]:
    """Return a statement about an index with the signatures of these keys added, by its name on a medium."""
    content = former if former is not None else new_statement(index, expires or datetime.now(UTC))
    for key in private:
        content = add_signature(content, keys.signing_key(key))
    return {STATEMENT: content}


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
    return time_of(text, "--created")
