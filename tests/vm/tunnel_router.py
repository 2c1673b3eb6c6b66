"""The lab's router with a tunnel in the kernel, and everything a takeover may do to it, counted from outside."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lab import commands, network, peer
from lab.clients import Outcome, Ping, launch
from lab.router import NEWER, OLDER, PROGRAM, Router
from lab.scenarios import follow
from lab.tools import LabError, run, run_inside
from lab.topology import GUEST_NETWORK, PEER_INSIDE_IP, PEER_IP, PEER_NETWORK, ROUTER_PUBLIC_IP, Lab
from lab.vm import bundles
from supervisor.surface.api.client import RemoteControl
from supervisor.values.errors import SupervisorError
from supervisor.values.status import ServiceStatus
from tests.vm.wire import Wire, watched

SERVICE = "strongswan"
GUEST = "10.1.1.20"
WARM_UP = 2.0
READY_SECONDS = 45.0  # of the machine's own clock
FIGURES: list[str] = []


@dataclass(frozen=True, slots=True)
class Seen:
    """What a takeover looked like from both ends and on the wire between them."""

    outward: Outcome
    inward: Outcome
    wire: Wire
    deletes: int
    seconds: float

    @property
    def lost(self) -> tuple[int, int]:
        return self.outward.lost, self.inward.lost


@dataclass(frozen=True, slots=True)
class TunnelRouter:
    router: Router
    encap: bool

    @property
    def lab(self) -> Lab:
        return self.router.lab

    def version(self, release: str) -> str:
        with self.control() as control:
            bundle = next(one for one in control.releases() if one.release == release)
        return next(service.version for service in bundle.services if service.name == SERVICE)

    def control(self) -> contextlib.closing[RemoteControl]:
        """The API, asked by this process: starting `vrctl` again and again costs the machine seconds."""
        return contextlib.closing(RemoteControl.on_socket(str(self.router.socket), 20.0))

    def services(self) -> dict[str, ServiceStatus]:
        """What the supervisor says; nothing while it does not answer."""
        try:
            with self.control() as control:
                return {service.name: service for service in control.status().services}
        except (SupervisorError, OSError):
            return {}

    def is_at_rest(self) -> bool:
        listed = self.services().values()
        return bool(listed) and all(one.is_ready and not one.handover and not one.draining for one in listed)

    def spis(self) -> frozenset[str]:
        """Security associations in the router's kernel."""
        return frozenset(re.findall(r"\bspi (0x[0-9a-f]+)", run_inside(self.lab.router, ["ip", "xfrm", "state"])))

    def peer_spis(self) -> frozenset[str]:
        """Those that the peer still uses."""
        listed = peer.gateway(self.lab).list_associations()
        return frozenset(f"0x{spi}" for spi in re.findall(r"\b(?:in|out)\s+([0-9a-f]{8})\b", listed))

    def is_established(self) -> bool:
        return peer.status(self.lab).is_established

    def swap(self, release: str) -> None:
        follow(self.router, ["swap", SERVICE, "--to", self.version(release)], lambda _: None)

    def go_to(self, release: str) -> None:
        """Have this release run, if it does not."""
        if self.services()[SERVICE].version != self.version(release):
            self.swap(release)

    def lose_supervisor(self, step: str, release: str) -> None:
        """Swap, kill the supervisor when it says that the step begins, and start another."""
        version = self.version(release)

        def at(phase: str) -> None:
            if phase == step:
                record = self.router.processes.find(PROGRAM)
                assert record is not None
                os.kill(record.pid, signal.SIGKILL)

        follow(self.router, ["swap", SERVICE, "--to", version], at, expect_success=False)
        record = self.router.processes.find(PROGRAM)
        assert record is not None
        until(f"the supervisor is gone at {step}", lambda: not record.is_alive, 5.0)
        self.router.start()
        until("all services are ready", self.is_at_rest, READY_SECONDS)

    def under_traffic(
        self, what: str, act: Callable[[], object], seconds: float = 12.0, interval: float = 0.005
    ) -> Seen:
        """Do something while both ends ping through the tunnel and somebody listens on the public wire."""
        deletes = peer.status(self.lab).deletes_received
        outward = Ping(PEER_INSIDE_IP, interval, seconds, name="out")
        inward = Ping(GUEST, interval, seconds, source=PEER_INSIDE_IP, name="in")
        with watched(self.lab) as wire, launch(outward, self.lab.guest) as one, launch(inward, self.lab.peer) as other:
            time.sleep(WARM_UP)
            began = time.monotonic()
            act()
            took = time.monotonic() - began
            results = one.result(), other.result()
        seen = Seen(*results, wire(), peer.status(self.lab).deletes_received - deletes, took)
        self._tell(what, seen)
        return seen

    def _tell(self, what: str, seen: Seen) -> None:
        kind = "ESP in UDP" if self.encap else "ESP"
        gaps = "/".join(f"{(one.longest_gap or 0) * 1000:.0f}" for one in (seen.outward, seen.inward))
        FIGURES.append(
            f"{kind:10} {what:32} lost {seen.outward.lost} of {seen.outward.sent} out, {seen.inward.lost} of "
            f"{seen.inward.sent} in; longest gap {gaps} ms; clear text {seen.wire.clear}, encrypted "
            f"{seen.wire.encrypted}; deletes {seen.deletes}; {seen.seconds:.1f} s"
        )


@contextlib.contextmanager
def tunnel_router(*, encap: bool) -> Iterator[TunnelRouter]:
    """Bring a router up whose kernel carries the tunnel; nothing of it remains afterwards."""
    made = TunnelRouter(Router(Lab("vrvm")), encap)
    lab = made.lab
    try:
        commands.write(network.folder(lab) / "commands", encap=encap)
        network.up(lab, "cloudstack")
        # Clear text has a way out at both ends: that none takes it is then the policies' merit.
        run(["ip", "-n", lab.router, "route", "add", PEER_NETWORK, "via", PEER_IP])
        run(["ip", "-n", lab.peer, "route", "add", GUEST_NETWORK, "via", ROUTER_PUBLIC_IP])
        peer.gateway(lab, has_esp=True).start(network.processes(lab))
        media = [str(bundles.path(release)) for release in (OLDER, NEWER)]
        made.router.start(userspace_data_plane=False, soak=1.0, media=media)
        try:
            until("all services are ready", made.is_at_rest, READY_SECONDS)
        except AssertionError as error:
            raise LabError(f"{error}; {made.services()}; {made.router.processes.log(PROGRAM).read_text()}") from error
        until("the tunnel is up", made.is_established, 30.0)
        yield made
    finally:
        try:
            made.router.stop()
        finally:
            network.down(lab)


def until(what: str, holds: Callable[[], object], seconds: float) -> None:
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, f"not after {seconds:g} s: {what}"
        time.sleep(0.5)
