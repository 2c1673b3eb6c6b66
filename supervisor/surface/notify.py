"""Notifies the service manager of the daemon's state, by the datagrams of sd_notify(3)."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import MutableMapping

log = logging.getLogger(__name__)


class Notifier:
    """Sends to the notification socket; without an address every call does nothing."""

    def __init__(self, address: str | None, watchdog_interval: float | None = None) -> None:
        self._address = address
        self.watchdog_interval = watchdog_interval
        """Seconds between two calls of `watchdog`: half of what the service manager allows. None: it does not watch."""

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] | None = None) -> Notifier:
        """Return the notifier of this process, and remove its variables: programs that inherit them would notify."""
        variables = os.environ if environment is None else environment
        address = variables.pop("NOTIFY_SOCKET", "") or None
        microseconds, pid = variables.pop("WATCHDOG_USEC", ""), variables.pop("WATCHDOG_PID", "")
        is_for_us = not pid or pid == str(os.getpid())
        interval = int(microseconds) / 2e6 if microseconds.isdigit() and int(microseconds) and is_for_us else None
        return cls(address, interval if address else None)

    def ready(self, status: str = "") -> None:
        self._send(("READY=1", *self._status(status)))

    def stopping(self, status: str = "") -> None:
        self._send(("STOPPING=1", *self._status(status)))

    def status(self, text: str) -> None:
        self._send(self._status(text))

    def watchdog(self) -> None:
        self._send(("WATCHDOG=1",))

    @staticmethod
    def _status(text: str) -> tuple[str, ...]:
        return (f"STATUS={' '.join(text.splitlines())}",) if text else ()

    def _send(self, lines: tuple[str, ...]) -> None:
        if self._address is None or not lines:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(1.0)
                sender.connect(address)
                sender.sendall("\n".join(lines).encode())
        except OSError as error:  # the routing of packets does not depend on the service manager
            log.warning("cannot notify the service manager", extra={"address": self._address, "cause": str(error)})
