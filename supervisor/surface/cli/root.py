"""The command `vrctl`: its options, its subcommands, and the place where errors become exit codes."""

from __future__ import annotations

from typing import Any

import click

from supervisor import __version__
from supervisor.surface.cli import bundle, config, observe, operate, secrets, shell, trust
from supervisor.surface.cli.common import DEFAULT_SOCKET, SOCKET_VARIABLE, Connection
from supervisor.surface.cli.exits import HELP, Exit, exit_of, line_of
from supervisor.surface.last_net import crashed
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
        except (click.ClickException, click.Abort, click.exceptions.Exit, OSError):  # a pipe that broke is click's
            raise
        except Exception as error:
            if _is_interruption(error):
                ctx.exit(Exit.INTERRUPTED)
            click.echo(f"vrctl: {crashed('vrctl', error)}", err=True)
            ctx.exit(Exit.FAILED)


def _is_interruption(error: BaseException | None) -> bool:
    """Return True if an interruption led to the error: what it breaks off may fail in its own way."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


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


_GROUPS = (bundle.bundle, trust.trust, config.config, secrets.secrets)
for command in (*observe.COMMANDS, *operate.COMMANDS, *_GROUPS, *shell.COMMANDS):
    vrctl.add_command(command)
