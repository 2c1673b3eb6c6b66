"""Moves traffic: the one place that changes which instances serve, one transaction of the kernel's table at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from supervisor.decisions.traffic import (
    SidesOf,
    conflicts,
    is_other_side,
    newer_sides,
    pinned_of,
    shut_of,
    traffic_table,
    with_newest,
)
from supervisor.loop.fairness import Fairness
from supervisor.ports.network import Connections, Traffic
from supervisor.values.errors import NetworkError, RequestError
from supervisor.values.listing import listed
from supervisor.values.names import ServiceName
from supervisor.values.release import InstanceState
from supervisor.values.state import Instance
from supervisor.values.traffic import Connection, HeldPort

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Serving:
    """The instances of one service: new work goes to `active`; all of `alive` may still answer."""

    active: Instance | None
    alive: tuple[Instance, ...]

    @property
    def inactive(self) -> tuple[Instance, ...]:
        """The instances of `alive` that had traffic and may still finish some, or are to have it."""
        return tuple(instance for instance in self.alive if instance != self.active)


_NOBODY = Serving(None, ())


def recorded(instances: Iterable[tuple[Instance, InstanceState]]) -> dict[ServiceName, Serving]:
    """Return the instances that serve by the store's record, for each service."""
    by_service: dict[ServiceName, list[tuple[Instance, InstanceState]]] = {}
    for instance, state in instances:
        by_service.setdefault(instance.service, []).append((instance, state))
    return {
        service: Serving(
            next((instance for instance, state in pairs if state is InstanceState.ACTIVE), None),
            tuple(instance for instance, _ in pairs),
        )
        for service, pairs in by_service.items()
    }


class Switchboard:
    """The instances that serve, for all services, and the kernel's table made from them.

    Methods may be called from any thread, and equal calls repeated.
    """

    def __init__(self, traffic: Traffic, connections: Connections, fairness: Fairness) -> None:
        self._traffic, self._connections, self.fairness = traffic, connections, fairness
        self._lock = threading.Lock()
        self._serving: dict[ServiceName, Serving] = {}
        self._pinned: Mapping[ServiceName, tuple[Connection, ...]] = {}
        self._unlisted: dict[
            ServiceName, frozenset[Instance]
        ] = {}  # their connections could not be listed the last time
        self._shut: Mapping[ServiceName, frozenset[str]] = {}
        self._sides: SidesOf = {}  # newer than those of the instances that are handed in
        self._held: Mapping[int, int] = {}  # port -> the one of a socket of this process: a later process has none

    def restore(self, serving: Mapping[ServiceName, Serving]) -> None:
        """Put all services in place at once, as a supervisor that comes back does first.

        A service whose frontends are in conflict with those of another gets no new work, which is logged.
        Raises NetworkError: when the table was refused; it is made at the next change.
        """
        with self._lock:
            accepted: dict[ServiceName, Serving] = {}
            for service, wanted in serving.items():
                try:
                    self._refuse_conflicts({**accepted, service: wanted})
                    accepted[service] = wanted
                except RequestError as error:
                    log.error("frontends in conflict", extra={"service": service, "reason": str(error)})
                    accepted[service] = Serving(None, wanted.alive)
            self._serving = accepted
            self._shut = {service: shut_of(wanted.active) for service, wanted in accepted.items() if wanted.active}
            self._pinned = {
                service: pinned_of(self._list_open(service, wanted.inactive), wanted.inactive)
                for service, wanted in accepted.items()
            }
            self._apply(accepted)

    def insides(self) -> frozenset[str]:
        """Return the inside addresses and ports that the kernel leads new work to, also by an earlier process's table.

        Raises NetworkError: when the table cannot be read.
        """
        return self._traffic.insides()

    def apply_again(self) -> None:
        """Make the kernel's table once more, after it was refused. Raises NetworkError: when it is refused again."""
        with self._lock:
            self._apply(self._serving)

    def serve(self, service: ServiceName, serving: Serving) -> None:
        """Change one service. Connections that the instance which loses its traffic has open stay with it.

        Raises NetworkError: when the kernel refused; RequestError: when a frontend is taken. Nothing has changed then.
        """
        leaving = self.serving(service).active
        left = (instance for instance in serving.inactive if instance == leaving)
        opened = self._list_open(service, left)  # outside the lock: no cut waits for another service's list
        with self._lock:
            wanted, before = {**self._serving, service: serving}, self._pinned
            self._pinned = {**before, service: pinned_of((*before.get(service, ()), *opened), serving.inactive)}
            try:
                self._apply(wanted)
            except (NetworkError, RequestError):
                self._pinned = before
                raise
            self._serving = wanted

    def admit(self, instance: Instance) -> bool:
        """Let clients call as the instance's frontends say. False: that is so already.

        Those that are shut are so for the service, whichever instance serves, and all its others are open; the sides
        are for each instance of the same definition.
        Raises NetworkError: when the kernel refused; nothing has changed then.
        """
        service, names = instance.service, shut_of(instance)
        with self._lock:
            before = self._shut, self._sides
            alive = self._serving.get(service, _NOBODY).alive
            self._shut, self._sides = {**self._shut, service: names}, newer_sides(self._sides, instance, alive)
            if before[0].get(service, frozenset()) == names and not is_other_side(before[1], self._sides, alive):
                return False
            try:
                self._apply(self._serving)
            except NetworkError:
                self._shut, self._sides = before
                raise
            return True

    def pin_connections(self, service: ServiceName) -> None:
        """Pin the connections that the inactive instances of a service have open by now, and no others. Best effort.

        A pinned connection stays with its instance even if connection tracking forgets it. Where the connections of an
        instance cannot be listed, those that were pinned stay so.
        """
        inactive = self.serving(service).inactive
        opened = self._list_open(service, inactive)
        with self._lock:
            if self._serving.get(service, _NOBODY).inactive != inactive:
                return  # changed meanwhile by another thread, which has pinned them
            before = self._pinned
            unknown = pinned_of(before.get(service, ()), self._unlisted[service])
            still = frozenset((*opened, *unknown))
            first = (connection for connection in before.get(service, ()) if connection in still)
            self._pinned = {**before, service: pinned_of((*first, *opened), inactive)}
            try:
                if self._pinned != before:
                    self._apply(self._serving)
            except NetworkError as error:
                self._pinned = before
                log.warning("connections not kept", extra={"service": service, "reason": str(error)})

    def serving(self, service: ServiceName) -> Serving:
        """Return the instances of a service; without any, it was never served."""
        with self._lock:
            return self._serving.get(service, _NOBODY)

    def hold_port(self, port: int, inside: int) -> None:
        """Lead datagrams for a port of the router to the port of a stand-in socket.

        Raises NetworkError: when the kernel refused; nothing has changed then. So do the two methods below.
        """
        with self._lock:
            self._hold({**self._held, port: inside})

    def release_port(self, port: int) -> None:
        """Let datagrams for a port arrive there again; nothing happens when it is not held."""
        with self._lock:
            self._hold({other: inside for other, inside in self._held.items() if other != port})

    def release_ports(self) -> None:
        """Release every port: this process ends, and with it the stand-in sockets."""
        with self._lock:
            self._hold({})

    def check(self, candidate: Instance) -> None:
        """Check that a candidate could serve. Raises RequestError: when it claims a frontend of another service."""
        with self._lock:
            wanted = {**self._serving, candidate.service: Serving(candidate, (candidate,))}
        self._refuse_conflicts(wanted)

    def _hold(self, held: Mapping[int, int]) -> None:
        before, self._held = self._held, held
        try:
            if held != before:
                self._apply(self._serving)
        except NetworkError:
            self._held = before
            raise

    def _apply(self, wanted: Mapping[ServiceName, Serving]) -> None:
        self._refuse_conflicts(wanted)
        actives = tuple(serving.active for serving in wanted.values() if serving.active)
        alive = tuple(instance for serving in wanted.values() for instance in serving.alive)
        held = (HeldPort(port, inside) for port, inside in self._held.items())
        pinned = (connection for connections in self._pinned.values() for connection in connections)
        self._traffic.apply(traffic_table(actives, alive, held, pinned, self._shut, self._sides))
        self.fairness.lead(with_newest(active, self._sides) for active in actives)

    def _list_open(self, service: ServiceName, instances: Iterable[Instance]) -> tuple[Connection, ...]:
        """Return the open connections of instances. Best effort: those that cannot be listed are missing."""
        opened: list[Connection] = []
        before, unlisted = self._unlisted.get(service, frozenset()), set[Instance]()
        for instance in instances:
            try:
                opened += self._connections.open(instance)
            except NetworkError as error:
                unlisted.add(instance)
                if instance not in before:
                    log.warning("connections not listed", extra={"service": service, "reason": str(error)})
        self._unlisted[service] = frozenset(unlisted)
        return tuple(opened)

    @staticmethod
    def _refuse_conflicts(wanted: Mapping[ServiceName, Serving]) -> None:
        conflicting = conflicts(tuple(serving.active for serving in wanted.values() if serving.active))
        if conflicting:
            raise RequestError("cannot serve: " + listed(conflicting))
