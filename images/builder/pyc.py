"""Byte code for a tree's Python, compiled by its own interpreter: a read-only container could not cache it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from builder.tree import Entry, Kind, Tree, TreeError

# Hash-based and unchecked: the content does not depend on file times, and the interpreter asks for no source. With -B
# the compiling interpreter writes no time-stamped files of its own, which would count as compiled already.
COMPILE = (
    "import compileall, py_compile, sys; "
    "sys.exit(not compileall.compile_dir('/usr/lib', quiet=1, maxlevels=30, "
    "invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH))"
)


def compile_tree(tree: Tree) -> Tree:
    """Return `tree` with `__pycache__` beside every module."""
    if os.geteuid() != 0:
        raise TreeError("cannot compile Python: chroot needs root")
    folder = Path(tempfile.mkdtemp(prefix="vr-image-"))
    try:
        _write(tree, folder)
        result = subprocess.run(
            ["chroot", str(folder), "/usr/bin/python3", "-I", "-B", "-c", COMPILE],
            env={"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if result.returncode:
            raise TreeError(f"cannot compile Python: {result.stdout.strip()[-500:]}{result.stderr.strip()[-500:]}")
        compiled_files = sorted(folder.rglob("__pycache__/*.pyc"))
        compiled = {
            path.relative_to(folder).as_posix(): Entry(Kind.FILE, 0o644, content=path.read_bytes())
            for path in compiled_files
        }
        caches = {str(Path(name).parent): Entry(Kind.FOLDER) for name in compiled}
        return tree | caches | compiled
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(tree: Tree, folder: Path) -> None:
    for path, entry in sorted(tree.items()):
        place = folder / path
        match entry.kind:
            case Kind.FOLDER:
                place.mkdir(exist_ok=True)
            case Kind.LINK:
                place.symlink_to(entry.target)
            case Kind.FILE:
                place.write_bytes(entry.content)
                place.chmod(entry.mode)
