"""Two services that claim one frontend: a release of them is refused; learnt later, one serves and one is refused."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import commands
from lab.router import ROOT, program
from lab.tools import inside
from supervisor.edges.bundle import keys
from supervisor.edges.bundle.build import build_bundle
from supervisor.surface.cli.exits import Exit
from tests.kit.live.router import assert_one_line, bare_namespace
from tests.unit.bundle.bundle_workshop import CREATED

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

ONE, OTHER = "password", "rival"


def two_of_a_kind(folder: Path) -> Path:
    built, images, services = ROOT / "build" / "images" / "bookworm", folder / "images", folder / "services"
    images.mkdir()
    (images / "oci").symlink_to(built / "oci")
    facts = json.loads((built / "images.json").read_text())[ONE]
    (images / "images.json").write_text(json.dumps({ONE: facts, OTHER: facts}))
    (images / "sboms").mkdir()
    for name in (ONE, OTHER):
        shutil.copy(built / "sboms" / f"{ONE}.json", images / "sboms" / f"{name}.json")
        shutil.copytree(ROOT / "services" / ONE, services / name)
        manifest = services / name / "manifest.yaml"
        manifest.write_text(manifest.read_text().replace(f"\nname: {ONE}\n", f"\nname: {name}\n"))
    keys.generate(folder / "lab.key", folder / "trusted" / "lab.pub")
    build_bundle(images, services, "1.0", CREATED, key=folder / "lab.key", output=folder / "two.iso")
    return folder / "two.iso"


@contextlib.contextmanager
def daemon(namespace: str, settings: Path) -> Iterator[None]:
    command = [program("vr-supervisor"), "run", "--stop-services", "--config", str(settings)]
    with (settings.parent / "log").open("w") as log:
        process = subprocess.Popen(inside(namespace, command), stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)
            teardown = [program("vr-supervisor"), "teardown", "--config", str(settings)]
            subprocess.run(inside(namespace, teardown), check=True, timeout=60)


@dataclass(frozen=True, slots=True)
class Place:
    folder: Path
    namespace: str

    @property
    def socket(self) -> Path:
        return self.folder / "run" / "api.sock"

    @property
    def commands(self) -> Path:
        return self.folder / "commands"

    def settings(self, **more: object) -> Path:
        values = {"state_dir": "state", "runtime_dir": "run", "trusted_keys": "trusted"}
        document: dict[str, Any] = {key: str(self.folder / value) for key, value in values.items()}
        document |= {"api_socket": str(self.socket), "namespaces": f"{self.namespace}-", **more}
        path = self.folder / "settings.yaml"
        path.write_text(yaml.safe_dump(document))
        return path

    def vrctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [program("vrctl"), "--socket", str(self.socket), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def place() -> Iterator[Place]:
    with bare_namespace("vrr-two") as namespace:
        folder = Path("/run") / namespace
        folder.mkdir()
        try:
            made = Place(folder, namespace)
            made.commands.mkdir()
            router = (commands.cmd_line(), commands.ip_associations(), commands.guest_network())
            for number, command in enumerate(router):
                (made.commands / f"{number}.json").write_text(json.dumps(command))
            for words in ("link add eth0 type bridge", "addr add 10.1.1.1/24 dev eth0", "link set eth0 up"):
                subprocess.run(["ip", "-n", namespace, *words.split()], check=True)
            yield made
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def test_a_release_of_rivals_is_refused(place: Place) -> None:
    medium = two_of_a_kind(place.folder)
    with daemon(place.namespace, place.settings(commands=str(place.commands))):
        answer_awaited(place)
        done = place.vrctl("bundle", "import", str(medium))
        assert done.returncode == Exit.BAD_INPUT, done.stderr
        assert_one_line(done.stderr, "cannot import release 1.0", ONE, OTHER, "both claim", "10.1.1.1:8080")
        assert json.loads(place.vrctl("bundle", "list", "--json").stdout) == []
        assert json.loads(place.vrctl("status", "--json").stdout)["services"] == []


def test_two_services_turn_out_to_claim_one_frontend(place: Place) -> None:
    """Before the router has networks no service claims anything."""
    with daemon(place.namespace, place.settings(media=[str(two_of_a_kind(place.folder))])):
        answer_awaited(place)
        done = place.vrctl("config", "apply", str(place.commands))  # which waits until the release is imported
        assert done.returncode == Exit.BAD_INPUT, done.stderr
        assert_one_line(done.stderr, ONE, OTHER, "both claim", "8080")
        loser, winner = settled(place)
        assert all(word in loser["message"] for word in (ONE, OTHER, "both claim", "8080")), loser["message"]
        first = winner["generation"], winner["restarts"]
        time.sleep(2.0)  # the refused one is tried again now and then
        again = settled(place)[1]
        assert (again["name"], again["generation"], again["restarts"]) == (winner["name"], *first)


def answer_awaited(place: Place) -> None:
    for _ in range(150):
        if place.vrctl("status").returncode == 0:
            return
        time.sleep(0.2)
    raise AssertionError((place.folder / "log").read_text())


def settled(place: Place) -> tuple[dict[str, Any], dict[str, Any]]:
    """Wait until one serves and the other has been refused; return the refused one, then the other."""
    found: list[dict[str, Any]] = []
    for _ in range(100):
        done = place.vrctl("status", "--json")
        found = json.loads(done.stdout)["services"] if done.returncode == 0 else []
        if [one["ready"] for one in found].count(True) == 1 and any(one["message"] for one in found):
            found.sort(key=lambda one: bool(one["ready"]))
            return found[0], found[1]
        time.sleep(0.2)
    raise AssertionError(f"neither of them won: {found}")
