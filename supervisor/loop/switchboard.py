"""Which instances serve: the one place through which traffic moves, one transaction at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from supervisor.decisions.traffic import conflicts, kept_of, shut_of, traffic_table
from supervisor.ports.network import Connections, Traffic
from supervisor.values.errors import NetworkError, RequestError
from supervisor.values.names import ServiceName
from supervisor.values.release import InstanceState
from supervisor.values.state import Connection, HeldPort, Instance

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Serving:
    """The instances of one service: new work goes to `active`; everyone in `alive` may still answer."""

    active: Instance | None
    alive: tuple[Instance, ...]

    @property
    def inactive(self) -> tuple[Instance, ...]:
        """Those that had traffic and may still finish some, or are to have it."""
        return tuple(instance for instance in self.alive if instance != self.active)


_NOBODY = Serving(None, ())


def recorded(instances: Iterable[tuple[Instance, InstanceState]]) -> dict[ServiceName, Serving]:
    """What serves as the store says."""
    found: dict[ServiceName, list[tuple[Instance, InstanceState]]] = {}
    for instance, state in instances:
        found.setdefault(instance.service, []).append((instance, state))
    return {
        service: Serving(
            next((instance for instance, state in pairs if state is InstanceState.ACTIVE), None),
            tuple(instance for instance, _ in pairs),
        )
        for service, pairs in found.items()
    }


class Switchboard:
    """Keeps what every service serves and makes the kernel's table say so."""

    def __init__(self, traffic: Traffic, connections: Connections) -> None:
        self._traffic, self._connections = traffic, connections
        self._lock = threading.Lock()
        self._serving: dict[ServiceName, Serving] = {}
        self._kept: Mapping[ServiceName, tuple[Connection, ...]] = {}
        self._unlisted: dict[ServiceName, frozenset[Instance]] = {}  # nobody could tell what these have open, lately
        self._shut: Mapping[ServiceName, frozenset[str]] = {}
        self._held: Mapping[int, int] = {}  # port -> the one of a socket of this process: a later process has none

    def restore(self, serving: Mapping[ServiceName, Serving]) -> None:
        """Put all services in place at once: what a supervisor that comes back does first."""
        with self._lock:
            accepted: dict[ServiceName, Serving] = {}
            for service, one in serving.items():
                try:
                    self._refuse_conflicts({**accepted, service: one})
                    accepted[service] = one
                except RequestError as error:
                    log.error("frontends in conflict", extra={"service": service, "reason": str(error)})
                    accepted[service] = Serving(None, one.alive)
            self._serving = accepted
            self._shut = {service: shut_of(one.active) for service, one in accepted.items() if one.active}
            self._kept = {
                service: kept_of(self._open(service, one.inactive), one.inactive) for service, one in accepted.items()
            }
            self._apply(accepted)

    def insides(self) -> frozenset[str]:
        """Return the inside addresses and ports that the kernel leads new work to, whoever told it. NetworkError."""
        return self._traffic.insides()

    def refresh(self) -> None:
        """Make the kernel say once more what is served: it refused before."""
        with self._lock:
            self._apply(self._serving)

    def serve(self, service: ServiceName, serving: Serving) -> None:
        """Change one service. NetworkError leaves everything as it was; RequestError when a frontend is taken.

        Connections that the instance which loses its traffic has open stay with it, whatever becomes of tracking.
        """
        leaving = self.serving(service).active
        left = (one for one in serving.inactive if one == leaving)
        found = self._open(service, left)  # outside the lock: no cut waits for another service's list
        with self._lock:
            wanted, before = {**self._serving, service: serving}, self._kept
            self._kept = {**before, service: kept_of((*before.get(service, ()), *found), serving.inactive)}
            try:
                self._apply(wanted)
            except (NetworkError, RequestError):
                self._kept = before
                raise
            self._serving = wanted

    def shut(self, service: ServiceName, names: frozenset[str]) -> bool:
        """Lead nothing to these frontends of a service, whichever instance serves, and to all its others again.

        False: that is so already. NetworkError leaves everything as it was.
        """
        with self._lock:
            before = self._shut
            if before.get(service, frozenset()) == names:
                return False
            self._shut = {**before, service: names}
            try:
                self._apply(self._serving)
            except NetworkError:
                self._shut = before
                raise
            return True

    def pin_connections(self, service: ServiceName) -> None:
        """Keep what the inactive instances of a service have open by now, and nothing that has ended. Best effort.

        Where nobody can tell what one has open, what it had is kept.
        """
        inactive = self.serving(service).inactive
        found = self._open(service, inactive)
        with self._lock:
            if self._serving.get(service, _NOBODY).inactive != inactive:
                return  # somebody else changed it, and keeps what there is to keep
            before = self._kept
            unknown = kept_of(before.get(service, ()), self._unlisted[service])
            still = frozenset((*found, *unknown))
            first = (one for one in before.get(service, ()) if one in still)
            self._kept = {**before, service: kept_of((*first, *found), inactive)}
            try:
                if self._kept != before:
                    self._apply(self._serving)
            except NetworkError as error:
                self._kept = before
                log.warning("connections not kept", extra={"service": service, "reason": str(error)})

    def serving(self, service: ServiceName) -> Serving:
        with self._lock:
            return self._serving.get(service, _NOBODY)

    def hold(self, port: int, inside: int) -> None:
        """Lead encapsulated datagrams for a port of the router to another one. NetworkError leaves all as it was."""
        with self._lock:
            self._hold({**self._held, port: inside})

    def release(self, port: int) -> None:
        """Let them arrive where they are sent to."""
        with self._lock:
            self._hold({other: inside for other, inside in self._held.items() if other != port})

    def release_all(self) -> None:
        """This process ends, and with it the sockets."""
        with self._lock:
            self._hold({})

    def check(self, candidate: Instance) -> None:
        """Refuse a candidate that claims a frontend of another service."""
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
        kept = (connection for connections in self._kept.values() for connection in connections)
        self._traffic.apply(traffic_table(actives, alive, held, kept, self._shut))

    def _open(self, service: ServiceName, instances: Iterable[Instance]) -> tuple[Connection, ...]:
        """Best effort: traffic moves all the same where nobody can tell, and that is said once."""
        found: list[Connection] = []
        before, unlisted = self._unlisted.get(service, frozenset()), set[Instance]()
        for instance in instances:
            try:
                found += self._connections.open(instance)
            except NetworkError as error:
                unlisted.add(instance)
                if instance not in before:
                    log.warning("connections not listed", extra={"service": service, "reason": str(error)})
        self._unlisted[service] = frozenset(unlisted)
        return tuple(found)

    @staticmethod
    def _refuse_conflicts(wanted: Mapping[ServiceName, Serving]) -> None:
        found = conflicts(tuple(serving.active for serving in wanted.values() if serving.active))
        if found:
            raise RequestError("cannot serve: " + "; ".join(str(conflict) for conflict in found))
