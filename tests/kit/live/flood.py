"""Real daemons of services in namespaces, behind the kernel's table, and guests that flood them."""

from __future__ import annotations

import itertools
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

from supervisor.decisions import health
from supervisor.decisions.addresses import allocate_link
from supervisor.decisions.traffic import traffic_table
from supervisor.edges.catalog import load_definition
from supervisor.edges.network.connections import ConntrackConnections
from supervisor.edges.network.links import IpLinks
from supervisor.edges.network.traffic import NftTraffic
from supervisor.edges.probes.prober import ProtocolProber
from supervisor.edges.render import TemplateRenderer
from supervisor.values.manifest import Probe, ServiceManifest
from supervisor.values.names import ServiceName
from supervisor.values.router import GuestNetwork, RouterConfig
from supervisor.values.state import ExecResult, Instance, ProbeResult, ProbeTarget
from supervisor.values.traffic import Crowd
from tests.kit.live.network_router import Router, entered, tool
from tests.kit.samples.router import sample_instance

ROOT = Path(__file__).parents[3]
GATEWAY, GUEST = IPv4Address("10.99.1.1"), "10.99.1.2"
ROUTER = RouterConfig(name="r", networks=(GuestNetwork("eth0", IPv4Interface("10.99.1.1/24"), GATEWAY, "lan", ()),))
PASSWORD_SOURCE = ROOT / "images/password/files/usr/lib/vr-password"
HTTP = b"GET /latest/meta-data/ HTTP/1.1\r\nHost: r\r\n"


@dataclass(frozen=True)
class Flooded:
    """A service that guests flood: how its daemon is started, where guests ask, and by what that is seen."""

    name: str
    command: Callable[[Path], list[str]]
    port: int
    clients: int
    sources: int
    begun: bytes
    watch: str = "readiness"  # of the manifest: asks where guests do


@dataclass
class Served:
    """A real daemon in an instance's namespace, reached by guests through the kernel's table."""

    instance: Instance
    manifest: ServiceManifest
    process: subprocess.Popen[bytes]
    prober: ProtocolProber = field(default_factory=lambda: ProtocolProber(_no_commands))

    @property
    def target(self) -> ProbeTarget:
        return ProbeTarget(self.instance.container_name, self.instance.address, ())

    def ask(self, probes: Sequence[Probe]) -> ProbeResult:
        resolved = TemplateRenderer().probes(self.manifest, tuple(probes), ROUTER, self.instance)
        result = health.merge([self.prober.ask(probe, self.target) for probe in resolved], is_asked=True)
        assert result
        return result

    @property
    def own(self) -> tuple[Probe, ...]:
        assert self.manifest.admission
        return self.manifest.admission.probes

    def crowd(self) -> Crowd:
        return ConntrackConnections().crowd(self.instance)


def _no_commands(name: str, command: Sequence[str], timeout: float) -> ExecResult:
    raise AssertionError("no probe here runs a command")


def apache(folder: Path) -> list[str]:
    for name in ("httpd.conf", "own-way.conf"):
        with (folder / "config" / name).open("a") as file:
            file.write("User www-data\nGroup www-data\n")
    return ["/usr/sbin/apache2", "-DFOREGROUND", "-f", f"{folder}/config/httpd.conf"]


def password(folder: Path) -> list[str]:
    return [sys.executable, "-m", "vr_password", f"{folder}/config/password.json"]


def dnsmasq(folder: Path) -> list[str]:
    for path in ("state/leases", "config"):
        shutil.chown(folder / path, "dnsmasq")
    return ["/usr/sbin/dnsmasq", "--keep-in-foreground", f"--conf-file={folder}/config/dnsmasq.conf"]


@contextmanager
def served(net: Router, name: str, command: Callable[[Path], list[str]]) -> Iterator[Served]:
    definition = load_definition(ROOT / "services" / name)
    bare = sample_instance(definition.manifest)
    if bare.link:
        place = allocate_link(ServiceName(name), 1, ())
        place = replace(place, namespace=f"{net.prefix}{place.namespace}")
        bare = replace(bare, link=place)
        IpLinks().ensure(place)
    instance = replace(bare, frontends=TemplateRenderer().frontends(definition.manifest, ROUTER, bare))
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        mounts = [runtime.mount for runtime in definition.manifest.runtime]
        places = ["/config", *mounts, *(volume.mount for volume in definition.manifest.state)]
        for path in places:
            (folder / path[1:]).mkdir(parents=True)
        for file in TemplateRenderer().files(definition, ROUTER, instance):
            content = file.content
            for path in places:
                content = content.replace(path.encode(), f"{folder}{path}".encode())
            (folder / "config" / file.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / "config" / file.path).write_bytes(content)
        environment = {**os.environ, "PYTHONPATH": str(PASSWORD_SOURCE)}
        with entered(bare.link.namespace if bare.link else net.router):
            process = subprocess.Popen(command(folder), env=environment, start_new_session=True)
        traffic = NftTraffic()
        traffic.apply(traffic_table([instance], []))
        daemon = Served(instance, definition.manifest, process)
        try:
            wait_until(lambda: daemon.ask(daemon.manifest.readiness.probes).is_good and daemon.ask(daemon.own).is_good)
            yield daemon
        finally:
            traffic.remove()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def flood(namespace: str, case: Flooded, sources: Sequence[str]) -> Iterator[None]:
    """Hold so many connections with a request that never ends; each that is closed is followed by another at once."""
    stop, turns = threading.Event(), itertools.cycle(sources)

    def run() -> None:
        selector = selectors.DefaultSelector()
        with entered(namespace):
            while not stop.is_set():
                for _ in range(case.clients - len(selector.get_map())):
                    opened = socket.socket()
                    opened.setblocking(False)
                    opened.bind((next(turns), 0))
                    opened.connect_ex((str(GATEWAY), case.port))
                    selector.register(opened, selectors.EVENT_WRITE)
                for key, _ in selector.select(0.2):
                    sock = key.fileobj
                    assert isinstance(sock, socket.socket)
                    try:
                        if key.events == selectors.EVENT_WRITE:
                            sock.send(case.begun)
                            selector.modify(sock, selectors.EVENT_READ)
                            continue
                        is_over = not sock.recv(4096)
                    except OSError:
                        is_over = True
                    if is_over:
                        selector.unregister(sock)
                        sock.close()
            for key in list(selector.get_map().values()):
                if isinstance(key.fileobj, socket.socket):
                    key.fileobj.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


def wait_until(is_so: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def give_addresses(namespace: str, count: int) -> list[str]:
    """Give the guest more addresses; return all that it speaks from."""
    more = [f"10.99.1.{100 + number}" for number in range(count - 1)]
    with entered(namespace):
        for address in more:
            tool("ip", "addr", "add", f"{address}/24", "dev", "eth0")
    return [GUEST, *more]


def reaches(namespace: str, address: str, port: int) -> bool:
    with entered(namespace), suppress(OSError), socket.create_connection((address, port), 1):
        return True
    return False
