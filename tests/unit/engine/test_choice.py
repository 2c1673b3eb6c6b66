"""Which engine is used, and that the other one's library stays out of memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from supervisor.edges.engine import make_engine
from supervisor.edges.engine.choice import choose, forget, leaving, record, recorded
from supervisor.values.errors import EngineUnavailableError


def installed(folder: Path, *programs: str) -> str:
    folder.mkdir(exist_ok=True)
    for program in programs:
        (folder / program).write_text("#!/bin/sh\n")
        (folder / program).chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("wanted", "used", "programs", "chosen"),
    [
        pytest.param("docker", None, (), "docker", id="what the settings name"),
        pytest.param("docker", "docker", ("podman",), "docker", id="what the settings name and was used last"),
        pytest.param("auto", "docker", ("podman", "dockerd"), "docker", id="what was used last"),
        pytest.param("auto", "abacus", ("podman", "dockerd"), "podman", id="not what is unknown"),
        pytest.param("auto", None, ("podman", "dockerd"), "podman", id="podman first"),
        pytest.param("auto", None, ("dockerd",), "docker", id="what is installed"),
    ],
)
def test_choice(tmp_path: Path, wanted: str, used: str | None, programs: tuple[str, ...], chosen: str) -> None:
    if used is not None:
        record(tmp_path / "state", used)
    assert choose(wanted, tmp_path / "state", installed(tmp_path / "bin", *programs)) == chosen


def test_no_engine_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailableError, match="neither podman nor dockerd is installed; install one with"):
        choose("auto", tmp_path, installed(tmp_path / "bin"))


def test_settings_that_name_another_engine_start_no_second_set_of_services(tmp_path: Path) -> None:
    record(tmp_path, "podman")
    with pytest.raises(EngineUnavailableError, match=r"run on podman .* migrate-engine --to docker"):
        choose("docker", tmp_path)
    forget(tmp_path)
    assert choose("docker", tmp_path) == "docker"


def test_the_record_knows_what_is_left(tmp_path: Path) -> None:
    assert leaving(tmp_path) is None
    record(tmp_path, "docker", "podman")
    assert (recorded(tmp_path), leaving(tmp_path)) == ("docker", "podman")
    record(tmp_path, "docker")
    assert (recorded(tmp_path), leaving(tmp_path)) == ("docker", None)


def test_the_record_is_kept(tmp_path: Path) -> None:
    assert recorded(tmp_path) is None
    for kind in ("podman", "docker", "docker"):
        record(tmp_path, kind)
        assert recorded(tmp_path) == kind


@pytest.mark.parametrize(("chosen", "other"), [("podman", "docker"), ("docker", "podman")])
def test_only_the_library_of_the_chosen_engine_is_loaded(tmp_path: Path, chosen: str, other: str) -> None:
    program = f"""
import sys
from pathlib import Path
import supervisor.surface.assembly
from supervisor.edges.engine import make_engine
make_engine({chosen!r}, Path({str(tmp_path)!r}), Path({str(tmp_path)!r})).close()
print({chosen!r} in sys.modules, {other!r} in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["True", "False"]


def test_an_unknown_engine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailableError, match="known engines are podman, docker"):
        make_engine("abacus", tmp_path, tmp_path)
