"""What an author of a service sees; and that the reference page says all that the schema does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from supervisor.edges.catalog import definition_from_files, json_schema
from supervisor.surface.manifest_commands import manifest
from tests.kit.samples.manifests import ISOLATED, files

REFERENCE = (Path(__file__).parents[3] / "docs" / "manifest.md").read_text()


def write(folder: Path, text: str) -> Path:
    for name, content in files(text).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_schema_prints_the_json_schema() -> None:
    result = CliRunner().invoke(manifest, ["schema"])
    assert json.loads(result.stdout) == json_schema()


def test_check_lists_every_fault_of_every_folder(tmp_path: Path) -> None:
    good = write(tmp_path / "web", ISOLATED)
    bad = write(tmp_path / "other", ISOLATED.replace("100ms", "soon"))
    result = CliRunner().invoke(manifest, ["check", str(good), str(bad), str(tmp_path / "none")])
    assert result.exit_code == 1
    assert f"{good}: good (4 templates)" in result.output
    assert f"{bad}: readiness.interval: must be a duration like 30s, not 'soon'" in result.output
    assert f"{bad}: name: is web, but the folder is other" in result.output
    assert f"{tmp_path / 'none'}: there is no manifest.yaml" in result.output
    assert CliRunner().invoke(manifest, ["check", str(good)]).exit_code == 0


def test_the_example_of_the_reference_is_good() -> None:
    example = re.search(r"```yaml\n(.*?)```", REFERENCE, re.DOTALL)
    assert example is not None
    templates = {f"templates/{name}": b"" for name in ("web.conf.j2", "page.j2")}
    assert definition_from_files("web", {"manifest.yaml": example[1].encode(), **templates})


@pytest.mark.parametrize("key", sorted(json_schema()["properties"]))
def test_the_reference_has_every_key(key: str) -> None:
    assert f"| `{key}`" in REFERENCE


@pytest.mark.parametrize("name", ["token", "line", "file_name", "quoted", "shell_quoted", "b64", "regex_escape"])
def test_the_reference_has_every_filter(name: str) -> None:
    assert f"| `{name}` |" in REFERENCE
