"""Two ends of a tunnel, each this machine's own IKE daemon in a namespace of its own, without engine or router.

Our end has the files that the service's templates give, and its upkeep runs as a worker runs it.
"""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from supervisor.decisions.status import undertaking_status
from supervisor.edges.catalog import load_definition
from supervisor.edges.probes import ProtocolProber
from supervisor.edges.render import TemplateRenderer
from supervisor.loop.care.keeper import Keeper
from supervisor.loop.care.undertakings import UndertakingWatch
from supervisor.loop.world import World
from supervisor.values.names import Digest, ImageId, ServiceName
from supervisor.values.router import IkeVersion, RouterConfig, SiteToSite, Vpn
from supervisor.values.secret import Secret
from supervisor.values.settings import Settings
from supervisor.values.state import ExecResult, Instance
from supervisor.values.status import EventRecord, UndertakingStatus
from supervisor.values.undertaking import UndertakingState

OURS, THEIRS = "203.0.113.2", "203.0.113.200"
KEY = "0nly-F0r-Th1s-Test"
DAEMON = "/usr/sbin/charon-systemd"
PROPOSALS = (("aes256", "sha256", "modp2048"), ("aes128", "sha256", "modp2048"))
DEFINITION = load_definition(Path(__file__).parents[2] / "services" / "strongswan")
TUNNEL = SiteToSite(
    name=f"vpn-{THEIRS}",
    local_address=IPv4Address(OURS),
    local_networks=(IPv4Network("10.1.1.0/24"),),
    peer_address=IPv4Address(THEIRS),
    peer_networks=(IPv4Network("10.2.0.0/24"), IPv4Network("10.3.0.0/24")),
    ike_proposals=PROPOSALS[:1],
    esp_proposals=PROPOSALS[:1],
    ike_version=IkeVersion.V2,
    ike_lifetime=86400,
    esp_lifetime=3600,
    psk=Secret(KEY),
    has_split_connections=True,
)

SETTINGS = """\
charon-systemd {{
  load = random nonce openssl hmac kdf pem kernel-libipsec kernel-netlink socket-default updown vici
  plugins {{
    vici {{
      socket = unix://{folder}/charon.vici
    }}
  }}
  filelog {{
    log {{
      path = {folder}/daemon.log
      default = 1
      flush_line = yes
    }}
  }}
  journal {{
    default = -1
  }}
}}
"""
CONNECTIONS = """\
connections {{
  site {{
    version = {version}
    local_addrs = {local}
    remote_addrs = {remote}
    proposals = aes256-sha256-modp2048
    encap = yes
    mobike = no
    unique = replace
    keyingtries = 0
    local {{
      auth = psk
    }}
    remote {{
      auth = psk
    }}
    children {{
{children}
    }}
  }}
}}
secrets {{
  ike-site {{
    secret = "{key}"
  }}
}}
"""
CHILD = """\
      net{index} {{
        local_ts = {network}
        remote_ts = 10.1.1.0/24
        esp_proposals = aes256-sha256-modp2048, aes128-sha256-modp2048
        start_action = {action}
        close_action = {action}
        dpd_action = {dpd}
      }}
"""


@dataclass
class End:
    """One daemon, and its statistics."""

    namespace: str
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def vici(self) -> Path:
        return self.folder / "charon.vici"

    def start(self, settings: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "strongswan.conf").write_text(settings)
        self.vici.unlink(missing_ok=True)
        self.environment = os.environ | {"STRONGSWAN_CONF": str(self.folder / "strongswan.conf")}
        with (self.folder / "output").open("ab") as output:
            command = ["nsenter", f"--net=/run/netns/{self.namespace}", DAEMON]
            self.process = subprocess.Popen(command, stdout=output, stderr=output, env=self.environment)
        limit = time.monotonic() + 10
        while "uptime" not in self.swanctl("--stats", check=False):
            assert time.monotonic() < limit, f"no control socket: {self.folder / 'output'}"
            time.sleep(0.05)

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def load(self, connections: str) -> None:
        file = self.folder / "swanctl.conf"
        file.write_text(connections)
        self.swanctl("--load-all", "--clear", "--noprompt", "--file", str(file))

    def swanctl(self, *words: str, check: bool = True) -> str:
        command = ["swanctl", *words, f"--uri=unix://{self.vici}"]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout

    def children(self) -> list[int]:
        """The daemon's numbers of the CHILD_SAs that are there."""
        return [int(number) for number in re.findall(r": #(\d+), reqid", self.swanctl("--list-sas"))]


class Theirs(End):
    def accept(self, *, key: str = KEY, version: int = 2, calls: bool = False, networks: int = 2) -> None:
        """Wait for us, or call and restart whatever ends."""
        facts = {"action": "start" if calls else "none", "dpd": "restart" if calls else "clear"}
        children = "".join(
            CHILD.format(index=index, network=network, **facts)
            for index, network in enumerate(("10.2.0.0/24", "10.3.0.0/24")[:networks])
        )
        self.load(CONNECTIONS.format(version=version, local=THEIRS, remote=OURS, children=children, key=key))

    @property
    def begun(self) -> int:
        """How often we began to negotiate with it."""
        log = (self.folder / "daemon.log").read_text(errors="replace")
        return len(re.findall(r"is initiating an? ", log))


READY = cast(Keeper, SimpleNamespace(is_ready=True, instance=SimpleNamespace(generation=1)))


class RealClock:
    now, monotonic, sleep = staticmethod(time.time), staticmethod(time.monotonic), staticmethod(time.sleep)


class Ours(End):
    """The service's end: its files, and the supervisor's upkeep of it."""

    def begin(self) -> None:
        self.events: list[EventRecord] = []
        self._answers: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._instance = Instance(
            ServiceName("strongswan"), 1, "1", "1", ImageId(Digest("sha256:0")), Digest("sha256:0"), None, ()
        )
        self._upkeep = UndertakingWatch(self._world(), ServiceName("strongswan"), self._answers.put)
        rendered = self._rendered(())
        self.start(rendered["strongswan.conf"])

    def _world(self) -> World:
        def execute(*_: object) -> ExecResult:
            raise AssertionError("nothing is executed")

        unused = cast(Any, None)
        places = SimpleNamespace(runtime=lambda *_: str(self.folder), config=lambda _: str(self.folder))
        return World(
            Settings(), unused, cast(Any, SimpleNamespace(log_event=self.events.append)), cast(Any, places),
            TemplateRenderer(), unused, ProtocolProber(execute), RealClock(), unused, unused,
        )  # fmt: skip

    def _rendered(self, tunnels: tuple[SiteToSite, ...]) -> dict[str, str]:
        files = TemplateRenderer().files(DEFINITION, _router(tunnels), self._instance)
        texts = {file.path: file.content.decode() for file in files}
        return {
            path: text.replace("/run/charon/", f"{self.folder}/").replace("/config/", f"{self.folder}/")
            for path, text in texts.items()
        }

    def configure(self, *tunnels: SiteToSite) -> None:
        """As a reload does it: the file, the manifest's command, then what is asked of it."""
        self.load(self._rendered(tunnels)["swanctl.conf"])
        self._upkeep.look_after(self._instance, DEFINITION, _router(tunnels))

    def restart_supervisor(self, *tunnels: SiteToSite) -> None:
        self._upkeep = UndertakingWatch(self._world(), ServiceName("strongswan"), self._answers.put)
        self._upkeep.look_after(self._instance, DEFINITION, _router(tunnels))

    @property
    def tunnel(self) -> UndertakingStatus:
        key, course = next(iter(self._upkeep.courses.items()))
        return undertaking_status(key, course, time.time() - time.monotonic(), is_answering=True)

    def wait(self, seconds: float, is_enough: Callable[[], bool] = lambda: False) -> float:
        """Look after it for so long, or until it is enough; return how long that took."""
        began = time.monotonic()
        while (spent := time.monotonic() - began) < seconds and not is_enough():
            self._upkeep.turn(READY)
            try:
                answer = self._answers.get(timeout=max(0.01, min(0.1, self._upkeep.due_in(READY))))
            except queue.Empty:
                continue
            answer()
        return spent

    def until(self, state: str, seconds: float) -> float:
        spent = self.wait(seconds, lambda: self.tunnel.state == UndertakingState(state))
        assert self.tunnel.state == UndertakingState(state), self.tunnel
        return spent


def _router(tunnels: tuple[SiteToSite, ...]) -> RouterConfig:
    return RouterConfig(vpn=Vpn(tuple(replace(tunnel) for tunnel in tunnels), userspace_data_plane=True))


@contextmanager
def two_ends(folder: Path, *, has_second_network: bool = True) -> Iterator[tuple[Ours, Theirs]]:
    names = [f"vrs2s-{os.getpid()}-{side}" for side in ("a", "b")]
    ours, theirs = Ours(names[0], folder / "ours"), Theirs(names[1], folder / "theirs")
    try:
        _connect(*names, second=has_second_network)
        theirs.start(SETTINGS.format(folder=theirs.folder))
        ours.begin()
        yield ours, theirs
    finally:
        ours.stop()
        theirs.stop()
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def _connect(ours: str, theirs: str, *, second: bool) -> None:
    for name in (ours, theirs):
        _ip("netns", "add", name)
        _ip("-n", name, "link", "set", "lo", "up")
    _ip("-n", ours, "link", "add", "eth2", "type", "veth", "peer", "name", "eth2", "netns", theirs)
    for name, address in ((ours, OURS), (theirs, THEIRS)):
        _ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth2")
        _ip("-n", name, "link", "set", "eth2", "up")
    inside = [(ours, "10.1.1.1/24"), (theirs, "10.2.0.1/24"), *([(theirs, "10.3.0.1/24")] if second else [])]
    for name, address in inside:
        _ip("-n", name, "addr", "add", address, "dev", "lo")


def give_second_network(theirs: End) -> None:
    _ip("-n", theirs.namespace, "addr", "add", "10.3.0.1/24", "dev", "lo")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
