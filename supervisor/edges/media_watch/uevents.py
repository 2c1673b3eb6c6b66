"""The kernel's messages about block devices, which udev gets too, so that no udev is needed."""

from __future__ import annotations

import errno
import socket

NETLINK_KOBJECT_UEVENT = 15
GROUP_KERNEL = 1  # udev's own messages go to group 2
KERNEL = 0  # the port from which the kernel sends
RECEIVE_BUFFER = 1 << 20

LOST = "*"
"""Some messages did not fit into the socket's buffer: any device may have changed."""


def changed_device(message: bytes) -> str | None:
    """Return the name (in /dev) of the block device that came or whose medium may have changed; None: the message is
    another.

    A drive reports a new medium by ACTION=change with DISK_MEDIA_CHANGE=1; an attached disk by ACTION=add; a device of
    another size, or a loop device with another file, by ACTION=change. A request to eject changes nothing yet.
    """
    facts = dict(field.split("=", 1) for field in message.decode(errors="replace").split("\0") if "=" in field)
    if facts.get("SUBSYSTEM") != "block" or facts.get("ACTION") not in ("add", "change"):
        return None
    return facts.get("DEVNAME") if facts.get("DISK_EJECT_REQUEST") != "1" else None


class Uevents:
    """A subscription. Raises OSError: when there cannot be one."""

    def __init__(self) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, kind, NETLINK_KOBJECT_UEVENT)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self._socket.bind((0, GROUP_KERNEL))

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def read(self) -> frozenset[str]:
        """Return the names of the devices that changed since the last call; messages of other senders are ignored."""
        changed: set[str] = set()
        while True:
            try:
                message, (sender, _) = self._socket.recvfrom(1 << 16)
            except BlockingIOError:
                return frozenset(changed)
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                changed.add(LOST)
                continue
            name = changed_device(message) if sender == KERNEL else None
            if name:
                changed.add(name)
