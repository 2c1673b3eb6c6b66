"""DNS answers are counted by the kernel on their way out of a real server, whatever the server says of itself."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Address

import dns.exception
import dns.message
import dns.query
import dns.rcode
import pytest

from supervisor.edges.catalog import load_definition
from supervisor.edges.network.answers import TABLE, AnswerCounters
from supervisor.edges.probes import ProtocolProber
from supervisor.values.errors import EngineError
from supervisor.values.state import ProbeTarget, ResolvedProbe, Tally
from tests.integration.probes.probe_servers import Lab, Run, wait_until
from tests.integration.probes.test_tally import ROOT

PORT, OTHER = 1053, 1054
SERVER = IPv4Address("10.1.1.1")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


@pytest.fixture
def counters(lab: Lab) -> Iterator[AnswerCounters]:
    made = AnswerCounters()
    try:
        lab.router.inside(lambda: made.read("vrs-names-1", PORT))
        yield made
    finally:
        made.close()


@pytest.fixture
def names(lab: Lab, run: Run) -> None:
    """Knows one name; refuses all others, for it knows nobody to ask."""
    if not shutil.which("dnsmasq"):
        pytest.skip("dnsmasq is not installed")
    for port in (PORT, OTHER):
        run(
            *("dnsmasq", "-k", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--user=root"),
            *(f"--port={port}", "--host-record=known.test,192.0.2.1"),
            within=lab.router,
        )
        wait_until(lambda port=port: ask(lab, "known.test", 1, port) is not None)  # type: ignore[misc]


def ask(lab: Lab, name: str, times: int, port: int = PORT, server: str = str(SERVER)) -> int | None:
    """From the guest, or from the router itself; the response code of the last one."""
    side = lab.guest if server == str(SERVER) else lab.router

    def asking() -> int | None:
        code = None
        for _ in range(times):
            try:
                code = dns.query.udp(dns.message.make_query(name, "A"), server, 0.5, port).rcode()
            except (dns.exception.DNSException, OSError):
                return None
        return code

    return side.inside(asking)


def read(lab: Lab, counters: AnswerCounters, container: str, port: int) -> tuple[Tally, ...]:
    """By what the shipped manifest says."""
    (counter,) = load_definition(ROOT / "services/dnsmasq").manifest.errors

    def execute(*_: object) -> None:
        raise EngineError("cannot run it: nobody should")

    prober = ProtocolProber(execute, counters.read)  # type: ignore[arg-type]
    source = ResolvedProbe("answers", (("port", str(port)),), 1.0)
    target = ProbeTarget(container, None, ())
    return lab.router.inside(lambda: prober.tally(source, counter.failed, counter.total, target))


@pytest.mark.usefixtures("names")
def test_refused_answers_are_told_apart_from_good_ones_and_from_those_of_another_port(
    lab: Lab, counters: AnswerCounters
) -> None:
    (before,) = read(lab, counters, "vrs-names-1", PORT)
    read(lab, counters, "vrs-names-2", OTHER)
    assert ask(lab, "known.test", 7) == dns.rcode.NOERROR
    assert ask(lab, "unknown.test", 3) == dns.rcode.REFUSED
    assert ask(lab, "known.test", 2, OTHER) == dns.rcode.NOERROR
    (after,) = read(lab, counters, "vrs-names-1", PORT)
    assert (after.failed - before.failed, after.total - before.total) == (3, 10)
    assert read(lab, counters, "vrs-names-2", OTHER) == (Tally("", 0, 2),)
    assert ask(lab, "unknown.test", 4, server="127.0.0.1") == dns.rcode.REFUSED  # a probe's
    assert read(lab, counters, "vrs-names-1", PORT) == (after,)


def test_servfail_counts_and_a_name_that_does_not_exist_does_not(lab: Lab, counters: AnswerCounters) -> None:
    def answer() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind((str(SERVER), PORT))
            for code in (dns.rcode.SERVFAIL, dns.rcode.SERVFAIL, dns.rcode.NXDOMAIN, dns.rcode.NOERROR):
                response = dns.message.make_response(dns.message.make_query("a.test", "A"))
                response.set_rcode(code)
                server.sendto(response.to_wire(), ("10.1.1.20", 9))

    lab.router.inside(answer)
    assert read(lab, counters, "vrs-names-1", PORT) == (Tally("", 2, 4),)
    assert read(lab, counters, "vrs-names-4", PORT) == (Tally("", 0, 0),)  # who has the port next begins anew


def test_the_table_outlives_a_flush_and_ends_with_its_maker(lab: Lab, counters: AnswerCounters) -> None:
    def nft(*words: str) -> str:
        command = ["nsenter", f"--net={lab.router.path}", "nft", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    nft("flush", "ruleset")
    assert read(lab, counters, "vrs-names-1", PORT) == (Tally("", 0, 0),)
    assert TABLE in nft("list", "tables")
    counters.close()
    assert TABLE not in nft("list", "tables")
