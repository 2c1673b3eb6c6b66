"""The parts that commands share: the connection, common options, output, and completion from the running supervisor."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

import click

from supervisor.surface.api.client import RemoteControl
from supervisor.surface.control import Calls
from supervisor.values.errors import SupervisorError

SOCKET_VARIABLE = "VRCTL_SOCKET"
DEFAULT_SOCKET = "/run/vr-supervisor/api.sock"

Command = TypeVar("Command", bound=Callable[..., Any])


class Connection:
    """The supervisor that this command line speaks to; connected to at the first call."""

    def __init__(self, path: str, timeout: float = 30.0) -> None:
        self.path, self.timeout = path, timeout

    @cached_property
    def control(self) -> Calls:
        return RemoteControl.on_socket(os.path.abspath(self.path), self.timeout)


pass_connection = click.make_pass_decorator(Connection)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON; of streams, one object per line.")
no_wait_option = click.option("--no-wait", is_flag=True, help="Return once the supervisor has accepted it.")
to_engine_option = click.option(
    "--to", type=click.Choice(["podman", "docker"]), required=True, help="The engine to move to."
)


def print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_json_line(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))  # echo flushes: a reader of a stream gets each line at once


# ---------------------------------------------------------------- completion


def _candidates(read: Callable[[Calls, click.Context], list[str]]) -> Callable[..., list[str]]:
    """Return a completion from the running supervisor; it offers nothing when none answers."""

    def complete(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
        path = context.find_root().params.get("socket") or os.environ.get(SOCKET_VARIABLE) or DEFAULT_SOCKET
        try:
            words = read(Connection(path, timeout=1.0).control, context)
        except SupervisorError:
            return []
        return [word for word in words if word.startswith(incomplete)]

    return complete


def _services(control: Calls, _context: click.Context) -> list[str]:
    return [service.name for service in control.status().services]


def _releases(control: Calls, _context: click.Context) -> list[str]:
    return [status.release for status in control.releases()]


def _versions(control: Calls, context: click.Context) -> list[str]:
    wanted = context.params.get("service") or next(iter(context.args), None)  # not parsed yet while an option is open
    return sorted({s.version for b in control.releases() for s in b.services if wanted in {None, s.name}})


complete_service = _candidates(_services)
complete_release = _candidates(_releases)
complete_version = _candidates(_versions)

service_argument = click.argument("service", shell_complete=complete_service)
release_option = click.option(
    "--release",
    "--bundle",
    "release",
    metavar="RELEASE",
    shell_complete=complete_release,
    help="Instead of the newest.",
)
