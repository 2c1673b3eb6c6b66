"""Writes the first file system of the machine: a `newc` archive as the kernel unpacks it, a dozen files in memory.

It holds a shell, the modules that reach this machine's own root, and `init`, which mounts that root and goes on there.
"""

from __future__ import annotations

import gzip
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from lab.tools import run

SHELL = Path("/bin/busybox")
_END = "TRAILER!!!"


def write(target: Path, init: str, modules: Iterable[Path]) -> None:
    """Write the archive: `init`, its shell with the libraries it needs, and the modules in loading order."""
    files = {"init": (init.encode(), 0o755)}
    for path in (SHELL, *_libraries(SHELL)):
        files[str(path).lstrip("/")] = (path.read_bytes(), 0o755)
    for number, path in enumerate(modules):
        files[f"modules/{number:02d}-{path.name}"] = (path.read_bytes(), 0o644)
    partial = target.with_suffix(".partial")
    partial.write_bytes(gzip.compress(archive(files), compresslevel=1))
    partial.replace(target)


def archive(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    """Return the bytes of a `newc` archive of files and of the folders above them."""
    folders = sorted({str(above) for name in files for above in Path(name).parents if str(above) != "."})
    entries = [_entry(name, b"", stat.S_IFDIR | 0o755, number) for number, name in enumerate(folders, 1)]
    entries += [
        _entry(name, content, stat.S_IFREG | mode, number)
        for number, (name, (content, mode)) in enumerate(sorted(files.items()), len(folders) + 1)
    ]
    return b"".join((*entries, _entry(_END, b"", 0, 0)))


def _entry(name: str, content: bytes, mode: int, number: int) -> bytes:
    # inode, mode, uid, gid, links, time, size, four device numbers, length of the name, no checksum
    facts = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + "".join(f"{fact:08x}" for fact in facts).encode() + name.encode() + b"\0"
    return _padded(head) + _padded(content)


def _padded(raw: bytes) -> bytes:
    return raw + bytes(-len(raw) % 4)


def _libraries(program: Path) -> tuple[Path, ...]:
    """Return the libraries that the loader maps for a program, the loader itself among it; nothing for a static one."""
    lines = run(["/usr/bin/env", "LD_TRACE_LOADED_OBJECTS=1", str(program)]).splitlines()
    words = (word for line in lines for word in line.split())
    return tuple(Path(word) for word in words if word.startswith("/"))
