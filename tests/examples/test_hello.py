"""The tutorial `docs/tutorial-add-a-service.md`, carried out: each of its commands is run as it stands there.

So a service that nothing in the repository knows is built, attached, started, swapped and rolled back under load.
"""

from __future__ import annotations

import ast
import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import network
from lab.clients import Wrk
from lab.router import Router
from lab.topology import Lab

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "tutorial-add-a-service.md"
KNOWS_NOTHING = ("supervisor", "lab", "bench", "tests")
SECONDS = 180.0  # for one block of commands; building the images takes longest


def blocks() -> dict[str, list[str]]:
    """Return the tutorial's blocks of commands by the heading that they stand below."""
    commands: dict[str, list[str]] = {}
    for section in re.split(r"(?m)^#+ ", TUTORIAL.read_text(encoding="utf-8"))[1:]:
        heading, _, text = section.partition("\n")
        commands[heading] = re.findall(r"(?ms)^```sh\n(.*?)^```$", text)
    return commands


class Terminal:
    """Runs blocks of the tutorial, each after the one that sets its variables."""

    def __init__(self, lab: Lab) -> None:
        self._blocks = blocks()
        self._variables = self._blocks.pop("Add a service")[0]
        self._environment = os.environ | {"VR_LAB": lab.prefix}
        self.left = [heading for heading, commands in self._blocks.items() if commands]

    def run(self, heading: str) -> str:
        """Run the commands below a heading; return what they printed."""
        self.left.remove(heading)
        return "".join(self._run(commands) for commands in self._blocks[heading])

    def _run(self, commands: str) -> str:
        script = f"set -euo pipefail\n{self._variables}{commands}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{commands}ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout


@contextlib.contextmanager
def lab_of_its_own() -> Iterator[Lab]:
    lab = Lab(f"vre-{os.getpid()}")
    try:
        yield lab
    finally:
        try:
            Router(lab).stop()
        finally:
            network.down(lab)
            shutil.rmtree(ROOT / "build" / "examples" / lab.prefix, ignore_errors=True)


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_the_tutorial_does_what_it_says() -> None:
    with lab_of_its_own() as lab:
        terminal = Terminal(lab)

        assert "hello" in terminal.run("The image")
        assert "good" in terminal.run("The service")
        assert "release 2.0, 1 services" in terminal.run("Two releases")

        started = terminal.run("Start it")
        older = re.findall(r"(?m)^hello +running +yes +(\S+) ", started)[-1]
        assert f"by version {older}." in started
        assert "Hello, vm-001 at 10.1.1.20." in started

        swapped = terminal.run("A new version, under load")
        newer = re.findall(r"by version (\S+)\.", swapped)[-1]
        assert newer != older
        loses_nothing(swapped)

        returned = terminal.run("And back")
        assert f"by version {older}." in returned
        loses_nothing(returned)
        generation = Router(lab).vrctl("status", "--json").stdout

        assert "Hello, visitor at 10.1.1.240." in terminal.run("A new configuration")
        assert generation_in(Router(lab).vrctl("status", "--json").stdout) == generation_in(generation)

        terminal.run("Take it away")
        assert terminal.left == []
        assert not any(Path("/run/netns").glob(f"{lab.prefix}-*"))


def loses_nothing(output: str) -> None:
    """Check what wrk, a client that is not ours, says of its requests."""
    outcome = Wrk(keep_alive=False).parse(output, 8.0)
    assert outcome.sent > 1000, outcome
    assert outcome.is_clean, output


def generation_in(status: str) -> list[str]:
    return re.findall(r'"generation": (\d+)', status)


def test_nothing_knows_the_example_but_this_test() -> None:
    naming = [
        f"{path.relative_to(ROOT)}"
        for place in KNOWS_NOTHING
        for path in sorted((ROOT / place).rglob("*.py"))
        if path != Path(__file__).resolve() and names_the_example(path.read_text(encoding="utf-8"))
    ]
    assert naming == []


def names_the_example(text: str) -> bool:
    """True if a Python file mentions the example's folder, or has its name as a text of its own."""
    constants = (node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant))
    return "examples/hello" in text or "hello" in (value for value in constants if isinstance(value, str))


def test_a_file_that_names_it_would_be_found() -> None:
    assert names_the_example("SERVICES = ['hello']")
    assert names_the_example("# see examples/hello")
    assert not names_the_example("x = b'hello'; y = 'hello from me'")
