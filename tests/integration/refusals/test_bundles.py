"""`vrctl bundle` with media that cannot be trusted or used: a code, one line, and a router that did not notice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from supervisor.surface.cli.exits import Exit
from tests.integration.refusals.bad_bundles import BadBundles
from tests.kit.live.router import LiveRouter, assert_one_line

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

BAD_MANIFEST = """\
schema: 2
name: alpha
colour: green
network: sideways
strategy: overlap
command: [/bin/true]
readiness: {probes: [], interval: soon}
"""

GREEDY = """\
schema: 2
name: {name}
summary: Asks for the router as a whole
network: router
strategy: overlap
command: [/bin/true]
user: {{uid: 0, gid: 0}}
limits: {{memory: 1GiB, pids: 64, nofile: 1024}}
capabilities: [SYS_ADMIN, SYS_MODULE, SYS_RAWIO]
devices: [/dev/mem]
seccomp: {{syscalls: [init_module]}}
readiness: {{probes: [{{exec: {{command: "true"}}}}], interval: 1s, threshold: 1}}
liveness: {{probes: [], interval: 1s, threshold: 1}}
drain: {{deadline: 0}}
"""


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(BadBundles.not_an_iso, ["letter.iso", "not an ISO 9660"], id="not an ISO"),
        pytest.param(BadBundles.truncated, ["to its end", "bytes were promised"], id="truncated"),
        pytest.param(BadBundles.other_volume, ["variant.iso", "volume id is 'DEBIAN_12'"], id="wrong volume id"),
        pytest.param(BadBundles.unsigned, ["cannot trust", "no bundle.json.sig"], id="signature missing"),
        pytest.param(BadBundles.wrong_key, ["cannot trust", "test.pub"], id="wrong key"),
        pytest.param(BadBundles.wrong_digest, ["services/beta/manifest.yaml", "index says"], id="digest mismatch"),
        pytest.param(
            lambda bad: bad.changed_index(format=2), ["bundle format 2", "reads format 1"], id="unsupported format"
        ),
        pytest.param(BadBundles.other_architecture, ["built for s390x", "this machine is"], id="other architecture"),
        pytest.param(
            lambda bad: bad.changed_index(supervisor="99.1"), ["needs supervisor 99.1"], id="newer supervisor needed"
        ),
        pytest.param(
            lambda bad: bad.changed_index(release="../up", created="yesterday"),
            ["release: ", "created: "],
            id="every fault of the index",
        ),
        pytest.param(
            lambda bad: bad.bad_manifest(BAD_MANIFEST),
            ["manifest of alpha", "colour: ", "network: ", "readiness.interval: ", "limits: "],
            id="every fault of a manifest",
        ),
        pytest.param(
            lambda bad: bad.over_the_ceiling(GREEDY),
            [
                "services.alpha.capabilities: asks for SYS_ADMIN, SYS_MODULE, SYS_RAWIO; this router allows NET_ADMIN",
                "services.alpha.devices: asks for /dev/mem",
                "services.alpha.seccomp.syscalls: asks for init_module",
                "services.beta.limits.memory: asks for 1GiB; this router allows at most 128MiB "
                "(setting ceiling.router.memory)",
            ],
            id="more than the router allows",
        ),
        pytest.param(lambda bad: bad.changed_index(release="1.0"), ["release 1.0", "older than 12.0"], id="downgrade"),
        pytest.param(lambda bad: bad.folder / "absent.iso", ["absent.iso", "no such file"], id="no such file"),
        pytest.param(lambda bad: bad.folder, ["bad-bundles", "directory"], id="a folder"),
    ],
)
def test_a_bad_bundle_is_refused(
    live: LiveRouter, bad: BadBundles, make: Callable[[BadBundles], Path], words: list[str]
) -> None:
    path = make(bad)
    before = live.snapshot()
    done = live.router.vrctl("bundle", "import", str(path), check=False)
    assert done.returncode == Exit.BAD_INPUT, done.stderr
    assert_one_line(done.stderr.lower(), "vrctl: cannot ", *(word.lower() for word in words))
    assert live.snapshot() == before


def test_one_flipped_bit_in_any_file_is_found(live: LiveRouter, bad: BadBundles) -> None:
    before = live.snapshot()
    seen = []
    for name, path in bad.flipped():
        done = live.router.vrctl("bundle", "verify", str(path), check=False)
        assert done.returncode == Exit.BAD_INPUT, f"{name}: {done.stdout}"
        told = str(path) if name.startswith("bundle.json") else name
        assert_one_line(done.stderr, told)
        seen.append(name)
    assert len(seen) > 8
    assert live.snapshot() == before


def test_guests_are_served_all_the_while(live: LiveRouter) -> None:
    done = live.run("curl", "-sS", "-m", "3", "http://127.0.0.1:9531/readyz")
    assert (done.returncode, done.stdout) == (0, "ready\n")
