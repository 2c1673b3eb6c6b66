"""`python -m lab`: bring the lab up and down, write its router's commands, run its servers and its VPN peer."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import click

from lab import backends, commands, firewall, network, peer, session, status
from lab.tools import LabError
from lab.topology import DEFAULT_PREFIX, Lab


class Group(click.Group):
    """Turns the lab's own errors into one line and exit status 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except LabError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Group, help=__doc__)
@click.option(
    "--prefix",
    envvar="VR_LAB",
    default=DEFAULT_PREFIX,
    show_envvar=True,
    show_default=True,
    help="Name of the lab; another one is another lab.",
)
@click.pass_context
def main(context: click.Context, prefix: str) -> None:
    if os.geteuid() != 0:
        raise LabError("cannot touch network namespaces: this needs root")
    context.obj = Lab(prefix)


@main.command(help="Make the namespaces, or repair what is missing of them.")
@click.option(
    "--firewall", "style", type=click.Choice(firewall.STYLES), help="The router's own rules; kept if not given."
)
@click.option("--everything", is_flag=True, help="Start the guests' servers and the VPN peer too.")
@click.pass_obj
def up(lab: Lab, style: str | None, everything: bool) -> None:
    _report("made", network.up(lab, style))
    if everything:
        _report("started", backends.start(lab))
        peer.start(lab)


@main.command(help="Remove every trace of the lab.")
@click.pass_obj
def down(lab: Lab) -> None:
    ours = {record.pid for record in network.processes(lab).all()}
    for namespace, pids in network.occupants(lab).items():
        foreign = sorted(set(pids) - ours)
        if foreign:
            click.echo(f"warning: {namespace} is still used by processes {', '.join(map(str, foreign))}", err=True)
    _report("removed", network.down(lab))


@main.command("status", help="Say what is there; exit status 3 when the lab is not whole.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def show_status(lab: Lab, as_json: bool) -> None:
    state = status.read(lab)
    click.echo(json.dumps(asdict(state), indent=2) if as_json else status.render(state))
    if not state.is_whole:
        raise click.exceptions.Exit(3)


@main.command("commands", help="Write the router's command files into FOLDER.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--passwords", type=click.IntRange(1, 99), help="Only the passwords, sent for the Nth time more.")
def write_commands(folder: Path, passwords: int | None) -> None:
    written = commands.write(folder) if passwords is None else commands.write_passwords(folder, passwords)
    click.echo(f"wrote {len(written)} command files into {folder}")


@main.command(help="The guests' servers behind the load balancer.")
@click.argument("action", type=click.Choice(["start", "stop"]))
@click.pass_obj
def servers(lab: Lab, action: str) -> None:
    if action == "start":
        _report("started", backends.start(lab))
    else:
        _report("stopped", backends.stop(lab))


@main.command("peer", help="The VPN gateway on the other side.")
@click.argument("action", type=click.Choice(["start", "stop", "status"]))
@click.pass_obj
def vpn_peer(lab: Lab, action: str) -> None:
    if action == "start":
        click.echo(f"peer runs as process {peer.start(lab).pid}")
    elif action == "stop":
        click.echo("peer stopped" if peer.stop(lab) else "peer did not run")
    else:
        click.echo(json.dumps(asdict(peer.status(lab)), indent=2))


main.add_command(session.run)
main.add_command(session.stop)


@main.group(help="Extra guests, each in a namespace of its own.")
def guest() -> None: ...


@guest.command("add", help="Attach a namespace PREFIX-NAME with a card MAC to the guest network.")
@click.argument("name")
@click.argument("mac")
@click.pass_obj
def guest_add(lab: Lab, name: str, mac: str) -> None:
    click.echo(network.add_guest(lab, name, mac))


@guest.command("remove")
@click.argument("name")
@click.pass_obj
def guest_remove(lab: Lab, name: str) -> None:
    network.remove_guest(lab, name)


def _report(verb: str, things: Iterable[str]) -> None:
    listed = list(things)
    click.echo(
        f"{verb} {len(listed)}: {', '.join(listed[:12])}{' …' if len(listed) > 12 else ''}"
        if listed
        else "nothing to do"
    )


if __name__ == "__main__":
    main()
