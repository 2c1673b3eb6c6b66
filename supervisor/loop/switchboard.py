"""Which instances serve: the one place through which traffic moves, one transaction at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from supervisor.decisions.traffic import conflicts, still_kept, traffic_table
from supervisor.ports import Connections, Traffic
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
    def draining(self) -> tuple[Instance, ...]:
        """Those that had traffic, or are to have it."""
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
            self._kept = {service: self._in_hand(one.draining) for service, one in accepted.items()}
            self._apply(accepted)

    def refresh(self) -> None:
        """Make the kernel say once more what is served: it refused before."""
        with self._lock:
            self._apply(self._serving)

    def serve(self, service: ServiceName, serving: Serving) -> None:
        """Change one service. NetworkError leaves everything as it was; RequestError when a frontend is taken.

        What an instance that loses its traffic has in hand stays with it, whatever becomes of connection tracking.
        """
        with self._lock:
            wanted, before = {**self._serving, service: serving}, self._kept
            leaving = self._serving.get(service, _NOBODY).active
            found = self._in_hand(tuple(one for one in serving.draining if one == leaving))
            self._kept = {**before, service: still_kept((*before.get(service, ()), *found), serving.draining)}
            try:
                self._apply(wanted)
            except (NetworkError, RequestError):
                self._kept = before
                raise
            self._serving = wanted

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
        self._traffic.apply(traffic_table(actives, alive, held, kept))

    def _in_hand(self, instances: Iterable[Instance]) -> tuple[Connection, ...]:
        """Best effort: traffic moves all the same where nobody can tell."""
        try:
            return tuple(one for instance in instances for one in self._connections.established(instance))
        except NetworkError as error:
            log.warning("connections not listed", extra={"reason": str(error)})
            return ()

    @staticmethod
    def _refuse_conflicts(wanted: Mapping[ServiceName, Serving]) -> None:
        found = conflicts(tuple(serving.active for serving in wanted.values() if serving.active))
        if found:
            raise RequestError("cannot serve: " + "; ".join(str(conflict) for conflict in found))
