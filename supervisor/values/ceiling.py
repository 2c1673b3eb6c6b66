"""The ceiling: the most that the services of a bundle may ask of this router, whoever signed the bundle.

The defaults are what the services that come with the supervisor need, by network mode: tests/services holds them to it.
"""

from __future__ import annotations

from dataclasses import dataclass

from supervisor.values.manifest import NetworkMode


@dataclass(frozen=True, slots=True)
class Allowance:
    """The most that a service of one network mode may ask for. What a tuple does not list may not be asked for."""

    capabilities: tuple[str, ...] = ()  # names of capabilities(7), without the prefix
    devices: tuple[str, ...] = ()  # paths below /dev
    root: bool = False  # user or group 0
    memory_bytes: int = 0
    pids: int = 0
    nofile: int = 0
    cpu: float | None = None  # processors, also for a service that states no number; None: as many as there are
    cpu_weight: int = 0
    syscalls: tuple[str, ...] = ()  # beyond those of every daemon
    families: tuple[str, ...] = ()  # of sockets, beyond unix, inet and inet6
    engine_profile: bool = True  # seccomp as the engine has it: definitions from before there was the word
    ports: tuple[int, ...] | None = ()  # at which clients reach it; None: any, also those that the configuration says
    receive_buffer_bytes: int = 0  # of UDP sockets: memory of the kernel, which no limit of a container bounds
    masquerades: bool = False  # connects to others, past the router's firewall and with its address
    encapsulation: tuple[int, ...] = ()  # UDP ports of the router that the supervisor takes packets in at
    associations: bool = False  # IPsec states in the kernel are deleted on the service's behalf


ISOLATED = Allowance(
    memory_bytes=512 << 20,
    pids=640,
    nofile=20_000,
    cpu_weight=100,
    syscalls=("timer_create", "timer_delete", "timer_settime"),
    ports=None,
    masquerades=True,
)
"""For services in a network namespace of their own."""
ROUTER = Allowance(
    capabilities=("NET_ADMIN", "NET_BIND_SERVICE", "SETGID", "SETUID"),
    devices=("/dev/net/tun",),
    root=True,
    memory_bytes=128 << 20,
    pids=320,
    nofile=4096,
    cpu=2.0,
    cpu_weight=400,
    syscalls=(
        "capset",
        "chown",
        "fchown",
        "fchownat",
        "inotify_add_watch",
        "inotify_init1",
        "inotify_rm_watch",
        "lchown",
        "setgid",
        "setgroups",
        "setuid",
    ),
    families=("netlink",),
    ports=(53, 67, 500, 4500),
    receive_buffer_bytes=8 << 20,
    encapsulation=(4500,),
    associations=True,
)
"""For services in the router's own network namespace."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The network modes that services may ask for, and the most that a service may ask for in each."""

    networks: tuple[NetworkMode, ...] = (NetworkMode.ISOLATED, NetworkMode.ROUTER)
    isolated: Allowance = ISOLATED
    router: Allowance = ROUTER

    def of(self, network: NetworkMode) -> Allowance:
        """Return the allowance of a network mode."""
        return self.isolated if network is NetworkMode.ISOLATED else self.router


DEFAULT_CEILING = Ceiling()
