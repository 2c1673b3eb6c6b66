"""`vr-supervisor`: the daemon, and the tools that need no daemon."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import ClassVar

import click

import supervisor
from supervisor.loop.fault_points import FaultPoints
from supervisor.ports.system import Clock
from supervisor.surface.api.server import ApiServer
from supervisor.surface.assembly import assemble
from supervisor.surface.console import ConsoleServer
from supervisor.surface.heap import share_one_arena
from supervisor.surface.last_net import crashed, unforeseen
from supervisor.surface.log_format import configure_logging
from supervisor.surface.metrics import MetricsServer
from supervisor.surface.notify import Notifier
from supervisor.surface.settings_file import read_settings
from supervisor.surface.settings_option import settings_option
from supervisor.surface.teardown import tear_down
from supervisor.values.errors import SupervisorError
from supervisor.values.settings import Settings

log = logging.getLogger(__name__)

_SETTINGS = settings_option("The settings file.")


class Program(click.Group):
    """Loads the tools that a running daemon never needs only when they are called: they would stay in its memory."""

    apart: ClassVar = {
        "bundle": "supervisor.surface.bundle_commands",
        "manifest": "supervisor.surface.manifest_commands",
        "trust": "supervisor.surface.trust_commands",
        "migrate-engine": "supervisor.surface.engine_commands",
        "secrets": "supervisor.surface.secrets_commands",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *self.apart])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.apart:
            command: click.Command = getattr(import_module(self.apart[cmd_name]), cmd_name.replace("-", "_"))
            return command
        return super().get_command(ctx, cmd_name)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(supervisor.__version__, prog_name="vr-supervisor")
def cli() -> None:
    """Runs the services of a virtual router as containers and hot-swaps each one without loss."""


@cli.command()
@_SETTINGS
@click.option("--stop-services", is_flag=True, help="Stop the services too when the daemon ends.")
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
def run(path: Path, stop_services: bool, log_level: str) -> None:
    """Run the daemon in this network namespace until SIGTERM. Services keep running when it ends."""
    configure_logging(log_level)
    serve(read_settings(path), stop_services=stop_services)


def serve(
    settings: Settings,
    *,
    stop_services: bool = False,
    fault_points: FaultPoints | None = None,
    clock: Clock | None = None,
) -> None:
    """Run the supervisor until SIGTERM or SIGINT. Fault points and another clock are for tests."""
    share_one_arena()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    notifier = Notifier.from_environment()
    parts = assemble(settings, fault_points, clock)
    api = ApiServer(parts.supervision, settings.api_socket)
    metrics = MetricsServer(parts.supervision, settings.metrics_address, settings.metrics_port)
    consoles = ConsoleServer(parts.supervision, settings.runtime_dir / "console")
    try:
        parts.supervision.start([str(path) for path in settings.media], boot_commands(settings))
        parts.supervision.attend()
        parts.copying.start()
        parts.guard.start()
        api.start()
        metrics.start()
        consoles.start()
        notifier.ready()
        log.info("supervisor ready", extra={"pid": os.getpid(), "socket": str(settings.api_socket)})
        while not ended.wait(notifier.watchdog_interval):
            if parts.supervision.is_whole:
                notifier.watchdog()
            else:
                log.error("a worker thread has died; the watchdog is withheld so that the service manager restarts us")
        notifier.stopping()
        log.info("supervisor ends", extra={"services": "stopped" if stop_services else "left running"})
        api.stop()
        metrics.stop()
        consoles.close()
        if stop_services:
            parts.supervision.stop_services()
        parts.supervision.close()
        parts.guard.close()
        if stop_services:
            parts.guard.remove()
            parts.traffic.remove()
            parts.shares.remove()
    finally:
        parts.close()


def boot_commands(settings: Settings) -> list[tuple[str, bytes]]:
    """Return the command files that are there at boot, as (name, content) in the order of their names."""
    if settings.commands is None or not settings.commands.is_dir():
        return []
    files = []
    for path in sorted(settings.commands.iterdir()):
        try:
            if path.is_file():
                files.append((path.name, path.read_bytes()))
        except OSError as error:  # it may have been taken away meanwhile
            log.error("command not read", extra={"file": path.name, "reason": error.strerror})
    return files


@cli.command()
@_SETTINGS
@click.option("--images", is_flag=True, help="Remove the images from the engine too, as before an uninstallation.")
def teardown(path: Path, images: bool) -> None:
    """Remove every container, namespace and rule of the supervisor from this router. The daemon must not run."""
    tear_down(read_settings(path), images=images)


def main() -> None:
    """Run `vr-supervisor`; an error that is meant for an operator is one line, not a traceback."""
    try:
        cli()
    except SupervisorError as error:
        click.echo(f"error: {' '.join(str(error).split())}", err=True)
        sys.exit(1)
    except Exception as error:
        is_logging = logging.getLogger().hasHandlers()  # the daemon is; a tool beside it has the system log only
        line = unforeseen(error, "cannot go on") if is_logging else crashed("vr-supervisor", error)
        click.echo(f"error: {line}", err=True)
        sys.exit(1)
