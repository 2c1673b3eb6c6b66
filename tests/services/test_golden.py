"""Golden files: what each service's templates say, so that a reviewer sees the real output.

`UPDATE_GOLDEN=1 pytest tests/services/test_golden.py` writes them anew: `golden/sample` for a router that has
something of everything, `golden/empty` for one that has nothing yet.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from supervisor.edges.catalog import load_definition
from supervisor.edges.render import TemplateRenderer
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance, RenderedFile
from tests.kit.samples.router import SAMPLE, sample_instance

SERVICES = Path(__file__).parents[2] / "services"
NAMES = tuple(sorted(path.parent.name for path in SERVICES.glob("*/manifest.yaml")))
CASES = {"sample": SAMPLE, "empty": RouterConfig()}


def definition(name: str) -> ServiceDefinition:
    return load_definition(SERVICES / name)


def instance(definition: ServiceDefinition, router: RouterConfig) -> Instance:
    bare = sample_instance(definition.manifest)
    return replace(bare, frontends=TemplateRenderer().frontends(definition.manifest, router, bare))


def rendered(name: str, router: RouterConfig) -> tuple[RenderedFile, ...]:
    found = definition(name)
    return TemplateRenderer().files(found, router, instance(found, router))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", NAMES)
def test_the_templates_say_what_the_golden_files_show(name: str, case: str) -> None:
    folder = SERVICES / name / "golden" / case
    files = {file.path: file.content for file in rendered(name, CASES[case])}
    if os.environ.get("UPDATE_GOLDEN"):
        shutil.rmtree(folder, ignore_errors=True)
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
    assert files == {str(path.relative_to(folder)): path.read_bytes() for path in _files(folder)}


def test_what_belongs_to_a_guest_is_its_daemons_alone() -> None:
    """User data and metadata are files of mode 0600, but for those that the supervisor's own probes ask for."""
    shown = {file.path for file in rendered("apache-metadata", SAMPLE) if not file.is_secret}
    guests = {path for path in shown if path.startswith("guests/") and not path.endswith("/list")}
    assert guests == {"guests/198.18.0.25/values/instance-id"}
    assert any(file.is_secret and file.path.endswith("/user-data") for file in rendered("apache-metadata", SAMPLE))


@pytest.mark.parametrize("name", NAMES)
def test_what_holds_a_secret_is_marked_as_one(name: str) -> None:
    secrets = [b"fnirq_cnffjbeq", b"s3cret", b"AdMiN", b"PRIVATE KEY"]
    exposed = [
        file.path
        for file in rendered(name, SAMPLE)
        if not file.is_secret and any(secret in file.content for secret in secrets)
    ]
    assert exposed == []


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", NAMES)
def test_there_is_a_probe_even_with_nothing_to_serve(name: str, case: str) -> None:
    found = definition(name)
    router = CASES[case]
    for watch in (found.manifest.readiness, found.manifest.liveness):
        assert TemplateRenderer().probes(found.manifest, watch.probes, router, instance(found, router))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
