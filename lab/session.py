"""`run` and `stop`: the whole lab, from nothing to a router with every service ready, and back to nothing."""

from __future__ import annotations

import time
from pathlib import Path

import click

from lab import backends, network, peer
from lab.reaper import reap
from lab.router import NEWER, OLDER, Router, bundle_path
from lab.services import SERVICES
from lab.tools import LabError
from lab.topology import Lab

READY_SECONDS = 90.0

_ENGINE = click.option("--engine", type=click.Choice(["podman", "docker"]), default="podman", show_default=True)


@click.command()
@_ENGINE
@click.option(
    "--firewall", "style", default=None, help="The router's own rules: none, or cloudstack (drops by default)."
)
@click.option(
    "--media-folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Run the services of the ISOs in this folder, and import those that come later, instead of the lab's own.",
)
@click.pass_obj
def run(lab: Lab, engine: str, style: str | None, media_folder: Path | None) -> None:
    """Start the lab with the older release, or repair what is missing of it, and show the services' status."""
    if media_folder is None:
        bring_up(Router(lab, engine), style, say=click.echo)
    else:
        network.up(lab, style)
        Router(lab, engine).start(media=[], media_folder=str(media_folder.resolve()))
        Router(lab, engine).await_ready(READY_SECONDS)
    shown = Router(lab, engine).vrctl("status")
    click.echo(shown.stdout, nl=False)


@click.command()
@_ENGINE
@click.pass_obj
def stop(lab: Lab, engine: str) -> None:
    """End the supervisor and its containers and remove every trace of the lab."""
    Router(lab, engine).stop()
    network.down(lab)
    reap()


def bring_up(
    router: Router, style: str | None = None, *, say: object = print, **overrides: object
) -> dict[str, object]:
    """Start everything that does not run; return the router's status when every service is ready."""
    assert callable(say)
    lab, began = router.lab, time.monotonic()
    for release in (OLDER, NEWER):
        if not bundle_path(release).is_file():
            raise LabError(f"cannot start the lab: {bundle_path(release)} is missing; run `make bundle`")
    made = network.up(lab, style)
    backends.start(lab)
    peer.start(lab)
    router.start(**overrides)
    if made:
        say(f"lab {lab.prefix} is up; waiting for {len(SERVICES)} services")
    status = router.await_ready(READY_SECONDS, tuple(SERVICES))
    bundles = router.vrctl("bundle", "list", "--json").stdout
    if f'"{NEWER}"' not in bundles:
        router.vrctl("bundle", "import", str(bundle_path(NEWER)))
    say(f"{len(SERVICES)} services ready after {time.monotonic() - began:.1f} s")
    return status
