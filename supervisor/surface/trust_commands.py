"""`vr-supervisor trust ...`: make and sign root documents and revocation lists where releases are made."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import click

from supervisor.edges.bundle import keys
from supervisor.edges.trust import making
from supervisor.values.errors import BundleError

T = TypeVar("T")
FILE = click.Path(dir_okay=False, path_type=Path)
EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def trust() -> None:
    """Make, sign and show root documents and revocation lists."""


@trust.command()
@click.argument("output", type=FILE)
@click.option("--from", "former", type=EXISTING, help="The root before; what is not given is taken over from it.")
@click.option("--root-key", "root_keys", type=EXISTING, multiple=True, help="Public key that signs roots.")
@click.option("--root-threshold", type=click.IntRange(1), help="How many of them must sign.")
@click.option("--release-key", "release_keys", type=EXISTING, multiple=True, help="Public key that signs releases.")
@click.option("--release-threshold", type=click.IntRange(1), help="How many of them must sign.")
@click.option("--expires", required=True, help="Time in UTC, such as 2030-01-31.")
@click.option("--minimum-release", help="No release before this one is started where the root is trusted.")
def root(
    *,
    output: Path,
    former: Path | None,
    root_keys: tuple[Path, ...],
    root_threshold: int | None,
    release_keys: tuple[Path, ...],
    release_threshold: int | None,
    expires: str,
    minimum_release: str | None,
) -> None:
    """Write a root document to OUTPUT, not signed yet: version 1, or the one after --from."""
    wanted = making.Wanted(root_keys or None, root_threshold, release_keys or None, release_threshold, minimum_release)
    before = former.read_bytes() if former else None
    write(output, good(lambda: making.new_root(before, wanted, time_of(expires, "--expires"))))


@trust.command()
@click.argument("output", type=FILE)
@click.argument("public", type=EXISTING, nargs=-1, required=True)
@click.option("--reason", required=True, help="One line, shown on every router.")
def revocations(output: Path, public: tuple[Path, ...], reason: str) -> None:
    """Write a list that revokes the PUBLIC keys to OUTPUT, not signed yet. Enough root keys must sign it."""
    write(output, good(lambda: making.new_revocations({making.key_of(path).id: reason for path in public})))


@trust.command()
@click.argument("document", type=EXISTING)
@click.option("--key", type=EXISTING, required=True, multiple=True, help="Private key; may be given several times.")
def sign(document: Path, key: tuple[Path, ...]) -> None:
    """Add a signature to a root document, a statement or a revocation list: each person signs the same file."""
    content = document.read_bytes()
    for private in (good(partial(keys.signing_key, path)) for path in key):
        content = good(partial(making.add_signature, content, private))
    write(document, content)


@trust.command()
@click.argument("document", type=EXISTING)
def show(document: Path) -> None:
    """Show what a document says and who has signed it."""
    for line in good(lambda: making.described(document.read_bytes())):
        click.echo(line)


def good(make: Callable[[], T]) -> T:
    """Return what is made; an error is one line for the person at the terminal."""
    try:
        return make()
    except BundleError as error:
        raise click.ClickException(str(error)) from error


def write(path: Path, content: bytes) -> None:
    """Write a document whole: synced, and renamed in."""
    fresh = path.with_name(f"{path.name}.new")
    try:
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror}") from error
    for line in good(lambda: making.described(content)):
        click.echo(line)


def time_of(text: str, option: str) -> datetime:
    """Return a time that somebody typed; one without a zone is in UTC."""
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(f"{text!r} is not a time such as 2025-01-31", param_hint=option) from error
