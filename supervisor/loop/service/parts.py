"""The parts of a service's worker: each does one thing for the service, and all of them live on the worker's thread."""

from __future__ import annotations

from dataclasses import dataclass

from supervisor.loop.care.healing import Healer
from supervisor.loop.generations.definitions import Definitions
from supervisor.loop.handover.cleanup import Cleanup
from supervisor.loop.handover.foreground import Foreground
from supervisor.loop.handover.opening import Opening
from supervisor.loop.service.inbox import Inbox
from supervisor.loop.service.isolation import Isolation
from supervisor.loop.service.keeper_slot import KeeperSlot
from supervisor.loop.service.retry_policy import RetryPolicy
from supervisor.loop.world import World
from supervisor.values.names import ServiceName
from supervisor.values.router import RouterConfig


@dataclass(slots=True)
class Agenda:
    """The state of a worker that several of its parts read and write. Times are monotonic seconds."""

    router: RouterConfig | None  # the newest configuration; None: the router has none yet
    number: int = 0  # of that configuration, as the supervision counts
    is_dirty: bool = True  # desired and observed may differ
    is_adopted: bool = False  # what an earlier supervisor left has been adopted
    is_stopping: bool = False  # the thread is to end
    not_before: float = 0.0  # when the hand-over in the foreground is to be carried on, or the next one may begin
    room_at: float = 0.0  # when a configuration that had no room beside a soak may look for some again


@dataclass(frozen=True, slots=True)
class ServiceParts:
    """The parts of a worker that its duties and requests work with."""

    service: ServiceName
    world: World
    agenda: Agenda
    inbox: Inbox
    isolation: Isolation
    retry_policy: RetryPolicy
    definition_of: Definitions
    opening: Opening
    keeper_slot: KeeperSlot
    under_way: Foreground
    cleanup: Cleanup
    healer: Healer
