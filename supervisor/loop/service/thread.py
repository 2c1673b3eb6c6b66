"""The thread of a service's worker: it carries out requests, and takes a turn whenever a duty is due."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod

from supervisor.loop.service.parts import ServiceParts


class ServiceThread(ABC):
    """The thread of a worker. Public methods but `publish` may be called from any thread."""

    def __init__(self, parts: ServiceParts) -> None:
        self.name, self.parts = parts.service, parts
        self._thread = threading.Thread(target=self.run, name=f"worker-{parts.service}", daemon=True)

    @property
    def is_alive(self) -> bool:
        """True if there is a thread that looks after the service."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin the thread. Only once."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """End the thread between two steps; the service is left as it is."""
        self.parts.agenda.is_stopping = True
        self.parts.inbox.put(lambda: None)

    def join(self, timeout: float) -> None:
        """Wait until the thread has ended, for `timeout` seconds at most."""
        self._thread.join(timeout)

    def run(self) -> None:
        """Go on until the thread is asked to stop, whatever fails."""
        while not self.parts.agenda.is_stopping:
            self.parts.isolation.survive(self._go_on)
            self.publish()
        self._let_go()
        self.publish()

    def _go_on(self) -> None:
        request = self.parts.inbox.get(timeout=self._due_in())
        if request:
            request()
        elif not self.parts.agenda.is_stopping:
            self._turn()
        self._note_configured()

    @abstractmethod
    def _due_in(self) -> float:
        """Return the seconds until a duty is due."""

    @abstractmethod
    def _turn(self) -> None:
        """Do the duties that are due."""

    @abstractmethod
    def _note_configured(self) -> None:
        """Note whether the configuration serves, after a request or a turn."""

    @abstractmethod
    def publish(self) -> None:
        """Publish what other threads may read of the service. On the worker's thread."""

    @abstractmethod
    def _let_go(self) -> None:
        """Leave the service to itself: the thread ends, the service does not."""
