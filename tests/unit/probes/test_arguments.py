"""Arguments: what cannot be asked is a ProbeError that names the fault; nothing is sent."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from supervisor.edges.probes import ProtocolProber
from supervisor.values.errors import EngineError, ProbeError
from supervisor.values.state import ExecResult, ProbeTarget, ResolvedProbe

TARGET = ProbeTarget("vrs-x-1", None, (("run", "/nowhere/run"),))


def prober(result: ExecResult | EngineError | None = None) -> ProtocolProber:
    def execute(container: str, command: Sequence[str], timeout: float) -> ExecResult:
        assert (container, timeout) == (TARGET.container, 1.0)
        if isinstance(result, EngineError):
            raise result
        assert result is not None, "nothing may be executed"
        return result if command == ["say", "two words"] else ExecResult(127, b"", b"not found")

    return ProtocolProber(execute)


def probe(kind: str, timeout: float = 1.0, **arguments: str) -> ResolvedProbe:
    return ResolvedProbe(kind, tuple(arguments.items()), timeout)


@pytest.mark.parametrize(
    ("asked", "cause"),
    [
        (
            probe("smtp", port="25"),
            "cannot ask 'smtp' probe: known kinds are dhcp, dns, exec, http, socket, tcp, tls, vici",
        ),
        (probe("tcp", 0.0, port="1"), "cannot ask tcp probe: its timeout is 0 s"),
        (probe("tcp"), "cannot ask tcp probe: argument port is missing"),
        (probe("tcp", port=" "), "argument port is missing"),
        (probe("tcp", port="http"), "port is 'http', not a number from 1 to 65535"),
        (probe("tcp", port="65536"), "port is '65536', not a number from 1 to 65535"),
        (probe("tcp", port="1", prot="2"), r"unknown argument prot \(it knows address, port\)"),
        (probe("tcp", port="1", address="here"), "address is 'here', not an IP address"),
        (probe("http", port="1", status="ok"), "status is 'ok', not a number from 100 to 599"),
        (probe("http", port="1", expect="("), "expect is '\\(', not a regular expression"),
        (probe("http", port="1", headers="x"), r"unknown argument headers \(.*header_\*\)"),
        (probe("http", port="1", path="/a\nb"), "cannot ask http probe"),
        (probe("dns", port="1"), "argument name is missing"),
        (probe("dns", port="1", name="a..b"), "'a..b' A is not a DNS question"),
        (probe("dns", port="1", name="a", type="AB"), "'a' AB is not a DNS question"),
        (probe("dns", port="1", name="a", protocol="sctp"), "protocol is 'sctp', not udp or tcp"),
        (probe("dhcp", port="1", address="10.0.0.1", mac="0:1"), "mac is '0:1', not an Ethernet address with colons"),
        (probe("dhcp", port="1", mac="00:0c:01:02:03:04"), "argument address is missing"),
        (probe("dhcp", port="1", address="fe80::1", mac="00:0c:01:02:03:04"), "not an IPv4 address"),
        (probe("socket", runtime="run"), "argument path is missing"),
        (probe("socket", runtime="var", path="s"), "runtime folder 'var' is not declared"),
        (probe("socket", runtime="run", path="../s"), "path is '../s', not below the runtime folder"),
        (probe("vici", runtime="run", path="/s"), "path is '/s', not below the runtime folder"),
        (probe("exec"), "argument command is missing"),
        (probe("exec", command="say 'two"), "cannot be split: No closing quotation"),
    ],
)
def test_what_cannot_be_asked_is_refused(asked: ResolvedProbe, cause: str) -> None:
    with pytest.raises(ProbeError, match=cause):
        prober().ask(asked, TARGET)


@pytest.mark.parametrize(
    ("arguments", "result", "is_good", "message"),
    [
        pytest.param({}, ExecResult(0, b"", b""), True, "exit code 0", id="silent success"),
        pytest.param({"expect": "^ok"}, ExecResult(0, b"ok now", b""), True, "exit code 0 with '^ok'", id="pattern"),
        pytest.param(
            {"expect": "ok"}, ExecResult(0, b"no", b"ok"), False, "printed 'no', expected 'ok' in it", id="other output"
        ),
        pytest.param(
            {},
            ExecResult(3, b"out", b"bad\nluck"),
            False,
            "exit code 3, expected 0; it said 'bad luck'",
            id="exit code",
        ),
        pytest.param({}, EngineError("cannot run it: too slow"), False, "cannot run it: too slow", id="engine"),
    ],
)
def test_commands(arguments: dict[str, str], result: ExecResult | EngineError, is_good: bool, message: str) -> None:
    answer = prober(result).ask(probe("exec", 1.0, command="say 'two words'", **arguments), TARGET)
    assert (answer.is_good, answer.message) == (is_good, f"command \"say 'two words'\" in vrs-x-1: {message}")
