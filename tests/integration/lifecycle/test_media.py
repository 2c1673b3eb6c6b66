"""A release arrives while everything runs: copied into the folder that the settings name."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lab.router import NEWER, bundle_path
from tests.kit.live.router import LiveRouter, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.fixture
def folder(live: LiveRouter, tmp_path: Path) -> Iterator[Path]:
    """The media folder of a supervisor that has forgotten the newer release."""
    live.router.vrctl("bundle", "prune")
    before = live.router.settings.read_text(encoding="utf-8")
    path = tmp_path / "media"
    changed = yaml.safe_load(before) | {"media_folder": str(path)}
    live.end(signal.SIGTERM)
    live.router.settings.write_text(yaml.safe_dump(changed), encoding="utf-8")
    path.mkdir()
    live.ready()
    yield path
    live.end(signal.SIGTERM)
    live.router.settings.write_text(before, encoding="utf-8")
    live.ready()


def sources(live: LiveRouter) -> dict[str, str]:
    listed = json.loads(live.router.vrctl("bundle", "list", "--json").stdout)
    return {one["release"]: one["source"] for one in listed}


def refusals(live: LiveRouter, path: Path) -> list[str]:
    lines = live.router.vrctl("events", "--json").stdout.splitlines()
    return [line for line in lines if "medium-refused" in line and str(path) in line]


def test_a_release_copied_into_the_folder_is_imported(live: LiveRouter, folder: Path) -> None:
    assert NEWER not in sources(live)
    containers, path = live.containers(), folder / f"{NEWER}.iso"
    shutil.copyfile(bundle_path(NEWER), path)
    until("it is imported", lambda: sources(live).get(NEWER) == str(path), 60.0)
    assert live.containers() == containers, "nothing runs differently yet"


def test_a_file_that_is_no_bundle_is_refused_once(live: LiveRouter, folder: Path) -> None:
    path = folder / "bad.iso"
    path.write_bytes(b"not an ISO")
    until("it is refused", lambda: refusals(live, path), 20.0)
    (folder / "other.iso").write_bytes(b"neither")
    until("the next one too", lambda: refusals(live, folder / "other.iso"), 20.0)
    assert len(refusals(live, path)) == 1
