"""`vrctl` refuses requests for what does not exist, and files that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.router import program
from supervisor.surface.cli.exits import Exit
from tests.kit.live.router import SERVICES, LiveRouter, assert_one_line

KNOWN = SERVICES[0]
pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(["swap", "gopher"], Exit.NOT_FOUND, ["'gopher'", KNOWN], id="swap unknown service"),
        pytest.param(["restart", "gopher"], Exit.NOT_FOUND, ["'gopher'"], id="restart unknown service"),
        pytest.param(["rollback", "gopher"], Exit.NOT_FOUND, ["'gopher'"], id="roll back unknown service"),
        pytest.param(["pin", "gopher"], Exit.NOT_FOUND, ["'gopher'"], id="pin unknown service"),
        pytest.param(["logs", "gopher"], Exit.NOT_FOUND, ["'gopher'"], id="logs of unknown service"),
        pytest.param(["history", "gopher"], Exit.NOT_FOUND, ["'gopher'"], id="history of unknown service"),
        pytest.param(
            ["swap", KNOWN, "--to", "9.9"], Exit.NOT_FOUND, ["'9.9'", KNOWN, "{version}"], id="unknown version"
        ),
        pytest.param(["upgrade", "--bundle", "77.0"], Exit.NOT_FOUND, ["77.0", "12.0"], id="upgrade to no release"),
        pytest.param(["plan", "--bundle", "77.0"], Exit.NOT_FOUND, ["77.0", "12.0"], id="plan for no release"),
        pytest.param(["rollback", KNOWN], Exit.REFUSED, [KNOWN, "no former generation"], id="nothing to go to"),
        pytest.param(["confirm", KNOWN], Exit.REFUSED, [KNOWN, "nothing soaks"], id="nothing soaks"),
    ],
)
def test_an_impossible_request_is_refused(live: LiveRouter, arguments: list[str], code: Exit, words: list[str]) -> None:
    before = live.snapshot()
    done = live.router.vrctl(*arguments, check=False)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    version = live.services()[KNOWN]["version"]
    assert_one_line(done.stderr, "vrctl: cannot ", *(word.format(version=version) for word in words))
    assert live.snapshot() == before


GOOD = '{"type": "dhcpentry", "ipv4_address": "10.1.1.250", "mac_address": "00:0c:01:02:99:99", "host_name": "late"}'


@pytest.mark.parametrize(
    ("files", "words"),
    [
        pytest.param({"a.json": "{oops"}, ["a.json", "is not JSON", "line 1"], id="not JSON"),
        pytest.param({"a.json": "[1, 2]"}, ["a.json", "not a JSON object"], id="not an object"),
        pytest.param({"a.json": '{"type": "teapot"}'}, ["a.json", "type", "'teapot'", "unknown"], id="unknown type"),
        pytest.param({"a.json": "{}"}, ["a.json", "type: is missing"], id="no type"),
        pytest.param(
            {"a.json": '{"type": "dhcpentry", "ipv4_address": "10.1.1", "mac_address": "x"}'},
            ["a.json", "ipv4_address"],
            id="bad value",
        ),
        pytest.param(
            {"a.json": GOOD, "b.json": "{oops", "c.json": '{"type": "teapot"}'},
            ["b.json", "c.json"],
            id="one bad file among good ones",
        ),
    ],
)
def test_a_bad_command_file_is_refused(
    live: LiveRouter, tmp_path: Path, files: dict[str, str], words: list[str]
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    before, shown = live.snapshot(), live.router.vrctl("config", "show").stdout
    for command in ("apply", "diff"):
        done = live.router.vrctl("config", command, str(tmp_path), check=False)
        assert done.returncode == Exit.BAD_INPUT, done.stderr
        assert done.stdout == ""
        assert_one_line(done.stderr, "vrctl: cannot ", *words)
    assert live.snapshot() == before
    assert live.router.vrctl("config", "show").stdout == shown


def test_no_supervisor_answers(tmp_path: Path, live: LiveRouter) -> None:
    done = live.router.vrctl("--socket", str(tmp_path / "none.sock"), "status", check=False)
    assert done.returncode == Exit.UNREACHABLE
    assert_one_line(done.stderr, "vrctl: cannot ", "none.sock")


@pytest.mark.parametrize("arguments", [["swap"], ["frobnicate"], ["status", "--loud"], ["config", "apply", "/absent"]])
def test_wrong_usage(live: LiveRouter, arguments: list[str]) -> None:
    done = live.router.vrctl(*arguments, check=False)
    assert done.returncode == Exit.USAGE
    assert "Traceback" not in done.stderr
    assert "Error: " in done.stderr


def test_nobody_may_not_ask(live: LiveRouter) -> None:
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    done = live.run(*nobody, program("vrctl"), "--socket", str(live.router.socket), "status")
    assert done.returncode == Exit.UNREACHABLE, done.stderr
    assert_one_line(done.stderr, "vrctl: cannot ", str(live.router.socket))
