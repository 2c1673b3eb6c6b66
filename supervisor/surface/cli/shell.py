"""Commands about the command line itself: completion, version."""

from __future__ import annotations

import click
from click.shell_completion import ShellComplete, get_completion_class

from supervisor import __version__
from supervisor.surface.api.faults import ApiError
from supervisor.surface.cli.common import Connection, json_option, pass_connection, print_json

_COMPLETION_VARIABLE = "_VRCTL_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@json_option
@click.pass_context
def completion(context: click.Context, shell: str, as_json: bool) -> None:
    """Print a script that completes commands and service names.

    bash: eval "$(vrctl completion bash)" in ~/.bashrc; zsh likewise; fish: vrctl completion fish | source
    """
    kind = get_completion_class(shell)
    assert kind is not None
    root = context.find_root().command
    script = ShellComplete.source(kind(root, {}, "vrctl", _COMPLETION_VARIABLE))
    if as_json:
        print_json({"shell": shell, "script": script})
    else:
        click.echo(script)


@click.command()
@json_option
@pass_connection
def version(connection: Connection, as_json: bool) -> None:
    """Show the versions of this command and of the supervisor it reaches."""
    try:
        running: str | None = connection.control.status().version
    except ApiError:
        running = None
    if as_json:
        print_json({"vrctl": __version__, "supervisor": running})
    else:
        click.echo(f"vrctl {__version__}\nsupervisor {running or 'not reachable'}")


COMMANDS = (completion, version)
