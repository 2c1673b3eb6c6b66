"""Floods of slow clients, on real daemons behind the kernel's table: they fill what they reach, and nothing else."""

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

import pytest

from supervisor.decisions import health
from supervisor.decisions.addresses import allocate_link
from supervisor.decisions.overload import Evidence, Overload, after, reachable
from supervisor.decisions.traffic import traffic_table
from supervisor.edges.catalog import load_definition
from supervisor.edges.network.connections import ConntrackConnections
from supervisor.edges.network.links import IpLinks
from supervisor.edges.network.traffic import NftTraffic
from supervisor.edges.probes.prober import ProtocolProber
from supervisor.edges.render import TemplateRenderer
from supervisor.loop.care.overload import OverloadWatch
from supervisor.loop.care.probe_set import ProbeSet
from supervisor.loop.care.probing import Probing
from supervisor.surface.assembly import SystemClock
from supervisor.values.manifest import Admission, Probe, ServiceManifest
from supervisor.values.names import ServiceName
from supervisor.values.router import GuestNetwork, RouterConfig
from supervisor.values.state import ExecResult, Instance, ProbeResult, ProbeTarget
from supervisor.values.status import EventRecord
from supervisor.values.traffic import Crowd
from tests.kit.live.network_router import Router, entered, tool
from tests.kit.samples.router import sample_instance

ROOT = Path(__file__).parents[3]
GATEWAY, GUEST = IPv4Address("10.99.1.1"), "10.99.1.2"
ROUTER = RouterConfig(name="r", networks=(GuestNetwork("eth0", IPv4Interface("10.99.1.1/24"), GATEWAY, "lan", ()),))
PASSWORD_SOURCE = ROOT / "images/password/files/usr/lib/vr-password"
FLOOD_SECONDS = 20.0
LONG_FLOOD_SECONDS = 51.0

pytestmark = pytest.mark.integration


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


def stuck_is_noticed(daemon: Served, admission: Admission, found: Overload) -> None:
    """Stop all but the processes of the way in: they answer, and it is not taken for full for longer than it may be."""
    others = [pid for pid in members(daemon.process.pid) if b"own-way" not in Path(f"/proc/{pid}/cmdline").read_bytes()]
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    while found.is_full:
        assert time.monotonic() - began < 3 * (admission.patience or 0.0)
        failure = daemon.ask(daemon.manifest.readiness.probes)
        result = daemon.ask(daemon.own)
        assert (failure.is_silent, result.is_good) == (True, True)
        found = after(found, admission, Evidence(failure, result, daemon.crowd()), time.monotonic())
    for pid in others:
        os.kill(pid, signal.SIGCONT)


def members(session: int) -> list[int]:
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    return [pid for pid in pids if _session_of(pid) == session]


def _session_of(pid: int) -> int | None:
    with suppress(ProcessLookupError):
        return os.getsid(pid)
    return None


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


HTTP = b"GET /latest/meta-data/ HTTP/1.1\r\nHost: r\r\n"
Record = Callable[[str, object], None]


@pytest.mark.programs
def test_slow_requests_fill_the_workers_of_metadata_and_nothing_else(net: Router, record: Record) -> None:
    fills_what_guests_reach(net, record, Flooded("apache-metadata", apache, 80, 1500, 1, HTTP))


def test_slow_requests_fill_the_connections_of_passwords_and_nothing_else(net: Router, record: Record) -> None:
    fills_what_guests_reach(net, record, Flooded("password", password, 8080, 1300, 100, HTTP))


@pytest.mark.programs
def test_idle_connections_fill_names_over_tcp_and_nothing_else(net: Router, record: Record) -> None:
    fills_what_guests_reach(net, record, Flooded("dnsmasq", dnsmasq, 53, 600, 1, b"\x00", "verification"))


@pytest.mark.programs
@pytest.mark.slow
def test_a_long_flood_of_metadata_heals_nobody(net: Router, record: Record) -> None:
    heals_nobody(net, record, Flooded("apache-metadata", apache, 80, 1500, 1, HTTP))


@pytest.mark.slow
def test_a_long_flood_of_passwords_heals_nobody(net: Router, record: Record) -> None:
    heals_nobody(net, record, Flooded("password", password, 8080, 1300, 100, HTTP))


def heals_nobody(net: Router, record: Record, case: Flooded) -> None:
    """Watch a daemon in a flood as its keeper does: it is full, never hangs, and is ready again soon after."""
    with served(net, case.name, case.command) as daemon:
        said, clock = Said(), SystemClock()
        probes = ProbeSet(
            daemon.instance, daemon.manifest, TemplateRenderer(), daemon.prober, clock, lambda: daemon.target
        )
        probes.configure(ROUTER)
        service = ServiceName(case.name)
        full = OverloadWatch(service, daemon.manifest.admission, probes, clock, said, daemon.crowd)
        probing = Probing(service, daemon.manifest, probes, full, clock, lambda: None, is_proved=True)

        def watch(seconds: float, is_enough: Callable[[], bool] = lambda: False) -> float:
            began = time.monotonic()
            while not is_enough() and time.monotonic() < began + seconds:
                if probing.is_readiness_due(time.monotonic()):
                    probing.ask_readiness()
                probing.ask_liveness(time.monotonic())
                time.sleep(min(0.05, probing.due_in()))
            return time.monotonic() - began

        with flood(net.guest, case, give_addresses(net.guest, case.sources)):
            record("found_full_s", round(watch(20.0, lambda: full.is_full), 1))
            watch(LONG_FLOOD_SECONDS, lambda: not probing.liveness.is_good)
            assert (full.is_full, probing.liveness.is_good, said.names) == (True, True, ["overloaded"])
            os.killpg(daemon.process.pid, signal.SIGSTOP)
            record("found_hung_s", round(watch(20.0, lambda: not probing.liveness.is_good), 1))
            assert not probing.liveness.is_good
            os.killpg(daemon.process.pid, signal.SIGCONT)
        record("ready_again_s", round(watch(40.0, lambda: probing.readiness.is_good and probing.liveness.is_good), 1))
        assert probing.readiness.is_good


class Said:
    """Satisfies `ports.store.Audit` as far as anything is said here."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def log_event(self, event: EventRecord) -> None:
        self.names.append(event.name)

    def events(self, after: int) -> tuple[tuple[int, EventRecord], ...]:
        return ()


def fills_what_guests_reach(net: Router, record: Record, case: Flooded) -> None:
    """Flood a daemon; what guests reach is silent and full, and its own way in answers until the whole of it hangs."""
    with served(net, case.name, case.command) as daemon:
        admission, watch = daemon.manifest.admission, getattr(daemon.manifest, case.watch)
        assert admission
        assert reaches(net.guest, str(GATEWAY), case.port)
        assert_is_apart(net, daemon)
        with flood(net.guest, case, give_addresses(net.guest, case.sources)):
            wait_until(lambda: daemon.ask(watch.probes).is_silent, 20.0)
            found, own, silent, asked, gap, gaps = Overload(), [], 0, 0, time.monotonic(), [0.0]
            end = time.monotonic() + FLOOD_SECONDS
            while time.monotonic() < end:
                failure = daemon.ask(watch.probes)
                asked, silent = asked + 1, silent + failure.is_silent
                result, crowd, now = daemon.ask(daemon.own), daemon.crowd(), time.monotonic()
                own.append(result.seconds)
                assert result.is_good, result
                if crowd.taken - found.crowd.taken:
                    gaps.append(now - gap)
                    gap = now
                if not failure.is_good:
                    found = after(found, admission, Evidence(failure, result, crowd), now)
                    assert found.is_full, (failure, crowd.size)
                time.sleep(0.5)
            record("asked", asked)
            record("silent", silent)
            record("crowd", crowd.size)
            record("longest_own_ms", round(max(own) * 1000, 1))
            record("longest_without_a_new_client_s", round(max(gaps), 1))
            assert silent
            if admission.patience is not None:
                assert max(gaps) < admission.patience / 2
                stuck_is_noticed(daemon, replace(admission, patience=3.0), found)
            os.killpg(daemon.process.pid, signal.SIGSTOP)
            wait_until(lambda: not daemon.ask(daemon.own).is_good, 3.0)  # what hangs as a whole is silent there, too
            os.killpg(daemon.process.pid, signal.SIGCONT)
        wait_until(lambda: daemon.ask(watch.probes).is_good, 30.0)
        assert reaches(net.guest, str(GATEWAY), case.port)


def assert_is_apart(net: Router, daemon: Served) -> None:
    """No client reaches the way in: not at the instance's address, nor at the router's."""
    own = TemplateRenderer().probes(daemon.manifest, daemon.own, ROUTER, daemon.instance)
    ports = [int(text) for probe in own if (text := probe.argument("port"))]
    assert ports
    assert not reachable(own, daemon.instance.frontends)
    for place in (net.guest, net.public):
        for port in ports:
            assert not reaches(place, str(GATEWAY), port)
            assert not reaches(place, str(daemon.instance.address or "203.0.113.2"), port)
