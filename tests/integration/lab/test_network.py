"""The lab comes up, repairs itself, leaves what works alone, and goes away without a trace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import backends, firewall, network, peer
from lab.clients import HttpProbe, Ping, launch, run
from lab.tools import LabError, inside, run_inside
from lab.topology import DEFAULT_PREFIX, PEER_INSIDE_IP, ROUTER_GUEST_IP, VIP, Lab, extra_guests

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def own_lab() -> Iterator[Lab]:
    """A lab that the test may break; a second one beside the session's."""
    made = Lab(f"vrt-own-{os.getpid()}")
    try:
        yield made
    finally:
        network.down(made)


def cli(lab: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "lab", "--prefix", lab.prefix, *words]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def traces(lab: Lab) -> list[str]:
    """Everything on the machine that carries the lab's name."""
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if lab.prefix in line]
    names = [str(path) for path in Path("/run/netns").glob(f"{lab.prefix}-*")]
    links = [
        item["ifname"]
        for item in json.loads(subprocess.check_output(["ip", "-j", "link"]))
        if "-eth0" in item["ifname"]
    ]
    return mounts + names + links + [str(path) for path in Path("/run").glob(f"{lab.prefix}*")]


def test_up_twice_changes_nothing_the_second_time(own_lab: Lab) -> None:
    assert network.up(own_lab)
    start = time.monotonic()
    assert network.up(own_lab) == ()
    assert time.monotonic() - start < 3


def test_the_interfaces_and_addresses_are_those_of_the_design(lab: Lab) -> None:
    def addresses(namespace: str, interface: str) -> list[str]:
        listed = json.loads(run_inside(namespace, ["ip", "-4", "-j", "addr", "show", "dev", interface]))
        return [f"{info['local']}/{info['prefixlen']}" for info in listed[0]["addr_info"]]

    assert addresses(lab.router, "eth0") == ["10.1.1.1/24"]
    assert addresses(lab.router, "eth2") == ["203.0.113.2/24", "203.0.113.10/24"]
    assert addresses(lab.guest, "eth0") == [f"10.1.1.{last}/24" for last in range(20, 220)]
    assert addresses(lab.public, "eth0") == ["203.0.113.100/24"]
    assert addresses(lab.peer, "eth0") == ["203.0.113.200/24"]
    assert addresses(lab.peer, "lan0") == ["10.2.0.1/24"]
    assert DEFAULT_PREFIX == "vrlab"


@pytest.mark.parametrize(
    ("where", "breakage", "client"),
    [
        ("guest", ["ip", "link", "del", "dev", "eth0"], Ping(ROUTER_GUEST_IP, seconds=0.2)),
        (
            "guest",
            ["ip", "addr", "del", "10.1.1.77/24", "dev", "eth0"],
            Ping("10.1.1.1", seconds=0.2, source="10.1.1.77"),
        ),
        ("guest", ["ip", "route", "del", "default"], Ping(VIP, seconds=0.2)),
        ("wire", ["ip", "link", "del", "dev", "br-guest"], Ping(ROUTER_GUEST_IP, seconds=0.2)),
        ("wire", ["ip", "link", "set", "dev", "router-eth0", "nomaster"], Ping(ROUTER_GUEST_IP, seconds=0.2)),
        ("router", ["ip", "addr", "del", f"{VIP}/24", "dev", "eth2"], Ping(VIP, seconds=0.2)),
        ("router", ["ip", "link", "set", "dev", "eth0", "down"], Ping(ROUTER_GUEST_IP, seconds=0.2)),
        ("router", ["sysctl", "-w", "net.ipv4.ip_forward=0"], Ping("203.0.113.100", seconds=0.2)),
    ],
    ids=lambda value: "-".join(value[1:]) if isinstance(value, list) else None,
)
def test_up_repairs_what_is_missing(own_lab: Lab, where: str, breakage: list[str], client: Ping) -> None:
    network.up(own_lab)
    # The way back for traffic that only passes through: the public side does not know the guests' network.
    run_inside(own_lab.public, ["ip", "route", "replace", "10.1.1.0/24", "via", "203.0.113.2"])
    assert run(client, own_lab.guest).completed > 0
    run_inside(own_lab.namespace(where), breakage)
    assert network.up(own_lab)
    assert run(client, own_lab.guest).is_clean
    assert network.up(own_lab) == ()


def test_a_deleted_namespace_is_repaired(own_lab: Lab) -> None:
    network.up(own_lab)
    subprocess.run(["ip", "netns", "del", own_lab.wire], check=True)
    network.up(own_lab)
    assert run(Ping(VIP, seconds=0.2), own_lab.public).is_clean


def test_down_leaves_nothing_even_of_a_half_made_lab(own_lab: Lab) -> None:
    network.up(own_lab, "cloudstack")
    network.add_guest(own_lab, "visitor", extra_guests()[0].mac)
    backends.start(own_lab)
    peer.start(own_lab)
    pids = [record.pid for record in network.processes(own_lab).all()]
    assert len(pids) == 4
    run_inside(own_lab.wire, ["ip", "link", "del", "dev", "br-public"])
    network.down(own_lab)
    assert traces(own_lab) == []
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert network.down(own_lab) == ()


def test_down_ends_only_what_the_record_means(own_lab: Lab) -> None:
    network.up(own_lab)
    with launch(Ping(ROUTER_GUEST_IP, seconds=30), own_lab.guest) as bystander:
        folder = network.folder(own_lab) / "processes"
        folder.mkdir(parents=True, exist_ok=True)
        recycled = {"name": "web-old", "pid": bystander.pid, "started": 1}
        (folder / "web-old.pid").write_text(json.dumps(recycled))
        assert network.processes(own_lab).stop("web-old") is False
        assert bystander.is_running


def test_servers_that_died_are_started_again(own_lab: Lab) -> None:
    network.up(own_lab)
    assert len(backends.start(own_lab)) == 2
    assert backends.start(own_lab) == ()
    victim = network.processes(own_lab).find("web-vm-002")
    assert victim is not None
    os.kill(victim.pid, signal.SIGKILL)
    os.waitpid(victim.pid, 0)
    assert backends.start(own_lab) == ("web-vm-002",)


def test_the_firewall_drops_by_default_and_is_kept_until_told_otherwise(own_lab: Lab) -> None:
    network.up(own_lab, "cloudstack")
    backends.start(own_lab)
    saved = run_inside(own_lab.router, ["iptables-nft-save"])
    assert ":INPUT DROP" in saved
    assert ":FORWARD DROP" in saved
    assert "0x10000000" not in saved
    assert network.up(own_lab) == ()
    run_inside(own_lab.router, ["nft", "flush", "ruleset"])
    assert network.up(own_lab) == (f"{own_lab.router} firewall cloudstack",)
    # Nothing but what the rules name reaches the router or passes through it.
    assert run(Ping(ROUTER_GUEST_IP, seconds=0.2), own_lab.guest).is_clean
    closed = HttpProbe("http://10.1.1.21:8080/", seconds=1, rate=2, timeout=0.3)
    run_inside(own_lab.public, ["ip", "route", "replace", "10.1.1.0/24", "via", "203.0.113.2"])
    assert run(closed, own_lab.public).completed == 0
    assert network.up(own_lab, "none") == (f"{own_lab.router} firewall none",)
    assert run(closed, own_lab.public).completed > 0
    assert run_inside(own_lab.router, ["nft", "list", "tables"]).strip() == ""


def test_an_unknown_firewall_is_refused(own_lab: Lab) -> None:
    network.up(own_lab)
    with pytest.raises(LabError, match="cannot load firewall 'iron'"):
        firewall.ensure(own_lab.router, "iron", network.folder(own_lab))


@pytest.mark.slow
def test_the_tunnel_comes_up_and_comes_back(own_lab: Lab) -> None:
    network.up(own_lab, "cloudstack")
    processes = network.processes(own_lab)
    router = peer.stand_in_router(own_lab)
    router.start(processes)
    peer.start(own_lab)
    wait_for_tunnel(own_lab)
    assert run(Ping(PEER_INSIDE_IP, seconds=0.5), own_lab.guest).is_clean
    with launch(Ping(PEER_INSIDE_IP, seconds=60), own_lab.guest) as ping:
        record = processes.find("stand-in")
        assert record is not None
        os.kill(record.pid, signal.SIGKILL)
        os.waitpid(record.pid, 0)
        router.start(processes)
        wait_for_tunnel(own_lab, established=2)
        time.sleep(0.5)
        outcome = ping.stop()
    assert outcome.longest_gap is not None
    assert 0.02 < outcome.longest_gap < 20
    assert peer.status(own_lab).deletes_received == 0
    processes.stop("stand-in")  # a graceful end says goodbye, and the peer hears it
    assert peer.status(own_lab).deletes_received == 1
    assert not peer.status(own_lab).is_established


def test_a_tunnel_that_nobody_else_sets_up_is_set_up_by_the_peer(own_lab: Lab) -> None:
    network.up(own_lab)
    peer.stand_in_router(own_lab).start(network.processes(own_lab))
    peer.start(own_lab)
    wait_for_tunnel(own_lab)
    peer.gateway(own_lab).terminate()
    wait_for_tunnel(own_lab, established=2)


def wait_for_tunnel(lab: Lab, established: int = 1, limit: float = 20.0) -> None:
    deadline = time.monotonic() + limit
    while not ((found := peer.status(lab)).is_established and found.established_count >= established):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_the_command_line(own_lab: Lab, tmp_path: Path) -> None:
    assert cli(own_lab, "status").returncode == 3
    up = cli(own_lab, "up", "--everything", "--firewall", "cloudstack")
    assert up.returncode == 0, up.stderr
    assert "nothing to do" in cli(own_lab, "up").stdout
    shown = json.loads(cli(own_lab, "status", "--json").stdout)
    assert all(shown["namespaces"].values())
    assert shown["processes"] == {"peer": True, "peer-keeper": True, "web-vm-002": True, "web-vm-003": True}
    assert shown["firewall"] == "cloudstack"
    assert "wrote 609 command files" in cli(own_lab, "commands", str(tmp_path)).stdout
    assert cli(own_lab, "guest", "add", "x", "02:00:00:00:00:01").stdout.strip() == own_lab.namespace("x")
    with launch(Ping(ROUTER_GUEST_IP, seconds=30), own_lab.guest):
        removed = cli(own_lab, "down")
    assert removed.returncode == 0
    assert f"warning: {own_lab.guest} is still used by processes" in removed.stderr
    assert "nothing to do" in cli(own_lab, "down").stdout
    assert traces(own_lab) == []
    assert "cannot" in cli(own_lab, "servers", "start").stderr


def test_entering_a_namespace_keeps_the_cgroups_visible(lab: Lab) -> None:
    outside = sorted(os.listdir("/sys/fs/cgroup"))
    within = subprocess.check_output(inside(lab.router, ["ls", "/sys/fs/cgroup"]), text=True).split()
    assert sorted(within) == outside


def test_a_guest_with_too_long_a_name_is_refused(lab: Lab) -> None:
    with pytest.raises(LabError, match="at most 10 characters"):
        network.add_guest(lab, "a-very-long-name", "02:00:00:00:00:01")
