"""Seccomp profiles: what every daemon may do, what a manifest adds, and what nobody may do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from supervisor.decisions.seccomp import profile
from supervisor.values.manifest import Seccomp
from supervisor.values.seccomp import BASE_SYSCALLS

NEVER = [
    "add_key",
    "bpf",
    "chroot",
    "clone3",
    "delete_module",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "init_module",
    "io_uring_setup",
    "ioperm",
    "iopl",
    "kcmp",
    "kexec_load",
    "keyctl",
    "mknod",
    "mknodat",
    "mount",
    "mount_setattr",
    "move_mount",
    "name_to_handle_at",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "personality",
    "pidfd_getfd",
    "pivot_root",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "quotactl",
    "reboot",
    "request_key",
    "seccomp",
    "setdomainname",
    "sethostname",
    "setns",
    "setuid",
    "swapon",
    "syslog",
    "umount2",
    "unshare",
    "userfaultfd",
]


def rules(seccomp: Seccomp) -> list[dict[str, Any]]:
    made: dict[str, Any] = json.loads(profile(seccomp))
    assert made["defaultAction"] == "SCMP_ACT_ERRNO"
    found: list[dict[str, Any]] = made["syscalls"]
    return found


def allowed(seccomp: Seccomp, call: str, first: int = 0) -> bool:
    """Return whether a call with this first argument is allowed."""

    def matches(argument: dict[str, Any]) -> bool:
        assert argument["index"] == 0
        if argument["op"] == "SCMP_CMP_MASKED_EQ":
            return bool(first & argument["value"] == argument["valueTwo"])
        return bool(first == argument["value"])

    matching = [rule for rule in rules(seccomp) if call in rule["names"] and all(map(matches, rule.get("args", ())))]
    return any(rule["action"] == "SCMP_ACT_ALLOW" for rule in matching)


@pytest.mark.parametrize("call", NEVER)
def test_what_no_daemon_needs_is_refused(call: str) -> None:
    assert not allowed(Seccomp(), call)


@pytest.mark.parametrize("call", ["read", "openat", "execve", "futex", "epoll_wait", "accept4", "rseq"])
def test_what_every_daemon_needs_is_allowed(call: str) -> None:
    assert allowed(Seccomp(), call)


def test_a_manifest_adds_to_it() -> None:
    adding = Seccomp(syscalls=("setuid",))
    assert allowed(adding, "setuid")
    assert allowed(adding, "read")
    assert not allowed(adding, "setgid")


@pytest.mark.parametrize(
    ("flags", "is_allowed"),
    [
        pytest.param(0x3D0F00, True, id="a thread"),
        pytest.param(17, True, id="a process"),
        *(pytest.param(1 << bit, False, id=f"namespace {bit}") for bit in (17, 25, 26, 27, 28, 29, 30)),
    ],
)  # fmt: skip
def test_threads_and_processes_are_made_and_namespaces_are_not(flags: int, is_allowed: bool) -> None:
    assert allowed(Seccomp(syscalls=("clone",)), "clone", flags) is is_allowed


def test_clone3_looks_as_if_the_kernel_had_none_so_that_programs_use_clone() -> None:
    (rule,) = [rule for rule in rules(Seccomp(syscalls=("clone3",))) if "clone3" in rule["names"]]
    assert (rule["action"], rule["errnoRet"]) == ("SCMP_ACT_ERRNO", 38)


@pytest.mark.parametrize(
    ("family", "number", "others"),
    [pytest.param(None, number, True, id=f"family {number}") for number in (1, 2, 10)]
    + [pytest.param("netlink", 16, False, id="netlink"), pytest.param("packet", 17, False, id="packet")]
    + [pytest.param("key", 15, False, id="key"), pytest.param("alg", 38, False, id="alg")],
)
def test_sockets_are_of_the_families_that_a_manifest_names(family: str | None, number: int, others: bool) -> None:
    assert allowed(Seccomp(), "socket", number) is others
    assert allowed(Seccomp(families=(family,) if family else ()), "socket", number)
    assert not allowed(Seccomp(syscalls=("socket", "socketpair")), "socket", 40)
    assert allowed(Seccomp(), "socketpair", 1)
    assert not allowed(Seccomp(families=("netlink",)), "socketpair", 16)


def test_equal_needs_give_equal_profiles() -> None:
    one, other = Seccomp(("setuid", "capset"), ("netlink", "key")), Seccomp(("capset", "setuid"), ("key", "netlink"))
    assert profile(one) == profile(other)


def test_the_base_has_no_name_twice() -> None:
    assert len(set(BASE_SYSCALLS)) == len(BASE_SYSCALLS)
