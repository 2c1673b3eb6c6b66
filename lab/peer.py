"""The other VPN gateway: this machine's own IKE daemon with private folders, in the peer's namespace.

Where the kernel has no ESP, the data plane is the daemon's own (kernel-libipsec through a tun device); in the lab's
virtual machine it is the kernel's. The same class can play the router's side, which is how the lab is tested without
a supervisor.
"""

from __future__ import annotations

import re
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.backends import python_path
from lab.commands import PSK
from lab.network import folder, processes
from lab.processes import Processes, Record
from lab.tools import LabError, run_inside
from lab.topology import (
    GUEST_NETWORK,
    PEER_IP,
    PEER_NETWORK,
    ROUTER_PUBLIC_IP,
    Lab,
)

KEEPER = "peer-keeper"
_LIVES = re.compile(
    r"received DELETE for IKE_SA \S+\[(\d+)\]|IKE_SA \S+\[(\d+)\] state change: \w+ => (ESTABLISHED|DESTROYING)"
)
DAEMON = "/usr/sbin/charon-systemd"
PLUGINS = (
    "random nonce aes sha1 sha2 hmac kdf gmp curve25519 openssl pem pkcs1 pubkey x509 constraints "
    "{data_plane}kernel-netlink socket-default updown vici"
)
USERLAND = "kernel-libipsec "  # before the kernel's own: the first that offers to carry packets does
# Lost peers are noticed in seconds: a tunnel whose router lost its memory is set up again by whoever sees it first.
SETTINGS = """\
charon-systemd {{
  load = {plugins}
  retransmit_tries = 3
  retransmit_timeout = 1.0
  retransmit_base = 1.4
  syslog {{
    identifier = {name}
  }}
  journal {{
    default = -1
  }}
  filelog {{
    lab {{
      path = {log}
      time_format = %s
      default = 1
      ike = 2
      flush_line = yes
    }}
  }}
  plugins {{
    vici {{
      socket = unix://{vici}
    }}
    kernel-libipsec {{
      allow_peer_ts = yes
    }}
  }}
}}
"""
CONNECTIONS = """\
connections {{
  site {{
    version = 2
    local_addrs = {local}
    remote_addrs = {remote}
    proposals = aes256-sha256-modp2048
    dpd_delay = 3s
    keyingtries = 0
    encap = {encap}
    mobike = no
    unique = replace
    local {{
      auth = psk
      id = {local}
    }}
    remote {{
      auth = psk
      id = {remote}
    }}
    children {{
      net {{
        local_ts = {local_network}
        remote_ts = {remote_network}
        esp_proposals = aes256-sha256-modp2048
        start_action = {start}
        dpd_action = restart
      }}
    }}
  }}
}}
secrets {{
  ike-site {{
    id-1 = {local}
    id-2 = {remote}
    secret = "{psk}"
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """The state of the tunnel as the gateway reports it."""

    is_running: bool
    is_established: bool
    established_count: int
    deletes_received: int  # for the last IKE_SA that was up


def deletes(log: str) -> int:
    """Return how many IKE_SAs the other end deleted, by the daemon's log, while no other one was up.

    When both ends began one at once, the other end deletes the older one ten seconds later: nobody misses it.
    """
    up: set[str] = set()
    count = 0
    for deleted, changed, state in _LIVES.findall(log):
        if deleted:
            count += up <= {deleted}
            up.discard(deleted)
        elif state == "ESTABLISHED":
            up.add(changed)
        elif state == "DESTROYING":
            up.discard(changed)
    return count


@dataclass(frozen=True, slots=True)
class Gateway:
    """One end of the site-to-site tunnel."""

    name: str
    namespace: str
    folder: Path
    local: str
    remote: str
    local_network: str
    remote_network: str
    initiates: bool = True
    has_esp: bool = False

    @property
    def log(self) -> Path:
        return self.folder / "daemon.log"

    @property
    def vici(self) -> Path:
        return self.folder / "vici.sock"

    def start(self, running: Processes) -> Record:
        """Start the daemon unless it runs, and give it its connection."""
        known = running.find(self.name)
        if known is not None and known.is_alive:
            return known
        self.folder.mkdir(parents=True, exist_ok=True)
        self.vici.unlink(missing_ok=True)
        plugins = PLUGINS.format(data_plane="" if self.has_esp else USERLAND)
        self._write("strongswan.conf", SETTINGS.format(plugins=plugins, name=self.name, log=self.log, vici=self.vici))
        start = "start" if self.initiates else "none"
        facts = {
            "local": self.local,
            "remote": self.remote,
            "local_network": self.local_network,
            "remote_network": self.remote_network,
            # The kernel's policy stays when a tunnel goes; the userland data plane has no such thing.
            "start": f"trap|{start}" if self.has_esp and self.initiates else start,
            "encap": "no" if self.has_esp else "yes",  # that data plane knows no other packets
            "psk": PSK,
        }
        self._write("swanctl.conf", CONNECTIONS.format(**facts))
        record = running.start(self.name, [DAEMON], namespace=self.namespace, env=self._environment())
        self._wait_for_socket(record)
        self._swanctl("--load-all", "--noprompt", "--file", str(self.folder / "swanctl.conf"))
        return record

    def status(self, running: Processes) -> Tunnel:
        """Return the state of the tunnel, and from the log what happened to it since the first start."""
        record = running.find(self.name)
        is_running = record is not None and record.is_alive
        listed = self.list_associations() if is_running else ""
        log = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return Tunnel(
            is_running,
            "ESTABLISHED" in listed and "INSTALLED" in listed,
            len(re.findall(r"IKE_SA site\[\d+\] established", log)),
            deletes(log),
        )

    def list_associations(self) -> str:
        """Return the daemon's list of its IKE_SAs; empty when it has none, not even one in the making."""
        return self._swanctl("--list-sas")

    def initiate(self) -> None:
        self._swanctl("--initiate", "--child", "net", "--timeout", "3")

    def terminate(self) -> None:
        self._swanctl("--terminate", "--ike", "site", "--timeout", "3")

    def _wait_for_socket(self, record: Record) -> None:
        limit = time.monotonic() + 10.0
        while not self._is_listening():
            if time.monotonic() > limit or not record.is_alive:
                raise LabError(f"cannot start {self.name}: no control socket; see {self.log}")
            time.sleep(0.02)

    def _is_listening(self) -> bool:
        """True if the daemon listens: it makes the socket a moment before."""
        with socket.socket(socket.AF_UNIX) as caller:
            return caller.connect_ex(str(self.vici)) == 0

    def _swanctl(self, *words: str) -> str:
        argv = ["env", *(f"{key}={value}" for key, value in self._environment().items()), "swanctl", *words]
        return run_inside(self.namespace, [*argv, "--uri", f"unix://{self.vici}"])

    def _environment(self) -> Mapping[str, str]:
        return {"STRONGSWAN_CONF": str(self.folder / "strongswan.conf"), "SWANCTL_DIR": str(self.folder)}

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")


def gateway(lab: Lab, *, has_esp: bool = False) -> Gateway:
    """Return the peer's end of the tunnel."""
    return Gateway(
        "peer",
        lab.peer,
        folder(lab) / "peer",
        PEER_IP,
        ROUTER_PUBLIC_IP,
        PEER_NETWORK,
        GUEST_NETWORK,
        has_esp=has_esp,
    )


def stand_in_router(lab: Lab) -> Gateway:
    """Return the router's end, played by this machine, for tests of the lab itself."""
    return Gateway(
        "stand-in",
        lab.router,
        folder(lab) / "stand-in",
        ROUTER_PUBLIC_IP,
        PEER_IP,
        GUEST_NETWORK,
        PEER_NETWORK,
        initiates=False,
    )


def start(lab: Lab, *, has_esp: bool = False) -> Record:
    running = processes(lab)
    record = gateway(lab, has_esp=has_esp).start(running)
    running.start(KEEPER, [sys.executable, "-m", "lab.keeper", lab.prefix], env=python_path())
    return record


def stop(lab: Lab) -> bool:
    running = processes(lab)
    running.stop(KEEPER)
    return running.stop("peer")


def status(lab: Lab) -> Tunnel:
    return gateway(lab).status(processes(lab))
