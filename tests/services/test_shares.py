"""Every frontend with connections has a share for each source, and no daemon is filled by one source alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from supervisor.edges.catalog.definition import load_definition
from supervisor.values.manifest import Protocol
from tests.kit.samples.router import SAMPLE
from tests.services.test_golden import NAMES, SERVICES, definition, instance

# What the daemon itself serves at once, by the file that says so.
ROOM = (
    ("apache-metadata", "httpd.conf", r"(?m)^MaxRequestWorkers (\d+)$"),
    ("dnsmasq", "dnsmasq.conf", r"(?m)^max-tcp-connections=(\d+)$"),
    ("haproxy", "haproxy.cfg", r"(?m)^    maxconn (\d+)$"),
)


@pytest.mark.parametrize("name", NAMES)
def test_every_frontend_with_connections_has_one(name: str) -> None:
    frontends = load_definition(SERVICES / name).manifest.frontends
    assert [frontend.name for frontend in frontends if (frontend.protocol is Protocol.TCP) != bool(frontend.fair)] == []


@pytest.mark.parametrize(("service", "file", "words"), ROOM)
def test_one_source_has_no_more_than_a_quarter_of_the_daemon(service: str, file: str, words: str) -> None:
    found = re.search(words, Path(SERVICES, service, "golden", "sample", file).read_text())
    assert found
    frontends = instance(definition(service), SAMPLE).frontends
    assert max(frontend.share.fair.open for frontend in frontends if frontend.share) * 4 <= int(found[1])


def test_one_source_cannot_hold_all_workers_of_a_process() -> None:
    """A process of mpm_event whose workers are all held closes the idle connections that it has, of whomever."""
    found = re.search(
        r"(?m)^ThreadsPerChild (\d+)$", (SERVICES / "apache-metadata/golden/sample/httpd.conf").read_text()
    )
    assert found
    frontends = instance(definition("apache-metadata"), SAMPLE).frontends
    assert max(frontend.share.fair.open for frontend in frontends if frontend.share) < int(found[1])


def test_a_rule_with_a_maximum_of_its_own_has_a_share_of_its_own() -> None:
    frontends = instance(definition("haproxy"), SAMPLE).frontends
    listeners = [frontend for frontend in frontends if frontend.name.startswith("listener-")]
    limited = [frontend for frontend in listeners if getattr(frontend.item, "max_connections", None)]
    assert [frontend.share.fair.open for frontend in limited if frontend.share] == [125]
    assert {frontend.share.fair.open for frontend in listeners if frontend.share} == {125, 1024}
