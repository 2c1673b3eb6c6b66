"""A client of the VPN that counts the packets that the tunnel carries, and how long it carried none."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from itertools import pairwise

from lab.clients.base import Outcome
from lab.topology import PEER_INSIDE_IP


@dataclass(frozen=True, slots=True)
class Ping:
    """ping: one echo request every few milliseconds, each answer dated."""

    address: str = PEER_INSIDE_IP
    interval: float = 0.02
    seconds: float = 10.0
    source: str | None = None
    name: str = "ping"

    @property
    def interrupt(self) -> signal.Signals:
        return signal.SIGINT

    @property
    def limit(self) -> float:
        return self.seconds * 3 + 15

    def argv(self) -> list[str]:
        count = max(1, round(self.seconds / self.interval))
        words = ["ping", "-n", "-D", "-i", f"{self.interval:g}", "-c", str(count), "-W", "2"]
        return [*words, *(["-I", self.source] if self.source else []), self.address]

    def stdin(self) -> str | None:
        return None

    def parse(self, output: str, seconds: float) -> Outcome:
        totals = re.search(r"(\d+) packets transmitted, (\d+) received", output)
        if totals is None:
            raise ValueError("totals")
        times = [float(stamp) for stamp in re.findall(r"^\[([\d.]+)\] \d+ bytes from", output, re.MULTILINE)]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        unreachable = len(re.findall(r"Unreachable", output))
        facts = (("unreachable", unreachable), ("interval", self.interval))
        sent, received = int(totals[1]), int(totals[2])
        return Outcome(self.name, sent, received, 0, seconds, max(gaps, default=None), facts)
