"""The system calls that every daemon may use: what programs, the C library, Python and the engines' own start need.

Nothing here changes namespaces, mounts, users, modules, keys or other processes' memory. Names are those of
syscalls(2); those that an architecture or a kernel lacks are passed over by engines.
"""

from __future__ import annotations

from collections.abc import Mapping

_BASE: Mapping[str, str] = {
    "files": (
        "access chdir chmod copy_file_range faccessat faccessat2 fadvise64 fallocate fchdir fchmod fchmodat "
        "fchmodat2 fdatasync fstat fstatfs fsync ftruncate futimesat getcwd getdents getdents64 link linkat lseek "
        "lstat mkdir mkdirat newfstatat open openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read "
        "readlink readlinkat readv rename renameat renameat2 rmdir sendfile stat statfs statx symlink symlinkat "
        "sync_file_range truncate unlink unlinkat utime utimensat utimes write writev"
    ),
    "sockets": (
        "accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg "
        "sendmsg sendto setsockopt shutdown"
    ),
    "waiting": (
        "alarm clock_nanosleep epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd "
        "eventfd2 futex futex_waitv getitimer nanosleep pause poll ppoll pselect6 select setitimer"
    ),
    "time": "clock_getres clock_gettime gettimeofday time times",
    "memory": "brk madvise membarrier mincore mmap mprotect mremap msync munmap",
    "descriptors": "close close_range dup dup2 dup3 fcntl flock ioctl pipe pipe2",
    "signals": (
        "kill restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend "
        "rt_sigtimedwait rt_tgsigqueueinfo sigaltstack tgkill tkill"
    ),
    "processes": (
        "arch_prctl execve exit exit_group fork get_robust_list prctl rseq sched_get_priority_max "
        "sched_get_priority_min sched_getaffinity sched_getparam sched_getscheduler sched_yield set_robust_list "
        "set_tid_address setpgid setsid vfork wait4 waitid waitpid"
    ),
    "facts": (
        "capget getcpu getegid geteuid getgid getgroups getpgid getpgrp getpid getppid getpriority getrandom "
        "getresgid getresuid getrlimit getrusage getsid gettid getuid prlimit64 setrlimit sysinfo umask uname"
    ),
}
BASE_SYSCALLS: tuple[str, ...] = tuple(sorted(name for names in _BASE.values() for name in names.split()))

BASE_FAMILIES: Mapping[str, int] = {"unix": 1, "inet": 2, "inet6": 10}
"""Families of sockets that every daemon may use, with their numbers in socket(2)."""

MORE_FAMILIES: Mapping[str, int] = {"key": 15, "netlink": 16, "packet": 17, "alg": 38}
"""Families of sockets that a manifest may ask for."""
