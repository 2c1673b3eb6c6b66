"""A daemon of a release alone: out of its image, with what its manifest renders, in a router made of one namespace.

What a router answers to its guests and depends on the daemon and its configuration only is tried here: with both
releases, in a second or two, and as often as wanted.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from supervisor.edges.catalog import load_definition
from supervisor.edges.probes import ProtocolProber
from supervisor.edges.probes.dhcp import exchange
from supervisor.edges.probes.dhcp_packet import DhcpMessage, Option, discover, renewal, request
from supervisor.edges.render import TemplateRenderer
from supervisor.values.manifest import Probe
from supervisor.values.router import GuestNetwork, Host, RouterConfig
from supervisor.values.state import ExecResult, Instance, ProbeResult, ProbeTarget
from tests.kit.live.probe_servers import Namespace, ip, wait_until
from tests.kit.samples.router import sample_instance

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "build/images"
RELEASES = ("bookworm", "trixie")
MAC = "02:5e:a1:00:00:07"
WANTED = (Option.PARAMETERS, bytes((1, 3, 6, 12, 15, 81)))
RENDERER = TemplateRenderer()


def unpack(release: str, image: str, folder: Path) -> Path:
    """Give the files of an image, layer upon layer."""
    images = json.loads((IMAGES / release / "images.json").read_text(encoding="utf-8"))
    for layer in images[image]["layers"]:
        with tarfile.open(IMAGES / release / "oci/blobs/sha256" / layer.removeprefix("sha256:")) as archive:
            members = (one for one in archive if one.isfile() or one.isdir() or one.issym() or one.islnk())
            archive.extractall(folder, members=members, filter="tar")
    return folder


def guest(number: int, name: str = "", **more: object) -> Host:
    facts: dict[str, object] = {
        "mac": f"02:00:00:00:00:{number:02x}",
        "address": IPv4Address(f"10.1.1.{number}"),
        "name": name,
        "lease_seconds": 3600,
        "is_default": True,
        "interface": "eth0",
    }
    return Host(**(facts | more))  # type: ignore[arg-type]


def router_of(networks: Sequence[GuestNetwork], *hosts: Host, **more: object) -> RouterConfig:
    facts: dict[str, object] = {"name": "r-7-VM", "domain": "cs.lab", "networks": tuple(networks), "hosts": hosts}
    return RouterConfig(**(facts | more))  # type: ignore[arg-type]


@dataclass
class Alone:
    """The daemon of a service in router mode, and what its probes and its guests find."""

    namespace: Namespace
    root: Path
    folder: Path
    service: str
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.definition = load_definition(ROOT / "services" / self.service)
        self.instance: Instance = replace(sample_instance(self.definition.manifest), mac=MAC)
        self.router = RouterConfig()

    def start(self, router: RouterConfig) -> None:
        """Write what is rendered for `router`, and start the daemon unless it runs."""
        self.router = router
        state = self.folder / "state/leases"  # as the container has it
        state.mkdir(parents=True, exist_ok=True)
        for file in RENDERER.files(self.definition, router, self.instance):
            path = self.folder / "config" / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._moved(file.content))
        (self.folder / "config/reservations").mkdir(exist_ok=True)
        (loader,) = self.root.glob("usr/lib*/ld-linux-*")
        libraries = ":".join(str(path) for path in self.root.glob("usr/lib/*-linux-gnu"))
        command = self.definition.manifest.command
        inside = ["nsenter", f"--net={self.namespace.path}", str(loader), "--library-path", libraries]
        words = [self._moved(word.encode()).decode() for word in command[1:]]
        with (self.folder / "log").open("wb") as log:
            words = [*inside, f"{self.root}{command[0]}", *words]
            self.process = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_until(lambda: not self.wrong(self.definition.manifest.readiness.probes))
        except AssertionError:
            raise AssertionError(self.wrong(self.definition.manifest.readiness.probes) + self.log) from None

    def _moved(self, content: bytes) -> bytes:
        for place in (b"/config", b"/state"):
            content = content.replace(place, str(self.folder).encode() + place)
        return content.replace(b"user=dnsmasq", b"user=root")

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def ask(self, probes: Sequence[Probe]) -> tuple[ProbeResult, ...]:
        prober, target = ProtocolProber(lambda *_: ExecResult(1, b"", b"")), ProbeTarget("vrs-test-7", None, ())
        resolved = RENDERER.probes(self.definition.manifest, probes, self.router, self.instance)
        return self.namespace.inside(lambda: tuple(prober.ask(probe, target) for probe in resolved))

    def wrong(self, probes: Sequence[Probe]) -> str:
        return "; ".join(one.message for one in self.ask(probes) if one.is_telling and not one.is_good)

    # ------------------------------------------------------------ as guests

    def _exchange(self, message: DhcpMessage) -> DhcpMessage | None:
        port = self.instance.port("dhcp")
        try:
            return self.namespace.inside(lambda: exchange(message.giaddr, port, message, 0.3))
        except TimeoutError:
            return None

    def offered(self, host: Host, relay: str = "10.1.1.1") -> DhcpMessage | None:
        return self._exchange(discover(host.mac, _xid(), relay=IPv4Address(relay), options=[WANTED]))

    def leased(
        self, host: Host, *options: tuple[int, bytes], relay: str = "10.1.1.1", renews: bool = False
    ) -> DhcpMessage | None:
        if renews:
            message = renewal(host.mac, _xid(), host.address, relay=IPv4Address(relay), options=[WANTED, *options])
        else:
            message = request(host.mac, _xid(), host.address, relay=IPv4Address(relay), options=[WANTED, *options])
        return self._exchange(message)

    def dig(self, *words: str) -> list[str]:
        command = [
            "dig",
            "+short",
            "+nocookie",
            "+time=1",
            "+tries=1",
            "@127.0.0.1",
            "-p",
            str(self.instance.port("dns")),
            *words,
        ]
        inside = ["nsenter", f"--net={self.namespace.path}", *command]
        done = subprocess.run(inside, capture_output=True, text=True, timeout=20, check=False)
        return [line for line in done.stdout.splitlines() if not line.startswith(";")]


def _xid() -> int:
    return int.from_bytes(os.urandom(4), "big")


@contextlib.contextmanager
def one_router(*networks: str) -> Iterator[Namespace]:
    """A namespace with a card eth0, eth1, … in each of the networks: at their first addresses."""
    router = Namespace(f"vrt-alone-{os.getpid()}")
    ip("netns", "add", router.name)
    try:
        ip("-n", router.name, "link", "set", "lo", "up")
        for number, network in enumerate(networks):
            ip("-n", router.name, "link", "add", f"eth{number}", "type", "veth", "peer", "name", f"wire{number}")
            size = IPv4Network(network)
            ip("-n", router.name, "addr", "add", f"{size[1]}/{size.prefixlen}", "dev", f"eth{number}")
            for name in (f"eth{number}", f"wire{number}"):
                ip("-n", router.name, "link", "set", name, "up")
        yield router
    finally:
        ip("netns", "del", router.name)
