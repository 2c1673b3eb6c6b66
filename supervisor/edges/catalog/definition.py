"""A service folder, on disk or out of a bundle, becomes a `ServiceDefinition`; or a ManifestError with every fault."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from supervisor.documents import FAULTY, DocumentError, read_yaml
from supervisor.edges.catalog.rules import RULES, Draft
from supervisor.edges.catalog.schema import MANIFEST, inside_ports
from supervisor.values.bounds import BUILT_IN_BOUNDS
from supervisor.values.errors import Fault, ManifestError
from supervisor.values.manifest import PRINTED_SCHEMA, ServiceDefinition, ServiceManifest
from supervisor.values.names import ServiceName

MANIFEST_FILE = "manifest.yaml"
TEMPLATES = "templates/"
MAX_TEMPLATE_BYTES = 1 << 20


def load_definition(folder: Path) -> ServiceDefinition:
    """Return the definition in `services/<name>/`; the last component of `folder` is the name.

    Raises ManifestError: it has faults, or a file cannot be read; all of them are listed.
    """
    folder = Path(os.path.abspath(folder))
    files: dict[str, bytes] = {}
    faults: list[Fault] = []
    for path in [folder / MANIFEST_FILE, *sorted((folder / TEMPLATES).rglob("*"))]:
        name = path.relative_to(folder).as_posix()
        try:
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                files[name] = path.read_bytes()
            elif not stat.S_ISDIR(mode):
                faults.append(Fault("", f"{name} is not a regular file"))
        except FileNotFoundError:
            pass  # only the manifest can be: the others were just listed
        except OSError as error:
            faults.append(Fault("", f"{name} cannot be read: {error.strerror}"))
    if faults:
        raise ManifestError(f"the manifest of {folder.name}", faults)
    return definition_from_files(folder.name, files)


def definition_from_files(name: str, files: Mapping[str, bytes]) -> ServiceDefinition:
    """Return the definition in the files of a folder, by their paths in it.

    Files other than the manifest and templates are passed over. Raises ManifestError: it has faults; all of them are
    listed.
    """
    what = f"the manifest of {name}"
    if MANIFEST_FILE not in files:
        raise ManifestError(what, [Fault("", f"there is no {MANIFEST_FILE}")])
    faults: list[Fault] = []
    templates = _templates(files, faults)
    try:
        document = read_yaml(files[MANIFEST_FILE])
    except DocumentError as error:
        raise ManifestError(what, [*error.faults, *faults]) from error
    fields = MANIFEST.read_fields(document, "", faults)
    if fields is not FAULTY:
        draft = Draft(name, fields, templates)
        faults.extend(fault for rule in RULES for fault in rule(draft))
    if faults:
        raise ManifestError(what, faults)
    return ServiceDefinition(_manifest(fields), tuple(sorted(templates.items())))


def _templates(files: Mapping[str, bytes], faults: list[Fault]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for path, content in sorted(files.items()):
        if not path.startswith(TEMPLATES):
            continue
        try:
            if len(content) > MAX_TEMPLATE_BYTES:
                faults.append(Fault("", f"{path} is larger than {MAX_TEMPLATE_BYTES // 1024} KiB"))
            texts[path.removeprefix(TEMPLATES)] = content.decode()
        except UnicodeDecodeError as error:
            faults.append(Fault("", f"{path} is not UTF-8 (byte {error.start})"))
            texts[path.removeprefix(TEMPLATES)] = ""
    return texts


def _manifest(fields: Mapping[str, Any]) -> ServiceManifest:
    values = dict(fields)
    user = values["user"]
    values["name"] = ServiceName(values["name"])
    values["ports"] = inside_ports(values.get("ports", ()))
    for key in ("state", "runtime"):
        values[key] = tuple(item if item.user else replace(item, user=user) for item in values.get(key, ()))
    if values["schema"] == PRINTED_SCHEMA:
        values.setdefault("bounds", BUILT_IN_BOUNDS)
    return ServiceManifest(**values)
