"""A socket that serves one question and gives up at its deadline, however slowly the other side drips."""

from __future__ import annotations

import errno
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import PurePosixPath
from typing import Any

from supervisor.values.errors import ProbeError


class BoundedSocket(socket.socket):
    """A plain socket whose time-out is what is left of `timeout` seconds, set anew before every blocking call.

    Libraries that read from it (and even change its time-out meanwhile) cannot exceed the total.
    Raises ProbeError: when it cannot be opened, which is our failure and not the service's.
    """

    def __init__(self, family: int, kind: int, timeout: float, protocol: int = 0) -> None:
        self.deadline = time.monotonic() + timeout
        self._was_late = False
        try:
            super().__init__(family, kind, protocol)
        except OSError as error:
            raise ProbeError(f"cannot open a socket for a probe: {error.strerror}") from error

    def extend(self, timeout: float) -> None:
        """Begin another question, with `timeout` seconds from now."""
        self.deadline, self._was_late = time.monotonic() + timeout, False

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
        """Return the time for a read: an answer that has come already counts although we are late, once."""
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


@dataclass(frozen=True, slots=True)
class SocketPlace:
    """A unix socket below a folder in which a service does as it likes."""

    folder: str
    path: PurePosixPath  # below it

    def __str__(self) -> str:
        return str(PurePosixPath(self.folder) / self.path)


@contextmanager
def unix_connection(place: SocketPlace, timeout: float) -> Iterator[BoundedSocket]:
    """Connect to that very socket. A link leads nowhere: we are root, and the service is not.

    Raises OSError: when it is not there, or is no socket.
    """
    with BoundedSocket(socket.AF_UNIX, socket.SOCK_STREAM, timeout) as connection:
        with ExitStack() as opened:
            descriptor = _opened(opened, place.folder, None)
            for name in place.path.parts:
                descriptor = _opened(opened, name, descriptor)
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                raise OSError(errno.ENOTSOCK, os.strerror(errno.ENOTSOCK))
            connection.connect(f"/proc/self/fd/{descriptor}")  # also shorter than a path may be
        yield connection


def _opened(opened: ExitStack, name: str, folder: int | None) -> int:
    descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    opened.callback(os.close, descriptor)
    return descriptor
