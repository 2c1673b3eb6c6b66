"""The command `vrctl`: its options, its subcommands, and the place where errors become exit codes."""

from __future__ import annotations

from typing import Any

import click

from supervisor import __version__
from supervisor.surface.cli import bundle, config, observe, operate, secrets, shell
from supervisor.surface.cli.common import DEFAULT_SOCKET, SOCKET_VARIABLE, Connection
from supervisor.surface.cli.exits import HELP, Exit, exit_of, line_of
from supervisor.values.errors import SupervisorError


class Root(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SupervisorError as error:
            click.echo(line_of(error), err=True)
            ctx.exit(exit_of(error))
        except KeyboardInterrupt:
            ctx.exit(Exit.INTERRUPTED)


@click.group(cls=Root, epilog=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--socket",
    envvar=SOCKET_VARIABLE,
    default=DEFAULT_SOCKET,
    show_default=True,
    show_envvar=True,
    type=click.Path(dir_okay=False, readable=False),  # a missing right is reported when connecting
    help="Where the supervisor listens.",
)
@click.version_option(__version__, prog_name="vrctl")
@click.pass_context
def vrctl(context: click.Context, socket: str) -> None:
    """Look after the services of a virtual router: see them, swap them, go back."""
    context.obj = Connection(socket)


for command in (*observe.COMMANDS, *operate.COMMANDS, bundle.bundle, config.config, secrets.secrets, *shell.COMMANDS):
    vrctl.add_command(command)
