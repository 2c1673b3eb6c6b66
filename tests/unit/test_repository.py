"""Promises about the repository as a whole that are cheap to check: what is named where, how long, how documented."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from supervisor.surface.ceiling_settings import ALLOWANCE_FIELDS
from supervisor.values.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
SERVICES = sorted(path.parent.name for path in ROOT.glob("services/*/manifest.yaml"))
PACKAGES = ("supervisor", "lab", "bench")
LONGEST_MODULE = 300  # in the supervisor
LONGEST_OTHER_MODULE = 400
LONGEST_FUNCTION = 60
MOST_METHODS, MOST_ATTRIBUTES = 20, 12

LARGE_FOR_A_REASON = {
    "decisions.Course": "every fact about one undertaking that the next decision needs",
    "values.Allowance": "one field for each key of the setting `ceiling`",
    "values.ContainerSpec": "one field for each thing that an engine is asked for",
    "values.Handover": "one row of the journal: a step reads what the steps before it recorded",
    "values.HandoverRecord": "one field for each key of `vrctl history --json`",
    "values.Instance": "one row of the memory: all that was decided for one generation",
    "values.Listener": "one field for each setting of a balancer's listener",
    "values.ServiceManifest": "one field for each word of a manifest",
    "values.ServiceStatus": "one field for each key of `vrctl status --json`",
    "values.Settings": "one field for each setting in docs/settings.md",
    "values.SiteToSite": "one field for each setting of a site-to-site tunnel",
}
"""Classes outside the loop with many methods or attributes, and why they are not divided."""

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

SLEEPERS = {
    "supervisor/edges/folders/mounts.py",  # the kernel tells nobody when a file system is not busy any more
    "supervisor/edges/engine/podman_service.py",  # bounded: processes not our children
    "supervisor/surface/assembly.py",  # the clock itself
    "supervisor/surface/cli/observe.py",  # `status --watch` asks again; the process does nothing else
    "supervisor/edges/folders/safefs/entries.py",  # milliseconds: nobody says that a file was rewritten
}
OUR_MODULES = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if not re.search(r"_pb2(_grpc)?$", path.stem)
)
SUPERVISOR = [path for path in OUR_MODULES if path.is_relative_to(ROOT / "supervisor")]
TEXTS = {".py", ".pyi", ".md", ".toml", ".yaml", ".yml", ".j2", ".service", ".proto", ".sh", ".json", ""}

# Words of daemons that the supervisor may use for ideas of its own: its password model, a command's configuration.
COMMON_WORDS = {"password", "metadata"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def service_words() -> set[str]:
    """What gives a service away: its folder's name, the parts of it, the daemon it runs."""
    words = {"charon", "apache"}
    for service in SERVICES:
        manifest = yaml.safe_load((ROOT / "services" / service / "manifest.yaml").read_text())
        words |= {service, *service.split("-"), Path(manifest["command"][0]).name}
    return {word for word in words if word not in COMMON_WORDS and not word.startswith("python")}


def files() -> Iterator[Path]:
    """Everything that is, or may become, part of the repository."""
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        found = [ROOT / line for line in listed.stdout.splitlines()]
    else:  # an unpacked archive
        hidden = re.compile(r"/(\.git|\.venv|build|__pycache__|\.[a-z_]+_cache|\.hypothesis)/|\.egg-info/")
        found = [path for path in ROOT.rglob("*") if not hidden.search(f"/{name(path)}")]
    return (path for path in found if path.is_file() and path.suffix in TEXTS)


def test_there_are_services() -> None:
    assert len(SERVICES) >= 5


@pytest.mark.parametrize("path", SUPERVISOR, ids=name)
def test_the_supervisor_names_no_service(path: Path) -> None:
    pattern = re.compile(rf"(?i)\b({'|'.join(sorted(map(re.escape, service_words())))})(?![a-z])")
    named = [
        f"{number}: {line.strip()}"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]
    assert not named


@pytest.mark.parametrize("path", OUR_MODULES, ids=name)
def test_a_module_opens_with_its_place_in_the_flow(path: Path) -> None:
    text = path.read_text()
    assert not text.strip() or ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("path", OUR_MODULES, ids=name)
def test_a_module_is_not_too_long_to_hold_in_mind(path: Path) -> None:
    longest = LONGEST_MODULE if path in SUPERVISOR else LONGEST_OTHER_MODULE
    assert len(path.read_text().splitlines()) <= longest


@pytest.mark.parametrize("path", SUPERVISOR, ids=name)
def test_a_function_is_not_too_long_to_hold_in_mind(path: Path) -> None:
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, FUNCTIONS)]
    lengths = [(function.name, (function.end_lineno or 0) - function.lineno + 1) for function in functions]
    assert [(named, lines) for named, lines in lengths if lines > LONGEST_FUNCTION] == []


def attributes(defined: ast.ClassDef) -> set[str]:
    """Return the fields that the class declares, and what its methods assign to `self`."""
    declared = {
        node.target.id for node in defined.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assigned = {
        node.attr
        for node in ast.walk(defined)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }
    return declared | assigned


def large_classes() -> set[str]:
    """Return the classes of the supervisor with too many methods or attributes, as layer.name."""
    return {
        f"{path.relative_to(ROOT).parts[1]}.{node.name}"
        for path in SUPERVISOR
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        and (
            len([method for method in node.body if isinstance(method, FUNCTIONS)]) > MOST_METHODS
            or len(attributes(node)) > MOST_ATTRIBUTES
        )
    }


def test_a_class_is_small_or_has_a_reason_not_to_be() -> None:
    assert large_classes() == set(LARGE_FOR_A_REASON)


def test_in_the_loop_there_is_no_reason_for_a_large_class() -> None:
    assert not [known for known in LARGE_FOR_A_REASON if known.startswith("loop.")]


PORT_METHODS = [
    pytest.param(method, id=f"{path.stem}.{protocol.name}.{method.name}")
    for path in sorted((ROOT / "supervisor/ports").glob("*.py"))
    for protocol in ast.parse(path.read_text()).body
    if isinstance(protocol, ast.ClassDef)
    for method in protocol.body
    if isinstance(method, FUNCTIONS)
]


@pytest.mark.parametrize("method", PORT_METHODS)
def test_a_method_of_a_port_has_a_contract(method: ast.FunctionDef) -> None:
    text = ast.get_docstring(method)
    assert text, "what it does, units, what empty means, what it raises"
    assert "?" not in text
    is_optional = method.returns is not None and "None" in ast.unparse(method.returns).split(" | ")[1:]
    assert not is_optional or "None:" in text or "None;" in text, "what None means"


CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


@pytest.mark.parametrize("package", ["edges", "loop"])
def test_a_new_module_must_be_placed_in_an_import_contract(package: str) -> None:
    placing = [contract for contract in CONTRACTS if f"supervisor.{package}" in contract.get("containers", ())]
    assert [contract["exhaustive"] for contract in placing] == [True]


def test_waiting_is_for_an_event_never_a_bare_sleep() -> None:
    """The loop waits by its clock and its inbox: whoever waits says for what, and can be woken."""
    sleeping = {name(path) for path in SUPERVISOR if "time.sleep" in path.read_text()}
    assert sleeping <= SLEEPERS


def test_no_file_knows_where_somebody_keeps_the_project() -> None:
    private = re.compile(r"(?<![\w/.])/(?:home|root|work|Users)/[\w.]")
    found = [
        f"{name(path)}:{number}: {line.strip()}"
        for path in files()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if private.search(line)
    ]
    assert not found


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=name)
def test_nothing_is_patched(path: Path) -> None:
    """A test that needs another world gives a parameter or a fake that fails on request."""
    names = {"monkeypatch", "MonkeyPatch", "mock"}
    assert "ignore[" + "method-assign" not in path.read_text()
    nodes = list(ast.walk(ast.parse(path.read_text())))
    imported = {alias.name.split(".")[-1] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {part for node in nodes if isinstance(node, ast.ImportFrom) for part in (node.module or "").split(".")}
    imported |= {alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
    used = {node.arg for node in nodes if isinstance(node, ast.arg)}
    used |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    assert names.isdisjoint(imported | used)


def targets() -> dict[str, str]:
    """Each target of the Makefile that is a command, with what `make help` says about it."""
    makefile = (ROOT / "Makefile").read_text()
    commands = re.findall(r"(?m)^\.PHONY:(.*)$", makefile)
    said = dict(re.findall(r"(?m)^([a-z-]+):.*?## (.+)$", makefile))
    return {target: said.get(target, "") for line in commands for target in line.split()}


@pytest.mark.parametrize("target", sorted(targets()))
def test_help_lists_every_command(target: str) -> None:
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert targets()[target]
    assert re.search(rf"(?m)^  make {target} +\S", listed.stdout)


def test_the_readme_names_the_two_commands_and_only_commands_that_exist() -> None:
    readme = (ROOT / "README.md").read_text()
    assert re.search(r"(?m)^    make run$", readme)
    assert re.search(r"(?m)^    make test$", readme)
    assert set(re.findall(r"`make ([a-z-]+)`", readme)) <= set(targets())


PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md")), ROOT / "tests/README.md"]


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_and_named_modules_exist(path: Path) -> None:
    text = path.read_text()
    links = [path.parent / link for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)]
    modules = [ROOT / module for module in re.findall(r"`((?:supervisor|lab|tests|docs|deploy)/[\w./-]+)`", text)]
    assert not [str(missing) for missing in (*links, *modules) if not missing.exists()]


def reports() -> list[tuple[str, list[str]]]:
    """Each row of the table of reports: the numbers of its reports, and the tests that it names."""
    rows = [line.split(" | ") for line in (ROOT / "docs/reports.md").read_text().splitlines() if line.startswith("| ")]
    return [(row[0], re.findall(r"`(tests/[\w./-]+)`", row[-1])) for row in rows[1:]]


@pytest.mark.parametrize(("report", "tests"), [pytest.param(*row, id=f"row {at}") for at, row in enumerate(reports())])
def test_a_report_is_replayed_by_the_tests_that_its_row_names(report: str, tests: list[str]) -> None:
    text = "".join((ROOT / test).read_text() for test in tests)
    assert tests
    assert [number for number in re.findall(r"\[[\w/-]*(#\d+)\]", report) if not re.search(rf"{number}\b", text)] == []


def test_every_file_of_replays_is_in_the_table_of_reports() -> None:
    named = {test for _, tests in reports() for test in tests}
    assert {name(path) for path in ROOT.glob("tests/reports/test_*.py")} <= named


def test_every_setting_is_documented() -> None:
    documented = set(re.findall(r"(?m)^\| `(\w+)` \|", (ROOT / "docs/settings.md").read_text()))
    assert documented == {field.name for field in fields(Settings)}


def test_every_key_of_the_ceiling_is_documented() -> None:
    documented = set(re.findall(r"(?m)^\| `ceiling\.\*\.(\w+)` \|", (ROOT / "docs/settings.md").read_text()))
    assert documented == {field.key for field in ALLOWANCE_FIELDS}
