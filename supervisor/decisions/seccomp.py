"""Makes the seccomp profile of a service: the system calls of every daemon, and those that its manifest adds."""

from __future__ import annotations

import json
from typing import Any

from supervisor.values.manifest import Seccomp
from supervisor.values.seccomp import BASE_FAMILIES, BASE_SYSCALLS, MORE_FAMILIES

_ALLOW, _REFUSE = "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEW* of clone(2)
_UNIX = BASE_FAMILIES["unix"]
_ENOSYS = 38
_FILTERED = frozenset({"clone", "clone3", "socket", "socketpair"})


def profile(seccomp: Seccomp) -> str:
    """Return the profile in the JSON that Podman and Docker both read; equal needs give equal texts.

    What it does not list fails with EPERM. Namespaces cannot be made, and sockets are of the allowed families.
    """
    names = sorted((set(BASE_SYSCALLS) | set(seccomp.syscalls)) - _FILTERED)
    families = {**BASE_FAMILIES} | {name: MORE_FAMILIES[name] for name in seccomp.families}
    rules = [
        {"names": names, "action": _ALLOW},
        {"names": ["clone"], "action": _ALLOW, "args": [_argument(0, _NEW_NAMESPACES, "SCMP_CMP_MASKED_EQ")]},
        # Its flags lie in memory, where no filter looks; programs that get this answer use clone.
        {"names": ["clone3"], "action": _REFUSE, "errnoRet": _ENOSYS},
        *(
            {"names": ["socket"], "action": _ALLOW, "args": [_argument(0, number, "SCMP_CMP_EQ")]}
            for number in sorted(families.values())
        ),
        {"names": ["socketpair"], "action": _ALLOW, "args": [_argument(0, _UNIX, "SCMP_CMP_EQ")]},
    ]
    document = {"defaultAction": _REFUSE, "archMap": _ARCHITECTURES, "syscalls": rules}
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def _argument(index: int, value: int, operator: str) -> dict[str, Any]:
    return {"index": index, "value": value, "valueTwo": 0, "op": operator}


_ARCHITECTURES = [
    {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []},
    {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": []},
]
"""Without the 32-bit calls of either, whose numbers mean something else."""
