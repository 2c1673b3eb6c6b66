"""What is read and prepared around a hand-over: versions, history, leases, passwords."""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime
from typing import Any

import yaml

from lab import commands, network
from lab.clients import RenewingGuests, run
from lab.router import Router
from lab.tools import LabError, run_inside
from lab.topology import GUEST_COUNT, ROUTER_GUEST_IP, Guest

OFFERED_SECONDS = 20.0


def service(router: Router, name: str) -> dict[str, Any]:
    """One service as `vrctl status` tells it."""
    status = router.status()
    if status is None:
        raise LabError(f"cannot tell how {name} is: the supervisor does not answer")
    listed = status["services"]
    assert isinstance(listed, list)
    found: dict[str, Any] = next(one for one in listed if one["name"] == name)
    return found


def newest_handover(router: Router, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(router.vrctl("history", name, "--limit", "1", "--json").stdout)[0]
    return found


def moment(told: str) -> float:
    """A time of the API's JSON as seconds since the epoch."""
    return datetime.fromisoformat(told).timestamp()


def version_in(router: Router, release: str, name: str) -> str:
    """Which version of a service a release has."""
    for bundle in json.loads(router.vrctl("bundle", "list", "--json").stdout):
        if bundle["release"] == release:
            return str(bundle["services"][name]["version"])
    raise LabError(f"cannot find release {release}: it is not imported")


def soak_of(router: Router) -> float:
    return float(yaml.safe_load(router.settings.read_text(encoding="utf-8"))["soak"])


def leases(router: Router) -> dict[str, str]:
    """Addresses by MAC: the lease file of the generation that serves."""
    generation = service(router, "dnsmasq")["generation"]
    path = router.state / "volumes" / "dnsmasq" / f"leases.{generation}" / "dnsmasq.leases"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {fields[1]: fields[2] for line in lines if len(fields := line.split()) == 5}


def lease_all(router: Router) -> None:
    """Let every guest of the guest namespace have its lease."""
    run(RenewingGuests(first=0, count=GUEST_COUNT, interval=60.0, seconds=0.1), router.lab.guest)


def give_back(router: Router, guest: Guest) -> None:
    """End an extra guest's lease."""
    module = "lab.clients.probes.release"
    run_inside(router.lab.guest, [sys.executable, "-m", module, guest.mac, guest.address, ROUTER_GUEST_IP])


def renew_passwords(router: Router) -> None:
    """Send every guest's password once more, as a management server does after a reset, until all are on offer."""
    folder = network.folder(router.lab)
    counter, files = folder / "password-turn", folder / "passwords"
    turn = int(counter.read_text()) + 1 if counter.exists() else 1
    counter.write_text(str(turn))
    for former in files.glob("*"):
        former.unlink()
    written, before = commands.write_passwords(files, turn), _offers(router)
    router.vrctl("config", "apply", *map(str, written))
    deadline = time.monotonic() + OFFERED_SECONDS
    while len(now := _offers(router)) < GUEST_COUNT or not before.isdisjoint(now):
        if time.monotonic() > deadline:
            raise LabError(f"cannot renew passwords: not all are on offer after {OFFERED_SECONDS:g} s")
        time.sleep(0.05)


def _offers(router: Router) -> set[bytes]:
    """What the password server reads: every offer has an identity of its own."""
    generation = service(router, "password")["generation"]
    folder = router.runtime / "password" / str(generation) / "config" / "offers"
    return {path.read_bytes() for path in folder.iterdir() if path.is_file()}
