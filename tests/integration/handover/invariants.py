"""What must be true of a router at rest: read from the engine, the kernel and the supervisor, and compared."""

from __future__ import annotations

import json
import re
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from lab.router import Router
from lab.session import SERVICES
from lab.tools import NAMESPACES, run, run_inside
from supervisor.decisions.traffic import traffic_table
from supervisor.edges.engine import make_engine
from supervisor.edges.network import structure, table
from supervisor.edges.store import SqliteStore
from supervisor.values.release import InstanceState

ISOLATED = ("apache-metadata", "haproxy", "password")
__all__ = ["SERVICES", "await_rest", "containers", "pids", "versions", "violations"]


def await_rest(router: Router, limit: float = 60.0) -> None:
    """Until all services are ready, no hand-over is under way and nothing drains."""
    deadline = time.monotonic() + limit
    while True:
        services: list[dict[str, Any]] = router.await_ready(30.0, SERVICES)["services"]  # type: ignore[assignment]
        busy = [one["name"] for one in services if one["handover"] or one["draining"]]
        if not busy:
            return
        assert time.monotonic() < deadline, f"{busy} do not come to rest in {limit:g} s: {services}"
        time.sleep(0.1)


def versions(router: Router) -> dict[str, str]:
    status = router.status()
    assert status is not None
    services: list[dict[str, Any]] = status["services"]  # type: ignore[assignment]
    return {one["name"]: one["version"] for one in services}


def violations(router: Router) -> list[str]:
    """Nothing when there is exactly what five generations need: no more, no less."""
    status = router.status()
    if status is None:
        return ["the supervisor does not answer"]
    services: list[dict[str, Any]] = status["services"]  # type: ignore[assignment]
    generation = {one["name"]: one["generation"] for one in services}
    wanted = {f"vrs-{name}-{number}" for name, number in generation.items()}
    isolated = {f"{name}-{generation[name]}" for name in ISOLATED}
    found = [f"{one['name']} is {one['state']}: {one['message']}" for one in services if one["state"] != "running"]
    found += _differ("containers", {one["name"] for one in containers(router)}, wanted)
    found += _differ("namespaces", _namespaces(router), isolated)
    interfaces = _interfaces(router)
    if len(interfaces) != len(ISOLATED):
        found.append(f"interfaces of the supervisor: {sorted(interfaces)}")
    found += _differ("runtime folders", _folders(router), {f"{name}/{number}" for name, number in generation.items()})
    found += _stale_elements(router, interfaces)
    found += _missing_elements(router)
    found += _stale_volumes(router, generation)
    found += _stale_images(router)
    found += [f"history: {one}" for one in _history(router) if one["outcome"] == "running" or one["finished"] is None]
    return found


def containers(router: Router) -> list[dict[str, Any]]:
    """Every container of ours, running or not: name, pid."""
    engine = make_engine(router.engine, router.state, router.runtime, router.dockerd.socket, router.namespaces)
    try:
        return [{"name": one.name, "pid": one.pid, "state": one.state.value} for one in engine.containers()]
    finally:
        engine.close()


def pids(router: Router) -> dict[str, int]:
    return {one["name"]: one["pid"] for one in containers(router)}


def _namespaces(router: Router) -> set[str]:
    begin = f"{router.lab.prefix}-sv-"
    return {path.name.removeprefix(begin) for path in NAMESPACES.iterdir() if path.name.startswith(begin)}


def _interfaces(router: Router) -> dict[str, str]:
    """The supervisor's interfaces in the router's namespace with the other end's address."""
    listed = json.loads(run(["ip", "-n", router.lab.router, "-4", "-j", "addr", "show"]))
    return {
        one["ifname"]: one["addr_info"][0]["local"]
        for one in listed
        if one["ifname"].startswith("vrs") and one.get("addr_info")
    }


def _folders(router: Router) -> set[str]:
    found = set()
    for name in SERVICES:
        folder: Path = router.runtime / name
        found |= {f"{name}/{one.name}" for one in folder.iterdir()} if folder.is_dir() else set()
    return found


def _stale_elements(router: Router, interfaces: dict[str, str]) -> list[str]:
    """Map elements that lead to an inside address nobody has, or to a second inside port of a router's service."""
    text = run_inside(router.lab.router, ["nft", "list", "table", "inet", "vr_supervisor"])
    inside = set(re.findall(r"\b198\.1[89]\.\d+\.\d+\b", text))
    outer = {address.rpartition(".") for address in interfaces.values()}
    living = {f"{net}.{int(last) + 1}" for net, _, last in outer}
    found = [f"map elements lead to {address}" for address in sorted(inside - living)]
    for name in ("udp_inside", "tcp_inside"):
        block = re.search(rf"set {name} {{.*?elements = {{ ([^}}]*)}}", text, re.DOTALL)
        ports = re.findall(r"\d+", block[1]) if block else []
        expected = 2 if name == "udp_inside" else 1  # DNS and DHCP; DNS
        if len(ports) != expected:
            found.append(f"{name} has {ports}")
    return found


def _missing_elements(router: Router) -> list[str]:
    """Map elements that frontends of what serves need, and that are not there or lead elsewhere."""
    with closing(SqliteStore(router.state)) as store:
        active = [instance for instance, state in store.instances() if state is InstanceState.ACTIVE]
    listing = json.loads(
        run_inside(router.lab.router, ["nft", "-j", "list", "table", structure.FAMILY, structure.NAME])
    )
    present = table.read_elements(listing["nftables"])
    return [
        f"{name} lacks {key} leading to {leads}"
        for name, wanted in table.elements(traffic_table(active, active)).items()
        for key, leads in wanted.items()
        if present.get(name, {}).get(key) != leads
    ]


def _stale_volumes(router: Router, generation: dict[str, int]) -> list[str]:
    """State that belongs to a generation that is no more."""
    found = []
    for path in sorted((router.state / "volumes").glob("*/*.*")):
        number = path.suffix.removeprefix(".")
        if number.isdigit() and int(number) != generation.get(path.parent.name):
            found.append(f"state is left of a former generation: {path}")
    return found


def _stale_images(router: Router) -> list[str]:
    """Images that came with no release that is known."""
    releases: list[dict[str, Any]] = json.loads(router.vrctl("bundle", "list", "--json").stdout)
    known = {service["image"] for release in releases for service in release["services"].values()}
    engine = make_engine(router.engine, router.state, router.runtime, router.dockerd.socket, router.namespaces)
    try:
        return [f"an image of no release is left: {image}" for image in engine.images() if image not in known]
    finally:
        engine.close()


def _history(router: Router) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(router.vrctl("history", "--limit", "50", "--json").stdout)
    return told


def _differ(what: str, found: set[str], wanted: set[str]) -> list[str]:
    if found == wanted:
        return []
    return [f"{what}: {sorted(found - wanted)} too many, {sorted(wanted - found)} missing"]
