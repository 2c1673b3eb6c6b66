"""A draft of a service's definition: its manifest as a mapping, and its templates as files, to be changed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

WRAPPER = Path(__file__).with_name("wrapper.py")
INTERPRETER = "/usr/bin/python3"


@dataclass(frozen=True)
class Draft:
    """A copy of a service's folder. `save` writes the manifest back; templates are changed at once."""

    service: str
    folder: Path

    @classmethod
    def of(cls, source: Path, folder: Path) -> Draft:
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("golden", "checks"))
        return cls(source.name, folder)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        content: dict[str, Any] = yaml.safe_load((self.folder / "manifest.yaml").read_text(encoding="utf-8"))
        return content

    def save(self) -> None:
        (self.folder / "manifest.yaml").write_text(yaml.safe_dump(self.manifest, sort_keys=False), encoding="utf-8")

    # ------------------------------------------------------------ changes

    def ready_within(self, seconds: float) -> None:
        """Set how long the candidate is waited for: the test would otherwise take as long as a real boot may."""
        self.manifest["readiness"]["deadline"] = seconds

    def wrap(self, *way: str) -> None:
        """Run the daemon under the wrapper. It must be able to signal a daemon that changes its user."""
        self.manifest["command"] = [INTERPRETER, "-I", "/config/wrapper.py", *way, "--", *self.manifest["command"]]
        self._add("wrapper.py.j2", "wrapper.py", f"{{% raw %}}{WRAPPER.read_text(encoding='utf-8')}{{% endraw %}}")
        if self.manifest["user"]["uid"] == 0:
            self.manifest["capabilities"] = [*self.manifest["capabilities"], "KILL"]

    def replace(self, template: str, old: str, new: str) -> None:
        path = self.folder / "templates" / template
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{template} of {self.service} has no {old!r} any more"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def append(self, template: str, text: str) -> None:
        with (self.folder / "templates" / template).open("a", encoding="utf-8") as file:
            file.write(f"\n{text}\n")

    def leave_out(self, target: str) -> None:
        before = self.manifest["config"]
        self.manifest["config"] = [entry for entry in before if entry["target"] != target]
        assert len(self.manifest["config"]) < len(before), f"{self.service} has no file {target} any more"

    def own(self, kind: str, uid: int) -> None:
        """Give the service's folders (`state` or `runtime`) to somebody else."""
        for folder in self.manifest[kind]:
            folder["user"] = {"uid": uid, "gid": uid}

    def _add(self, template: str, target: str, text: str) -> None:
        (self.folder / "templates" / template).write_text(text, encoding="utf-8")
        self.manifest["config"].append({"template": template, "target": target})
