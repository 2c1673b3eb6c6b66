"""A whole router in memory: containers whose daemons answer, forget and die, a kernel, folders, clients, a real store.

It outlives the supervisor: `router.py` starts one on it, with nothing in its memory, and forgets it to kill it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from supervisor.edges.store import SqliteStore
from supervisor.ports.probes import Session
from supervisor.ports.trust import Trust
from supervisor.values.association import Association
from supervisor.values.errors import EngineError, NoSuchContainerError, ProbeError
from supervisor.values.manifest import ErrorCounter, Protocol
from supervisor.values.names import ImageId, ServiceName
from supervisor.values.state import (
    AddressFrontend,
    Container,
    ContainerSpec,
    ContainerState,
    Endpoint,
    ExecResult,
    Instance,
    PortFrontend,
    ProbeResult,
    ProbeTarget,
    ResolvedProbe,
    Usage,
)
from supervisor.values.tally import Reading, Tally
from supervisor.values.traffic import Connection, Crowd
from supervisor.values.undertaking import Sighting
from tests.kit.fakes.clock import VirtualClock
from tests.kit.fakes.engine import FakeEngine, _Entry
from tests.kit.fakes.folders import FakeFolders
from tests.kit.fakes.kernel import (
    CLIENT,
    FakeAssociations,
    FakeBuffers,
    FakeConnections,
    FakeEncapsulation,
    FakeExits,
    FakeLinks,
    FakeShares,
    FakeTraffic,
    Impossible,
)
from tests.kit.fakes.trust import FakeTrust
from tests.kit.simulation.faults import SimulatedFaults

TICK_SECONDS = 0.1  # what clients do, they do this often
FLOW_SECONDS = 1.3
FLOW_EVERY = 5  # ticks
GRANT_EVERY = 2
PROBE_SECONDS = 0.001
OWN_WAY = "is it there"  # what is asked where clients cannot
MOST_HELD = 100  # connections of clients, when it is full
TURNOVER_SECONDS = 10.0
NEGOTIATION_SECONDS = 0.1
NEGOTIATES = "NET_ADMIN"  # capability of a daemon that makes security associations


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The behaviour of an image's daemon. Times are seconds after its start."""

    answers_after: float = 0.05
    ends_after: float | None = None
    hangs_after: float | None = None  # it stops answering and goes on running
    full_after: float | None = None  # its clients fill it: it answers where only the supervisor asks
    stuck_after: float | None = None  # it serves nobody any more, and something else of it answers there
    is_ready: bool = True
    refuses_configuration: bool = False
    refuses: bytes | None = None  # a configuration with this in it
    can_start: bool = True
    fails: float = 0.0  # this share of its work, as it counts itself
    starves_after: float | None = None  # the kernel ends one of its processes; it goes on
    seconds: float = PROBE_SECONDS  # that an answer takes
    finds_out: tuple[tuple[str, float], ...] = ()  # (what, seconds after its start)


class SimulatedMachine:
    """The other side of the ports. `behaviours` may be changed at any time; they count from the next start."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.faults = VirtualClock(), SimulatedFaults()
        self.links = FakeLinks(self.faults.change)
        self.traffic, self.connections, self.buffers = FakeTraffic(), FakeConnections(), FakeBuffers()
        self.associations, self.shares = FakeAssociations(), FakeShares()
        self.exits, self.encapsulation = FakeExits(), FakeEncapsulation()
        self.trust: Trust = FakeTrust(self.clock.now)
        self.behaviours: dict[ImageId, Behaviour] = {}
        self.engine = DaemonEngine(self)
        self.folders = FakeFolders(self.engine.runs, self.faults.change)
        self.folder, self.store = folder, SqliteStore(folder)
        self.is_reachable: Callable[[], bool] = lambda: True  # whoever serves, on the path that clients take
        self.outage: dict[ServiceName, float] = {}  # seconds in which clients had nobody to speak to
        self.granted: list[str] = []
        self.unwilling: set[str] = set()  # other ends that refuse every call
        self.called: list[tuple[float, str]] = []
        self.served: list[tuple[str, str]] = []  # (service, image) that clients met, each change once
        self.clock.between = self._measure
        self.faults.around["connections.crowd"] = self._crowd
        self._ticks = 0

    def reboot(self, *, keeps_containers: bool) -> None:
        """Lose what is in memory; the engine may still list containers, none of which runs."""
        self.engine.power_off(forget=not keeps_containers)
        self.links.namespaces.clear()
        self.links.interfaces.clear()
        self.traffic.remove()
        self.shares.remove()
        self.connections.flows, self.associations.established = [], []
        self.folders.configs.clear()
        self.folders.backups.clear()

    def close(self) -> None:
        self.store.close()

    # ------------------------------------------------------------ daemons

    def is_answering(self, container: str) -> bool:
        daemon = self.engine.daemons.get(container)
        if daemon is None or not self.engine.runs(container):
            return False
        age, does = self.clock.elapsed - daemon.started, daemon.behaviour
        return does.is_ready and age >= does.answers_after and not self._hangs(daemon)

    def _hangs(self, daemon: Daemon) -> bool:
        return self._is_past(daemon, daemon.behaviour.hangs_after)

    def _is_past(self, daemon: Daemon, after: float | None) -> bool:
        return after is not None and self.clock.elapsed - daemon.started >= after

    def _is_crowded_out(self, daemon: Daemon, probe: ResolvedProbe) -> bool:
        does = daemon.behaviour
        is_there = probe.argument("command") != OWN_WAY
        return is_there and (self._is_past(daemon, does.full_after) or self._is_past(daemon, does.stuck_after))

    def _crowd(self, _: object, instance: Instance) -> Crowd:
        """Return what the daemon has of its clients: all that it can when it is full, and others again and again."""
        daemon = self.engine.daemons[instance.container_name]
        if not self._is_past(daemon, daemon.behaviour.full_after):
            return Crowd()
        stuck = daemon.behaviour.stuck_after
        ends = math.inf if stuck is None else daemon.started + stuck
        shift = int(min(self.clock.elapsed, ends) / TURNOVER_SECONDS)
        ports = range(20_000 + shift, 20_000 + shift + MOST_HELD)
        return Crowd(frozenset(Connection((CLIENT, port), (CLIENT, 80), (CLIENT, 8001)) for port in ports))

    def ask(self, probe: ResolvedProbe, target: ProbeTarget) -> ProbeResult:
        """Satisfies `ports.probes.Prober`. A daemon answers from the configuration that it read."""
        daemon = self.engine.daemons.get(target.container)
        if probe.argument("command") == "is it reachable":
            self.clock.sleep(PROBE_SECONDS)
            is_silent = daemon is not None and self._is_crowded_out(daemon, probe)
            is_good = self.is_reachable() and not is_silent
            return ProbeResult(is_good, "the path that clients take", PROBE_SECONDS, is_silent=is_silent)
        seconds = daemon.behaviour.seconds if daemon else PROBE_SECONDS
        if daemon and self.engine.runs(target.container):
            seconds = math.inf if self._hangs(daemon) or self._is_crowded_out(daemon, probe) else seconds
        self.clock.sleep(min(seconds, probe.timeout))
        if seconds <= probe.timeout and not self.is_answering(target.container):
            return ProbeResult(False, "it does not answer", PROBE_SECONDS)
        if seconds > probe.timeout:
            return ProbeResult(False, f"no answer within {probe.timeout:g} s", probe.timeout, is_silent=True)
        expected = (probe.argument("expect") or "").encode()
        if daemon and expected not in daemon.configuration:
            return ProbeResult(False, f"it answers, but not {expected!r}", seconds)
        return ProbeResult(True, "it answers", seconds)

    def look(self, probe: ResolvedProbe, target: ProbeTarget) -> Sighting:
        """Satisfies `ports.probes.Prober`. A daemon lists what it brought about since its start."""
        daemon = self.engine.daemons.get(target.container)
        self.clock.sleep(PROBE_SECONDS)
        if daemon is None or not self.is_answering(target.container):
            raise ProbeError(f"cannot ask {target.container}: it does not answer")
        name = probe.argument("command") or ""
        is_up = name in daemon.brought_about
        return Sighting(is_up, missing=() if is_up else (name,), associations=int(is_up))

    def call(self, call: ResolvedProbe, target: ProbeTarget, missing: Sequence[str], ended: Sequence[str]) -> None:
        """Satisfies `ports.probes.Prober`. The other end answers, unless it is unwilling."""
        self.clock.sleep(PROBE_SECONDS)
        if not self.is_answering(target.container):
            raise ProbeError(f"cannot call {target.container}: it does not answer")
        self.called += [(self.clock.elapsed, name) for name in missing]
        self.engine.daemons[target.container].brought_about.update(set(missing) - self.unwilling)

    def tally(self, source: ResolvedProbe, counter: ErrorCounter, target: ProbeTarget) -> Reading:
        """Satisfies `ports.probes.Prober`. A daemon does one piece of work each tick, of which a share fails."""
        self.clock.sleep(PROBE_SECONDS)
        if not self.is_answering(target.container):
            raise ProbeError(f"cannot read counters of {target.container}: it does not answer")
        daemon = self.engine.daemons[target.container]
        done = int((self.clock.elapsed - daemon.started) / TICK_SECONDS)
        return Reading((Tally("", int(done * daemon.behaviour.fails), done),))

    def read(self, source: ResolvedProbe, target: ProbeTarget) -> str:
        """Satisfies `ports.probes.Prober`. A daemon lists the lines that were sent to it since its start."""
        self.clock.sleep(PROBE_SECONDS)
        if not self.is_answering(target.container):
            raise ProbeError(f"cannot read {target.container}: it does not answer")
        daemon = self.engine.daemons[target.container]
        age = self.clock.elapsed - daemon.started
        if source.argument("send") == "counters":
            return f"part,done\nall,{int(age / TICK_SECONDS)}\n"
        later = daemon.behaviour.finds_out
        return "\n".join([*daemon.told, *(f"unknown {name}" for name, after in later if age < after)])

    def session(self, source: ResolvedProbe, opening: Sequence[str], prompt: str, target: ProbeTarget) -> Session:
        raise ProbeError(f"cannot open a session with {target.container}: daemons here have none")

    def send(self, source: ResolvedProbe, lines: Sequence[str], target: ProbeTarget) -> tuple[str, ...]:
        self.clock.sleep(PROBE_SECONDS)
        if not self.is_answering(target.container):
            raise ProbeError(f"cannot tell {target.container}: it does not answer")
        self.engine.daemons[target.container].told.extend(lines)
        return ()

    def replay(self, source: ResolvedProbe, granted: bytes, known: bytes, target: ProbeTarget) -> int:
        """Satisfies `ports.probes.Prober`. The daemon is asked for each lease, and writes it down."""
        lost = [line for line in granted.decode().splitlines() if line not in known.decode().splitlines()]
        for line in lost:
            self.clock.sleep(PROBE_SECONDS)
            if not self.is_answering(target.container):
                raise ProbeError(f"cannot replay {line} at {target.container}: it does not answer")
            self.engine.lease(target.container, line)
        return len(lost)

    # ------------------------------------------------------------ clients

    def let_clients_in(self, services: Sequence[ServiceName]) -> None:
        """Let clients use these services all the time from now on."""
        self.outage = dict.fromkeys(services, 0.0)
        self.served, self.connections.broken = [], []
        self.clock.after(TICK_SECONDS, self._tick)

    def send_clients_away(self) -> None:
        """Let nobody use any service from now on."""
        self.outage = {}

    def serving(self, service: ServiceName) -> Instance | None:
        """Return the instance that answers a client now; None: none does."""
        for instance, _ in self.store.instances(service):
            if self._gets_traffic(instance) and self.is_answering(instance.container_name):
                return instance
        return None

    def _gets_traffic(self, instance: Instance) -> bool:
        table, frontends = self.traffic.table, instance.frontends
        inside = {switch.inside for switch in table.active_addresses}
        ports = {(switch.protocol, switch.inside) for switch in table.active_ports}
        for frontend in frontends:
            match frontend:
                case AddressFrontend(outside=outside, inside_port=port):
                    if Endpoint(instance.address, outside.protocol, port) not in inside:
                        return False
                case PortFrontend(protocol=spoken, port=port, inside_port=rewritten) if port != rewritten:
                    if (spoken, rewritten) not in ports:
                        return False
        return True

    def _measure(self, seconds: float) -> None:
        for service in self.outage:
            instance = self.serving(service)
            if instance is None:
                self.outage[service] += seconds
            elif not self.served or self.served[-1] != (service, instance.image):
                self.served.append((service, instance.image))

    def _tick(self) -> None:
        if not self.outage:
            return
        self._ticks += 1
        self.connections.expire(self.clock.elapsed)
        for service in self.outage:
            instance = self.serving(service)
            if instance is None:
                continue
            is_granted = self._ticks % GRANT_EVERY == 0
            if is_granted and self.engine.lease(instance.container_name, f"{service} {self._ticks}"):
                self.granted.append(f"{service} {self._ticks}")
            if self._ticks % FLOW_EVERY == 0:
                self._connect(instance)
        self.clock.after(TICK_SECONDS, self._tick)

    def _connect(self, instance: Instance) -> None:
        until = self.clock.elapsed + FLOW_SECONDS
        for frontend in instance.frontends:
            match frontend:
                case AddressFrontend(outside=outside, inside_port=port) if outside.protocol is Protocol.TCP:
                    end = Endpoint(instance.address, Protocol.TCP, port)
                case PortFrontend(protocol=Protocol.TCP, port=outside_port, inside_port=port):
                    outside, end = Endpoint(None, Protocol.TCP, outside_port), Endpoint(None, Protocol.TCP, port)
                case _:
                    continue
            self.connections.make(outside, end, instance.container_name, until)


@dataclass(slots=True)
class Daemon:
    started: float
    behaviour: Behaviour
    volume: str | None  # where it keeps what it grants
    memory: tuple[str, ...]  # read when it starts, written whole
    configuration: bytes = b""  # as it was read last
    associations: tuple[Association, ...] = ()
    told: list[str] = field(default_factory=list)  # since it was started
    brought_about: set[str] = field(default_factory=set)


class DaemonEngine(FakeEngine):
    """Containers whose processes live by the clock and leave when their time is over."""

    def __init__(self, machine: SimulatedMachine) -> None:
        super().__init__()
        self._machine = machine
        self.daemons: dict[str, Daemon] = {}
        self.before_check: Callable[[], None] = lambda: None
        self.last_end = 0.0  # when a container ended, by the clock's `elapsed`

    def runs(self, name: str) -> bool:
        entry = self._entries.get(name)
        return entry is not None and entry.container.state is ContainerState.RUNNING

    def create(self, spec: ContainerSpec) -> Container:
        machine = self._machine
        for mount in spec.mounts:
            machine.folders.require(mount.source)
        if spec.network and spec.network.rpartition("/")[2] not in machine.links.namespaces:
            raise EngineError(f"cannot create container {spec.name}: {spec.network} does not exist")
        return super().create(spec)

    def start(self, name: str) -> Container:
        was_running = self.runs(name)
        started = super().start(name)
        if was_running:
            return started
        entry, machine = self._entry(name), self._machine
        does = machine.behaviours.get(entry.spec.image, Behaviour())
        if not does.can_start:
            self._finish(entry, 127)
            raise EngineError(f"cannot start container {name}: its program cannot be executed")
        volume = next((mount.source for mount in entry.spec.mounts if mount.source.startswith("/state")), None)
        memory = machine.folders.volumes[volume] if volume else ()
        self.daemons[name] = Daemon(machine.clock.elapsed, does, volume, memory)
        self._read_configuration(name)
        if self._has_rival(name):
            self._finish(entry, 98)
        elif does.ends_after == 0:
            self._finish(entry, 1)
        elif does.ends_after is not None:
            machine.clock.after(does.ends_after, lambda: self._end_of(name, started.pid))
        if NEGOTIATES in entry.spec.capabilities:
            machine.clock.after(does.answers_after + NEGOTIATION_SECONDS, lambda: self._negotiate(name, started.pid))
        return self._entry(name).container

    def usage(self, name: str) -> Usage:
        usage, daemon = super().usage(name), self.daemons[name]
        starves = daemon.behaviour.starves_after
        is_starved = starves is not None and self._machine.clock.elapsed - daemon.started >= starves
        return replace(usage, oom_kills=int(is_starved))

    def run(self, spec: ContainerSpec, timeout: float) -> ExecResult:
        self._enter("run", spec.name)
        self._entries.pop(spec.name, None)
        self.create(spec)
        self._machine.faults.change("engine.run remove")
        del self._entries[spec.name]
        does = self._machine.behaviours.get(spec.image, Behaviour())
        refuses = does.refuses_configuration or (does.refuses is not None and does.refuses in self._configuration(spec))
        return ExecResult(1, b"", b"bad line 7") if refuses else ExecResult(0, b"", b"")

    def kill(self, name: str, signal: str) -> None:
        """Daemons here end by SIGKILL alone; other signals ask them to drain or to read their configuration."""
        self._enter("kill", f"{name} {signal}")
        if signal == "SIGKILL" and self.runs(name):
            self._finish(self._entry(name), 137)
        elif signal == "SIGHUP" and self.runs(name):
            self._read_configuration(name)

    def execute(self, name: str, command: Sequence[str], timeout: float) -> ExecResult:
        """Let a daemon read its configuration, the one command that daemons here have."""
        result = super().execute(name, command, timeout)
        self._read_configuration(name)
        return result

    def _read_configuration(self, name: str) -> None:
        self.daemons[name].configuration = self._configuration(self.spec(name))

    def _configuration(self, spec: ContainerSpec) -> bytes:
        folder = next(mount.source for mount in spec.mounts if mount.target == "/config")
        files = self._machine.folders.configs[folder]
        return b"".join(files[path].content for path in sorted(files))

    def remove(self, name: str) -> None:
        if self.runs(name):
            self._finish(self._entry(name), 137)
        super().remove(name)
        self.daemons.pop(name, None)

    def power_off(self, *, forget: bool) -> None:
        for entry in self._entries.values():
            if self.runs(entry.spec.name):
                self._finish(entry, 137)
        if forget:
            self._entries.clear()
        self.daemons.clear()

    def lease(self, name: str, text: str) -> bool:
        """Let the daemon grant something and write it down; False: it has no volume to write to."""
        daemon = self.daemons[name]
        if daemon.volume is None:
            return False
        if daemon.volume not in self._machine.folders.volumes:
            raise Impossible(f"{name} writes to {daemon.volume}, which was removed")
        daemon.memory = (*daemon.memory, text)
        self._machine.folders.volumes[daemon.volume] = daemon.memory
        return True

    def _negotiate(self, name: str, pid: int | None) -> None:
        entry = self._entries.get(name)
        if entry and entry.container.pid == pid and self._machine.is_answering(name):
            self.daemons[name].associations = self._machine.associations.make("203.0.113.2", "203.0.113.200")

    def _end_of(self, name: str, pid: int | None) -> None:
        entry = self._entries.get(name)
        if entry and entry.container.pid == pid and self.runs(name):
            self._finish(entry, 1)

    def _finish(self, entry: _Entry, exit_code: int) -> None:
        pid = entry.container.pid
        super()._finish(entry, exit_code)
        self.last_end = self._machine.clock.elapsed
        self._machine.connections.lose(entry.spec.name)
        if pid is not None:
            self._machine.exits.ended(pid)

    def _has_rival(self, name: str) -> bool:
        """Return True if another container listens on a port of the router that this one needs."""
        listens: dict[int, str] = {}
        for instance, _ in self._machine.store.instances():
            if instance.link is None and (instance.container_name == name or self.runs(instance.container_name)):
                for _, port in instance.ports:
                    if name in (listens.get(port), instance.container_name) and port in listens:
                        return True
                    listens[port] = instance.container_name
        return False

    def inspect(self, name: str) -> Container:
        if name not in self._entries:
            self._enter("inspect", name)
            raise NoSuchContainerError(name)
        return super().inspect(name)
