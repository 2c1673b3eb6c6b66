"""The number of the configuration that a service serves, from the supervisor's start, or why it does not."""

from __future__ import annotations

from dataclasses import dataclass

from supervisor.loop.world import World
from supervisor.values.names import ServiceName
from supervisor.values.status import EventRecord


@dataclass(frozen=True, slots=True)
class Configured:
    """A worker replaces it whole; others read it. Numbers are the supervision's, and grow with every configuration."""

    served: int = 0  # the newest one that serves
    refused: int = 0  # the newest one that does not, and is not tried again at once
    reason: str = ""  # of that

    def serves(self, number: int) -> bool:
        """True if that configuration serves, or a newer one in its place."""
        return self.served >= number

    def refuses(self, number: int) -> bool:
        return not self.serves(number) and self.refused >= number

    def after(self, number: int, *, serves: bool, refusal: str) -> Configured:
        """Return how it stands once configuration `number` serves, or is refused for a reason, or neither yet."""
        if serves:
            return self if self.served == number else Configured(number)
        if refusal:
            is_same = (self.refused, self.reason) == (number, refusal)
            return self if is_same else Configured(self.served, number, refusal)
        return self

    def recovers(self, former: Configured) -> bool:
        """True if what was refused serves now."""
        return self.served > former.served and former.refused == self.served


def log_recovery(world: World, service: ServiceName) -> None:
    """Record that a service serves a configuration that it refused, for want of space say."""
    text = "what was refused serves now"
    world.store.log_event(EventRecord(world.clock.now(), service, "configuration live", text))
