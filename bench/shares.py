"""Measures what shares (`fair` in the manifests) cost: throughput with their table and without, in turns, in one run.

Run as `python -m bench.shares`, on the lab that `make run` left up. The supervisor stands still in each round, so that
it neither works beside the clients nor puts the table back. Exit status 1 when a ratio is below the bar.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from ipaddress import IPv4Address

import click
from rich.console import Console
from rich.table import Table

from lab.clients import Client, Dnsperf, Flood, Wrk, run
from lab.processes import freeze
from lab.router import PROGRAM, Router
from lab.tools import LabError, inside, run_inside
from lab.topology import DEFAULT_PREFIX, ROUTER_GUEST_IP, VIP, Lab, guests_of_lab
from supervisor.edges.network import shares_text
from supervisor.edges.network.shares_text import TABLE
from supervisor.values.manifest import Fair
from supervisor.values.names import ServiceName
from supervisor.values.shares import Card, GuestAddress, ServiceShare, SharedAddress, ShareTable
from supervisor.values.state import Share

BLOCK, ROUNDS, BAR = 4.0, 5, 0.97
GUESTS, LOADS, MOST_SECONDS = 500, 9, 0.05
ADDRESSES = tuple(guest.address for guest in guests_of_lab())

WORK: dict[str, tuple[str, Client]] = {
    "DNS, queries": ("guest", Dnsperf(rate=1_000_000, seconds=BLOCK, sockets=20)),
    "load balancer, requests": ("public", Wrk(f"http://{VIP}/", BLOCK, connections=50)),
    "metadata, requests": ("guest", Wrk(f"http://{ROUTER_GUEST_IP}/latest/meta-data/", BLOCK, connections=10)),
    "metadata, new connections of 200 guests": (
        "guest",
        Flood("storm", ROUTER_GUEST_IP, 80, sources=ADDRESSES, connections=50, rate=1e6, seconds=BLOCK),
    ),
}


@click.command(help=__doc__)
@click.option("--engine", type=click.Choice(["podman", "docker"]), default="podman", show_default=True)
@click.option("--prefix", default=DEFAULT_PREFIX, show_default=True, help="Name of the lab.")
def main(engine: str, prefix: str) -> None:
    router, console = Router(Lab(prefix), engine), Console()
    table = Table("traffic", "with, /s", "without, /s", "ratio", title="Throughput with shares and without")
    ratios = []
    try:
        for name, (role, client) in WORK.items():
            pairs = list(_rounds(router, partial(_rate, router, role, client)))
            ratios.append(statistics.median(one / other for one, other in pairs))
            middle = [f"{statistics.median(column):,.0f}" for column in zip(*pairs, strict=True)]
            table.add_row(name, *middle, f"{ratios[-1]:.3f}")
        loads = _loads(router.lab.public)
    except LabError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    console.print(table)
    milliseconds = " / ".join(f"{1000 * value(loads):.0f}" for value in (min, statistics.median, max))
    console.print(f"The table for {GUESTS} guests loads in {milliseconds} ms (min / median / max of {LOADS}).")
    sys.exit(0 if min(ratios) >= BAR and statistics.median(loads) <= MOST_SECONDS else 1)


def _rounds(router: Router, measure: Callable[[], float]) -> Iterator[tuple[float, float]]:
    """Yield the rates with the table and without; every other round begins without."""
    for number in range(ROUNDS):
        with _standing_still(router):
            before = measure() if number % 2 == 0 else 0.0
            kept = run_inside(router.lab.router, ["nft", "list", "table", *TABLE.split()])
            run_inside(router.lab.router, ["nft", "delete", "table", *TABLE.split()])
            without = measure()
            if number % 2:
                run_inside(router.lab.router, ["nft", "-f", "-"], stdin=kept)
                before = measure()
        yield before, without


@contextmanager
def _standing_still(router: Router) -> Iterator[None]:
    """Stop the supervisor; afterwards wait until the table is there."""
    record = router.processes.find(PROGRAM)
    if record is None:
        raise LabError("cannot find a running lab: run `make run` first")
    freeze(record.pid)
    try:
        yield
    finally:
        os.kill(record.pid, signal.SIGCONT)
    deadline = time.monotonic() + 10.0
    listing = inside(router.lab.router, ["nft", "list", "table", *TABLE.split()])
    while subprocess.run(listing, capture_output=True, check=False, timeout=10).returncode != 0:
        if time.monotonic() > deadline:
            raise LabError("the table of shares does not come back")
        time.sleep(0.05)


def _rate(router: Router, role: str, client: Client) -> float:
    outcome = run(client, router.lab.namespace(role))
    return outcome.completed / outcome.seconds


def _loads(namespace: str) -> list[float]:
    """Return the seconds of `nft -f` with a router of 500 guests, in a namespace without a table."""
    share = ServiceShare(ServiceName("web"), Share(0, Fair(64, 500, guests_only=False)))
    numbers = range(GUESTS)
    table = ShareTable(
        shares=(share,),
        addresses=(SharedAddress(IPv4Address(ROUTER_GUEST_IP), 80, share),),
        ports=(),
        cards=tuple(Card("eth0", f"02:00:00:01:{number >> 8:02x}:{number & 255:02x}") for number in numbers),
        guests=tuple(GuestAddress("eth0", IPv4Address("10.99.4.0") + number) for number in numbers),
        sides=("eth0",),
    )
    text = shares_text.document(shares_text.shares(table), shares_text.elements(table))
    taken = []
    for _ in range(LOADS):
        began = time.monotonic()
        run_inside(namespace, ["nft", "-f", "-"], stdin=text)
        taken.append(time.monotonic() - began)
    run_inside(namespace, ["nft", "delete", "table", *TABLE.split()])
    return taken


if __name__ == "__main__":
    main()
