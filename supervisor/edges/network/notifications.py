"""Reads the kernel's nftables notifications: the names of the tables that were changed."""

from __future__ import annotations

import errno
import select
import socket
import struct
from collections.abc import Iterator

NETLINK_NETFILTER = 12
GROUP_NFTABLES = 7  # NFNLGRP_NFTABLES
SUBSYSTEM_NFTABLES = 10  # NFNL_SUBSYS_NFTABLES
NEW_GENERATION = 15  # NFT_MSG_NEWGEN: ends a transaction and names no table
ATTRIBUTE_TABLE = 1  # the table's name is attribute 1 of every other nftables message
ATTRIBUTE_TYPE_MASK = 0x3FFF
RECEIVE_BUFFER = 4 << 20

FAMILIES = {1: "inet", 2: "ip", 10: "ip6"}  # NFPROTO_*

_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_ATTRIBUTE = struct.Struct("=HH")  # nlattr: length, type

LOST: frozenset[str] = frozenset({"*"})
"""Some notifications did not fit into the socket's buffer: anything may have changed."""


class Notifications:
    """A subscription, in the network namespace of the thread that makes it.

    Raises OSError: when there cannot be one.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self._socket.bind((0, 1 << (GROUP_NFTABLES - 1)))
        self._socket.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def wait(self, timeout: float) -> frozenset[str]:
        """Return the tables ("inet name") that anybody changed; empty when `timeout` seconds passed without."""
        if not self._poll.poll(timeout * 1000):
            return frozenset()
        changed: set[str] = set()
        while True:
            try:
                changed.update(tables(self._socket.recv(1 << 17)))
            except BlockingIOError:
                return frozenset(changed)
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                changed.update(LOST)


def tables(datagram: bytes) -> Iterator[str]:
    """Yield the table that each message of a datagram is about."""
    offset = 0
    while offset + _HEADER.size <= len(datagram):
        length, kind, _, _, _ = _HEADER.unpack_from(datagram, offset)
        if length < _HEADER.size:
            return
        message = datagram[offset + _HEADER.size : offset + length]
        if kind >> 8 == SUBSYSTEM_NFTABLES and kind & 0xFF != NEW_GENERATION and message:
            name = _table_name(message)
            if name:
                yield f"{FAMILIES.get(message[0], message[0])} {name}"
        offset += (length + 3) & ~3


def _table_name(message: bytes) -> str:
    offset = 4  # nfgenmsg: family, version, resource id
    while offset + _ATTRIBUTE.size <= len(message):
        length, kind = _ATTRIBUTE.unpack_from(message, offset)
        if length < _ATTRIBUTE.size:
            break
        if kind & ATTRIBUTE_TYPE_MASK == ATTRIBUTE_TABLE:
            return message[offset + _ATTRIBUTE.size : offset + length].rstrip(b"\0").decode(errors="replace")
        offset += (length + 3) & ~3
    return ""
