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

_MORE = (
    "acct add_key adjtimex bpf cachestat capset chown chroot clock_adjtime clock_settime creat delete_module "
    "execveat fanotify_init fanotify_mark fchown fchownat fgetxattr finit_module flistxattr fremovexattr fsconfig "
    "fsetxattr fsmount fsopen fspick futex_requeue futex_wait futex_wake get_mempolicy get_thread_area getxattr "
    "getxattrat init_module inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy "
    "io_getevents io_pgetevents io_setup io_submit io_uring_enter io_uring_register io_uring_setup ioperm iopl "
    "ioprio_get ioprio_set kcmp kexec_file_load kexec_load keyctl landlock_add_rule landlock_create_ruleset "
    "landlock_restrict_self lchown lgetxattr listmount listxattr listxattrat llistxattr lookup_dcookie "
    "lremovexattr lsetxattr lsm_get_self_attr lsm_list_modules lsm_set_self_attr map_shadow_stack mbind "
    "memfd_create memfd_secret migrate_pages mknod mknodat mlock mlock2 mlockall modify_ldt mount mount_setattr "
    "move_mount move_pages mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink mseal msgctl "
    "msgget msgrcv msgsnd munlock munlockall name_to_handle_at open_by_handle_at open_tree perf_event_open "
    "personality pidfd_getfd pidfd_open pidfd_send_signal pivot_root pkey_alloc pkey_free pkey_mprotect "
    "process_madvise process_mrelease process_vm_readv process_vm_writev ptrace quotactl quotactl_fd readahead "
    "reboot remap_file_pages removexattr removexattrat request_key sched_getattr sched_rr_get_interval "
    "sched_setaffinity sched_setattr sched_setparam sched_setscheduler seccomp semctl semget semop semtimedop "
    "set_mempolicy set_mempolicy_home_node set_thread_area setdomainname setfsgid setfsuid setgid setgroups "
    "sethostname setns setpriority setregid setresgid setresuid setreuid settimeofday setuid setxattr setxattrat "
    "shmat shmctl shmdt shmget signalfd signalfd4 splice statmount swapoff swapon sync syncfs syslog tee "
    "timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime "
    "timerfd_settime umount2 unshare userfaultfd vhangup vmsplice"
)
MORE_SYSCALLS: tuple[str, ...] = tuple(sorted(_MORE.split()))
"""The other system calls of Linux 6.13: what a manifest may ask for by name, and a router need not allow."""

BASE_FAMILIES: Mapping[str, int] = {"unix": 1, "inet": 2, "inet6": 10}
"""Families of sockets that every daemon may use, with their numbers in socket(2)."""

MORE_FAMILIES: Mapping[str, int] = {"key": 15, "netlink": 16, "packet": 17, "alg": 38}
"""Families of sockets that a manifest may ask for."""
