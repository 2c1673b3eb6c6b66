"""A thread that answers its inbox, and takes a turn whenever something is due: the frame of a worker's life."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod

from supervisor.loop.service.inbox import Inbox
from supervisor.loop.service.isolation import Isolation
from supervisor.values.names import ServiceName


class ServiceThread(ABC):
    """Public methods may be called from any thread."""

    _isolation: Isolation

    def __init__(self, name: ServiceName, inbox: Inbox) -> None:
        self.name, self._inbox = name, inbox
        self._thread = threading.Thread(target=self.run, name=f"worker-{name}", daemon=True)
        self._is_stopping = False

    @property
    def is_alive(self) -> bool:
        """True if there is a thread that looks after the service."""
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def ask_to_stop(self) -> None:
        """End the thread between two steps; the service is left as it is."""
        self._is_stopping = True
        self._inbox.put(lambda: None)

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def run(self) -> None:
        """Go on until it is asked to stop, whatever happens."""
        while not self._is_stopping:
            self._isolation.survive(self._go_on)
        self._let_go()

    def _go_on(self) -> None:
        request = self._inbox.get(timeout=self._due_in())
        if request:
            request()
        elif not self._is_stopping:
            self._turn()
        self._look_back()

    @abstractmethod
    def _due_in(self) -> float:
        """Seconds until there is something to do."""

    @abstractmethod
    def _turn(self) -> None:
        """Do what is due."""

    @abstractmethod
    def _look_back(self) -> None:
        """Publish the status after a request or a turn."""

    @abstractmethod
    def _let_go(self) -> None:
        """The thread ends; what it looked after does not."""
