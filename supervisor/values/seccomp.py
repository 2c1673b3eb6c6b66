"""The system calls that every daemon may use: what programs, the C library, Python and the engines' own start need.

Nothing here changes namespaces, mounts, users, modules, keys or other processes' memory. Names are those of syscalls(2);
those that an architecture or a kernel lacks are passed over by engines.
"""

from __future__ import annotations

from collections.abc import Mapping

BASE_SYSCALLS: tuple[str, ...] = tuple(
    """
    accept accept4 access alarm arch_prctl bind brk capget chdir chmod clock_getres clock_gettime clock_nanosleep close
    close_range connect copy_file_range dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2
    epoll_wait eventfd eventfd2 execve exit exit_group faccessat faccessat2 fadvise64 fallocate fchdir fchmod fchmodat
    fchmodat2 fcntl fdatasync flock fork fstat fstatfs fsync ftruncate futex futex_waitv futimesat get_robust_list getcpu
    getcwd getdents getdents64 getegid geteuid getgid getgroups getitimer getpeername getpgid getpgrp getpid getppid
    getpriority getrandom getresgid getresuid getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday getuid
    ioctl kill link linkat listen lseek lstat madvise membarrier mincore mkdir mkdirat mmap mprotect mremap msync munmap
    nanosleep newfstatat open openat openat2 pause pipe pipe2 poll ppoll prctl pread64 preadv preadv2 prlimit64 pselect6
    pwrite64 pwritev pwritev2 read readlink readlinkat readv recvfrom recvmmsg recvmsg rename renameat renameat2
    restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
    rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getparam
    sched_getscheduler sched_yield select sendfile sendmmsg sendmsg sendto set_robust_list set_tid_address setitimer
    setpgid setrlimit setsid setsockopt shutdown sigaltstack stat statfs statx symlink symlinkat sync_file_range sysinfo
    tgkill time times tkill truncate umask uname unlink unlinkat utime utimensat utimes vfork wait4 waitid waitpid write
    writev
    """.split()
)

BASE_FAMILIES: Mapping[str, int] = {"unix": 1, "inet": 2, "inet6": 10}
"""Families of sockets that every daemon may use, with their numbers in socket(2)."""

MORE_FAMILIES: Mapping[str, int] = {"key": 15, "netlink": 16, "packet": 17, "alg": 38}
"""Families of sockets that a manifest may ask for."""
