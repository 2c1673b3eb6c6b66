"""Gives a daemon's datagram sockets a larger receive buffer, from outside and without its help.

A datagram that finds the buffer full is lost without a word, and the kernel's default (208 KiB) lasts some 25 ms at
10,000 small queries a second: less than a busy router may take to schedule the daemon while a candidate starts beside
it. The default is one setting for the whole machine, so the daemon's own sockets are changed instead: a descriptor
of another process can be had with pidfd_getfd(2), Linux 5.6.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from pathlib import Path

from supervisor.values.errors import NetworkError

_PIDFD_GETFD = 438  # the same number on every architecture
_SO_RCVBUFFORCE = 33  # socket(7): beyond net.core.rmem_max, for CAP_NET_ADMIN


class ReceiveBuffers:
    """Satisfies `ports.network.ReceiveBuffers`."""

    def __init__(self) -> None:
        self._syscall = ctypes.CDLL(None, use_errno=True).syscall

    def enlarge(self, pid: int, size: int) -> int:
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            return 0
        except OSError as error:
            raise NetworkError(f"cannot reach the sockets of process {pid}: {error}") from error
        try:
            return sum(self._enlarge(process, number, size) for number in _sockets(pid))
        finally:
            os.close(process)

    def _enlarge(self, process: int, number: int, size: int) -> bool:
        descriptor = self._syscall(_PIDFD_GETFD, process, number, 0)
        if descriptor < 0:  # closed since, or the process has ended
            return False
        with socket.socket(fileno=descriptor) as theirs:
            if theirs.type != socket.SOCK_DGRAM or theirs.family not in (socket.AF_INET, socket.AF_INET6):
                return False
            if theirs.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= 2 * size:  # the kernel doubles a size
                return False
            theirs.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size)
            return True


def _sockets(pid: int) -> list[int]:
    """Return the descriptors of a process that are sockets; empty: it has none, or has ended."""
    descriptors = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if os.readlink(entry).startswith("socket:"):
                    descriptors.append(int(entry.name))
    return descriptors
