"""What a manifest asks for beyond the ceiling: each excess by itself, and all of them together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from supervisor.decisions.ceiling import excesses
from supervisor.edges.catalog.definition import definition_from_files
from supervisor.values.ceiling import DEFAULT_CEILING, ISOLATED, ROUTER, Ceiling
from supervisor.values.manifest import GapPort, NetworkMode, Seccomp, ServiceManifest, Strategy, Takeover, User
from tests.kit.samples import manifests

WEB = replace(
    definition_from_files("web", manifests.files(manifests.ISOLATED)).manifest, capabilities=(), seccomp=Seccomp()
)
NAMES = replace(
    definition_from_files("names", manifests.files(manifests.ROUTER)).manifest,
    capabilities=("NET_ADMIN",),
    limits=WEB.limits,
    seccomp=Seccomp(),
)
SYS_ADMIN = ("SYS_ADMIN", "NET_ADMIN", "SYS_MODULE")


@pytest.mark.parametrize("manifest", [WEB, NAMES])
def test_what_keeps_within_the_ceiling_is_not_named(manifest: ServiceManifest) -> None:
    assert excesses(manifest, DEFAULT_CEILING) == ()


def test_the_same_number_of_processors_in_other_words_is_not_more() -> None:
    asked, allowed = 70 * 0.01, 0.7  # as `70%` and `0.7` are read
    assert asked > allowed
    manifest = replace(WEB, limits=replace(WEB.limits, cpu=asked))
    assert excesses(manifest, Ceiling(isolated=replace(ISOLATED, cpu=allowed))) == ()


@pytest.mark.parametrize(
    ("manifest", "ceiling", "said"),
    [
        pytest.param(
            replace(NAMES, capabilities=SYS_ADMIN),
            Ceiling(),
            "capabilities: asks for SYS_ADMIN, SYS_MODULE; this router allows NET_ADMIN, NET_BIND_SERVICE, SETGID, "
            "SETUID (setting ceiling.router.capabilities)",
            id="capabilities: only those beyond are named",
        ),
        pytest.param(
            replace(WEB, capabilities=("NET_BIND_SERVICE",)),
            Ceiling(),
            "capabilities: asks for NET_BIND_SERVICE; this router allows none (setting ceiling.isolated.capabilities)",
            id="capabilities: what one mode may have, another may not",
        ),
        pytest.param(
            replace(WEB, user=User(0, 33)),
            Ceiling(),
            "user: asks for root (uid 0, gid 33); this router allows other users only (setting ceiling.isolated.root)",
            id="root",
        ),
        pytest.param(
            replace(WEB, user=User(33, 0)),
            Ceiling(),
            "user: asks for root (uid 33, gid 0); this router allows other users only (setting ceiling.isolated.root)",
            id="the group of root",
        ),
        pytest.param(
            replace(NAMES, devices=("/dev/sda", "/dev/net/tun")),
            Ceiling(),
            "devices: asks for /dev/sda; this router allows /dev/net/tun (setting ceiling.router.devices)",
            id="devices",
        ),
        pytest.param(
            NAMES,
            Ceiling(networks=(NetworkMode.ISOLATED,)),
            "network: asks for router; this router allows isolated (setting ceiling.networks)",
            id="network",
        ),
        pytest.param(
            replace(WEB, limits=replace(WEB.limits, memory_bytes=(512 << 20) + 1)),
            Ceiling(),
            "limits.memory: asks for 536870913; this router allows at most 512MiB (setting ceiling.isolated.memory)",
            id="memory: one byte more",
        ),
        pytest.param(
            replace(WEB, limits=replace(WEB.limits, pids=641)),
            Ceiling(),
            "limits.pids: asks for 641; this router allows at most 640 (setting ceiling.isolated.pids)",
            id="pids",
        ),
        pytest.param(
            replace(NAMES, limits=replace(WEB.limits, nofile=4097)),
            Ceiling(),
            "limits.nofile: asks for 4097; this router allows at most 4096 (setting ceiling.router.nofile)",
            id="nofile",
        ),
        pytest.param(
            replace(WEB, receive_buffer_bytes=1 << 10),
            Ceiling(),
            "receive_buffer: asks for 1KiB; this router allows at most 0 (setting ceiling.isolated.receive_buffer)",
            id="receive buffer",
        ),
        pytest.param(
            replace(WEB, seccomp=Seccomp(("bpf", "timer_create"))),
            Ceiling(),
            "seccomp.syscalls: asks for bpf; this router allows timer_create, timer_delete, timer_settime "
            "(setting ceiling.isolated.syscalls)",
            id="system calls",
        ),
        pytest.param(
            replace(WEB, seccomp=Seccomp(families=("netlink",))),
            Ceiling(),
            "seccomp.families: asks for netlink; this router allows none (setting ceiling.isolated.families)",
            id="families of sockets",
        ),
        pytest.param(
            replace(NAMES, limits=replace(WEB.limits, cpu=2.5)),
            Ceiling(),
            "limits.cpu: asks for 2.5 processors; this router allows at most 2 processors (setting ceiling.router.cpu)",
            id="processors",
        ),
        pytest.param(
            replace(WEB, limits=replace(WEB.limits, cpu_weight=101)),
            Ceiling(),
            "limits.cpu_weight: asks for 101; this router allows at most 100 (setting ceiling.isolated.cpu_weight)",
            id="weight",
        ),
        pytest.param(
            replace(
                NAMES, frontends=tuple(replace(NAMES.frontends[0], port=port) for port in ("53", "22", "item.port"))
            ),
            Ceiling(),
            "frontends: asks for the ports 22, item.port; "
            "this router allows 53, 67, 500, 4500 (setting ceiling.router.ports)",
            id="ports that clients use, and those that nobody knows yet",
        ),
        pytest.param(
            replace(NAMES, seccomp=None),
            Ceiling(router=replace(ROUTER, engine_profile=False)),
            "seccomp: asks for the engine's own profile; this router allows profiles of a manifest "
            "(setting ceiling.router.engine_profile)",
            id="no profile of its own",
        ),
        pytest.param(
            WEB,
            Ceiling(isolated=replace(ISOLATED, masquerades=False)),
            "masquerades: asks for connections to others; this router allows none "
            "(setting ceiling.isolated.masquerades)",
            id="masquerades",
        ),
        pytest.param(
            replace(NAMES, strategy=Strategy.TAKEOVER, takeover=Takeover(GapPort(53))),
            Ceiling(),
            "takeover.encapsulation: asks for 53; this router allows 4500 (setting ceiling.router.encapsulation)",
            id="a port that the supervisor is to hold",
        ),
        pytest.param(
            replace(NAMES, takeover=Takeover(clears_leftovers=True)),
            Ceiling(router=replace(ROUTER, associations=False)),
            "takeover.associations: asks for the kernel's associations to be deleted; this router allows none of that "
            "(setting ceiling.router.associations)",
            id="associations",
        ),
    ],
)
def test_each_excess_is_named_with_what_is_asked_allowed_and_set(
    manifest: ServiceManifest, ceiling: Ceiling, said: str
) -> None:
    assert [str(fault) for fault in excesses(manifest, ceiling)] == [said]


def test_all_excesses_are_listed_at_once() -> None:
    greedy = replace(
        NAMES,
        capabilities=SYS_ADMIN,
        devices=("/dev/mem",),
        limits=replace(WEB.limits, memory_bytes=1 << 30, pids=1000, nofile=1 << 20),
    )
    paths = [fault.path for fault in excesses(greedy, replace(DEFAULT_CEILING, networks=(NetworkMode.ISOLATED,)))]
    assert paths == ["network", "capabilities", "devices", "limits.memory", "limits.pids", "limits.nofile"]


def test_what_the_settings_allow_is_no_excess() -> None:
    wide = Ceiling(router=replace(ROUTER, capabilities=SYS_ADMIN))
    assert excesses(replace(NAMES, capabilities=SYS_ADMIN), wide) == ()
