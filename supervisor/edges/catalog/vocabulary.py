"""Names, paths, sizes and times as a manifest spells them: the smallest parts of its syntax."""

from __future__ import annotations

import signal

from supervisor.documents import (
    Choice,
    Field,
    ListOf,
    Number,
    Quantity,
    Record,
    Text,
)
from supervisor.values.manifest import (
    User,
)
from supervisor.values.seccomp import MORE_FAMILIES, MORE_SYSCALLS

CAPABILITIES = (
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
)
"""capabilities(7), without the prefix."""
SIGNALS = tuple(sorted(item.name for item in signal.Signals if item.name not in {"SIGRTMIN", "SIGRTMAX"}))

NAME = Text(r"[a-z][a-z0-9-]{0,30}", "must be a name: lower case letters, digits and dashes, at most 31")
TEMPLATE = Text()
EXPRESSION = Text()
ARGUMENT = Text(takes_numbers=True)
PORT_EXPRESSION = Text(takes_numbers=True)
ABSOLUTE = Text(
    r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._@:+-]+)+", "must be an absolute path without '..', '//' or a slash at its end"
)
DEVICE = Text(r"/dev(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._:-]+)+", "must be a path below /dev")
RELATIVE = Text(
    r"(?!\.)[A-Za-z0-9._@:+-]+(?:/(?!\.)[A-Za-z0-9._@:+-]+)*",
    "must be a path below templates/, of letters, digits and ._@:+-",
)
_TIME_UNITS = (("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0))
DURATION = Quantity("duration", "30s", _TIME_UNITS, 86400.0)
DURATION_OR_ZERO = Quantity("duration", "30s", _TIME_UNITS, 86400.0, may_be_zero=True)
SIZE = Quantity("size", "64MiB", (("KiB", 1024), ("MiB", 1 << 20), ("GiB", 1 << 30)), float(1 << 40), is_whole=True)
RATE = Quantity("rate", "50/s", (("/s", 1.0),), 100_000.0, is_whole=True)
SHARE = Quantity("share", "5%", (("%", 0.01),), 1.0)
PROCESSORS = Quantity("number of processors", "1.5", (("%", 0.01),), 4096.0)
WEIGHT = Number(1, 10_000)
SYSCALL = Choice(MORE_SYSCALLS, listed="syscalls(2); those of every daemon are not named")
SOCKET_FAMILY = Choice(tuple(MORE_FAMILIES))
COMMAND = ListOf(Text(), minimum=1)
SIGNAL = Choice(SIGNALS, listed="docs/manifest.md")
CAPABILITY = Choice(CAPABILITIES, listed="docs/manifest.md")
_ID = Number(0, 65535)
USER = Record(User, (Field("uid", _ID, True), Field("gid", _ID, True)))
MODE = Text(r"[0-7]{3,4}", 'must be an octal mode in quotes, like "1777"')
