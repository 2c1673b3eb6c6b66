"""Debian's cloud kernel for the machine: downloaded and unpacked below `build/vm`, never installed on this machine."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lab.router import ROOT
from lab.tools import LabError, run

FOLDER = ROOT / "build" / "vm"
UNPACKED = FOLDER / "kernel"
PACKAGE = "linux-image-cloud-amd64"  # depends on the version that is current
DOWNLOAD_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Kernel:
    """One unpacked kernel package."""

    release: str
    image: Path
    modules: Path

    def files_of(self, names: tuple[str, ...]) -> tuple[Path, ...]:
        """Return the files of modules and of all they need, in the order in which they must be loaded."""
        needs = _dependencies(self.modules)
        ordered: list[str] = []
        for name in names:
            path = next((path for path in needs if Path(path).name == f"{name}.ko"), None)
            if path is None:
                raise LabError(f"cannot load {name}: {self.release} has no such module")
            # The file lists what is needed from the nearest to the furthest.
            ordered += [file for file in (*reversed(needs[path]), path) if file not in ordered]
        return tuple(self.modules / path for path in ordered)


def ensure() -> Kernel:
    """Return the kernel below `build/vm`; download it when it is not there yet."""
    if not UNPACKED.is_dir():
        _download()
    image = next((UNPACKED / "boot").glob("vmlinuz-*"))
    release = image.name.removeprefix("vmlinuz-")
    return Kernel(release, image, UNPACKED / "lib" / "modules" / release)


def _download() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    listed = run(["apt-cache", "depends", "--important", PACKAGE])
    versioned = [line.split()[-1] for line in listed.splitlines() if "linux-image-" in line and line.startswith(" ")]
    if not versioned:
        raise LabError(f"cannot find the kernel: this machine's package lists do not know {PACKAGE}")
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        folder = Path(name)
        # One shell word says where: apt-get downloads into the current folder only.
        command = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", versioned[0]]
        run(["env", f"--chdir={folder}", *command], timeout=DOWNLOAD_SECONDS)
        package = next(folder.glob("*.deb"))
        run(["dpkg-deb", "--extract", str(package), str(folder / "kernel")], timeout=DOWNLOAD_SECONDS)
        release = next((folder / "kernel" / "boot").glob("vmlinuz-*")).name.removeprefix("vmlinuz-")
        run(["depmod", "--basedir", str(folder / "kernel"), release], timeout=DOWNLOAD_SECONDS)
        shutil.move(folder / "kernel", UNPACKED)


def _dependencies(modules: Path) -> dict[str, tuple[str, ...]]:
    lines = (modules / "modules.dep").read_text().splitlines()
    return {path: tuple(needs.split()) for path, _, needs in (line.partition(":") for line in lines)}
