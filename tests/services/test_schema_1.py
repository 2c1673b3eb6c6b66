"""Definitions of schema 1, as releases before the neutral configuration brought them: they run on as they did."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from supervisor.decisions.printed import Printed
from supervisor.edges.catalog import load_definition
from supervisor.edges.render import TemplateRenderer
from supervisor.values.manifest import ServiceDefinition, Watch
from supervisor.values.members import CheckKind, Expectation, Expected, HealthCheck, MemberOption
from supervisor.values.router import RouterConfig
from supervisor.values.secret import Secret
from supervisor.values.state import Instance, PortFrontend, ResolvedFrontend
from supervisor.values.stickiness import LearnedCookieStickiness, SourceStickiness
from tests.kit.samples.router import SAMPLE, sample_instance

ROOT = Path(__file__).parents[2]
FORMER = ROOT / "tests/data/schema-1"
NAMES = tuple(sorted(path.name for path in FORMER.iterdir()))
CASES = {"sample": SAMPLE, "empty": RouterConfig()}
RENDERER = TemplateRenderer()


SINCE = {
    "httpd.conf": ("ServerLimit ", "ThreadsPerChild ", "MaxRequestWorkers ", "MaxSpareThreads ", "RequestReadTimeout "),
    "dnsmasq.conf": ("max-tcp-connections=",),
    "haproxy.cfg": ("timeout http-request ", "timeout http-keep-alive "),
}
"""What is said otherwise, or at all, since sources have shares: lines that begin so, and comments, are not compared."""


def without_what_came_since(path: str, content: bytes) -> bytes:
    if path not in SINCE:
        return content
    lines = content.decode().splitlines()
    return "\n".join(line for line in lines if not line.strip().startswith(("#", *SINCE[path]))).encode()


def with_frontends(definition: ServiceDefinition, router: RouterConfig) -> Instance:
    bare = sample_instance(definition.manifest)
    return replace(bare, frontends=RENDERER.frontends(definition.manifest, router, bare))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", NAMES)
def test_a_former_definition_gives_the_files_that_todays_gives(name: str, case: str) -> None:
    former, today = load_definition(FORMER / name), load_definition(ROOT / "services" / name)
    router = CASES[case]
    files = [RENDERER.files(definition, router, with_frontends(definition, router)) for definition in (former, today)]
    texts = [{file.path: without_what_came_since(file.path, file.content) for file in given} for given in files]
    assert texts[0] == {path: without_own_way(text) for path, text in texts[1].items() if "own-way" not in path}


def without_own_way(content: bytes) -> bytes:
    """Drop the lines that came with the supervisor's own way in, which former definitions lack."""
    return b"".join(line for line in content.splitlines(keepends=True) if not re.search(rb"own.way", line))


def is_own(frontend: ResolvedFrontend) -> bool:
    """True if the daemon listens there by itself: former definitions said nothing of such ports."""
    return isinstance(frontend, PortFrontend) and frontend.port == frontend.inside_port


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", NAMES)
def test_a_former_definition_gives_the_probes_and_ports_that_todays_gives(name: str, case: str) -> None:
    router, given = CASES[case], []
    for definition in (load_definition(FORMER / name), load_definition(ROOT / "services" / name)):
        manifest = definition.manifest
        instance = with_frontends(definition, router)
        watches = [manifest.readiness, manifest.liveness, manifest.verification, manifest.survey]
        probes = [probe for watch in watches if isinstance(watch, Watch) for probe in watch.probes]
        given.append(
            (
                [replace(frontend, item=None, share=None) for frontend in instance.frontends if not is_own(frontend)],
                RENDERER.probes(manifest, probes, router, instance),
                [replace(item, item=None) for item in RENDERER.undertakings(manifest, router, instance)],
                RENDERER.gap_port(manifest, router, instance),
            )
        )
    assert given[0] == given[1]
    assert name == "password" or case == "empty" or given[0][0] or given[0][2]


def test_the_bounds_that_were_built_in_hold_for_a_former_definition() -> None:
    bounds = load_definition(FORMER / "dnsmasq").manifest.bounds
    assert (bounds.least_of("lease_seconds"), bounds.most_of("milliseconds")) == (120, 2**31 - 1)


SLOW_MEMBER = replace(
    SAMPLE.load_balancing.listeners[0].backends[0], settings=((MemberOption.SLOW_START, 2000), (MemberOption.TLS, None))
)
CHECK = HealthCheck(CheckKind.HTTP, expectations=(Expectation(Expected.STATUS, ((200, 299),), is_negated=True),))


@pytest.mark.parametrize(
    ("part", "name", "seen"),
    [
        (SourceStickiness(204800, 1_800_000), "table_size", "200k"),
        (SourceStickiness(204800, 1_800_000), "expire", "30m"),
        (LearnedCookieStickiness("id", hold_ms=1500), "holdtime", "1500ms"),
        (CHECK, "kind", "httpchk"),
        (CHECK, "expectations", (("!", "status", "200-299"),)),
        (SLOW_MEMBER, "options", ("slowstart 2s", "ssl")),
        (SAMPLE.networks[0], "network", SAMPLE.networks[0].network),
        (SAMPLE.passwords[0], "secret", SAMPLE.passwords[0].secret),
    ],
)
def test_a_part_is_seen_as_it_is_printed(part: object, name: str, seen: object) -> None:
    assert getattr(Printed(part), name) == seen


def test_a_field_that_has_another_name_in_print_is_not_there_by_its_own() -> None:
    assert not hasattr(Printed(SourceStickiness()), "expire_ms")


def test_views_of_equal_parts_are_equal() -> None:
    assert Printed(SAMPLE) == Printed(replace(SAMPLE)) != Printed(RouterConfig())
    assert len({Printed(SAMPLE.networks[0]), Printed(replace(SAMPLE.networks[0]))}) == 1
    assert isinstance(Printed(SAMPLE).passwords[0].secret, Secret)
    assert Printed(SAMPLE).hosts[0].address == IPv4Address(SAMPLE.hosts[0].address)


def test_the_word_of_a_closed_set_has_its_name_and_value_as_before() -> None:
    balance = Printed(SAMPLE.load_balancing.listeners[0]).balance
    assert balance == balance.value == "roundrobin"
    assert balance.name == "ROUND_ROBIN"
