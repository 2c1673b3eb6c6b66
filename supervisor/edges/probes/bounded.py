"""A socket that serves one question and gives up at its deadline, however slowly the other side drips."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

from supervisor.values.errors import ProbeError

UNIX_PATH_LIMIT = 107  # bytes in sockaddr_un, the closing zero left out


class BoundedSocket(socket.socket):
    """A plain socket whose time-out is what is left of `timeout` seconds, set anew before every blocking call.

    Libraries that read from it (and even change its time-out meanwhile) cannot exceed the total. A socket that cannot
    be opened is our failure, not the service's: ProbeError.
    """

    def __init__(self, family: int, kind: int, timeout: float, protocol: int = 0) -> None:
        self.deadline = time.monotonic() + timeout
        self._was_late = False
        try:
            super().__init__(family, kind, protocol)
        except OSError as error:
            raise ProbeError(f"cannot open a socket for a probe: {error.strerror}") from error

    def left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left

    def connect(self, address: Any) -> None:
        self.settimeout(self.left())
        super().connect(address)

    def sendall(self, *arguments: Any) -> None:  # one call is bounded as a whole by the library already
        self.settimeout(self.left())
        super().sendall(*arguments)

    def _left_for_reading(self) -> float:
        """An answer that is there already counts, although we come late to read it: once."""
        left = self.deadline - time.monotonic()
        if left > 0 or self._was_late:
            return self.left()
        self._was_late = True
        return 0.001

    def recv(self, *arguments: int) -> bytes:
        self.settimeout(self._left_for_reading())
        return super().recv(*arguments)

    def recv_into(self, *arguments: Any) -> int:
        self.settimeout(self._left_for_reading())
        return super().recv_into(*arguments)


def inet_socket(address: IPv4Address | IPv6Address, kind: int, timeout: float) -> BoundedSocket:
    return BoundedSocket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, kind, timeout)


@contextmanager
def unix_connection(path: str, timeout: float) -> Iterator[BoundedSocket]:
    with BoundedSocket(socket.AF_UNIX, socket.SOCK_STREAM, timeout) as connection:
        if len(os.fsencode(path)) <= UNIX_PATH_LIMIT:
            connection.connect(path)
        else:  # deep state folders exceed the kernel's limit: name the socket from its folder's descriptor
            folder = os.open(Path(path).parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                connection.connect(f"/proc/self/fd/{folder}/{Path(path).name}")
            finally:
                os.close(folder)
        yield connection
