"""A container image of a few hundred kilobytes, made from the machine's own busybox: what engines are tested with."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

APPLETS = ("sh", "sleep", "cat", "echo", "id", "head", "yes", "true", "false", "kill", "grep", "mount", "ls", "touch")


@dataclass(frozen=True, slots=True)
class TinyImage:
    """A docker-archive as the bundle sends it: manifest.json names blobs, layers stay gzipped."""

    id: str
    archive: bytes

    def stream(self, size: int = 65536) -> Iterator[bytes]:
        for start in range(0, len(self.archive), size):
            yield self.archive[start : start + size]


def build(note: str = "", above: str = "") -> TinyImage:
    """Build it; another `note` gives another image id over the same layer, `above` one more layer on top of it."""
    layers = [_layer(), *([_tar({"above": above.encode()})] if above else [])]
    packed = [gzip.compress(layer, compresslevel=1, mtime=0) for layer in layers]
    digests = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": ["PATH=/bin", "FROM_IMAGE=yes"], "Entrypoint": ["/bin/false"], "Labels": {"note": note}},
            "rootfs": {"type": "layers", "diff_ids": digests},
            "history": [{"created_by": "tests"} for _ in layers],
        },
        sort_keys=True,
    ).encode()
    blobs = {f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}": blob for blob in packed}
    config_digest = hashlib.sha256(config).hexdigest()
    config_name = f"blobs/sha256/{config_digest}"
    manifest = json.dumps([{"Config": config_name, "RepoTags": None, "Layers": list(blobs)}]).encode()
    archive = _tar({"manifest.json": manifest, config_name: config} | blobs)
    return TinyImage(f"sha256:{config_digest}", archive)


def _layer() -> bytes:
    busybox = Path("/bin/busybox").resolve(strict=True)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder in ("bin", "config", "dev", "etc", "lib64", "proc", "run", "state", "sys", "tmp"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        _add(tar, "bin/busybox", busybox.read_bytes())
        for library in _libraries(busybox):
            _add(tar, library.lstrip("/"), Path(library).resolve(strict=True).read_bytes())
        for applet in APPLETS:
            entry = tarfile.TarInfo(f"bin/{applet}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(entry)
    return buffer.getvalue()


def _libraries(program: Path) -> list[str]:
    """Return the files that the loader opens for a program; empty: it is static."""
    listing = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
    return sorted(set(re.findall(r"(/\S+) \(0x", listing)))


def _tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            _add(tar, name, content)
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o755
    tar.addfile(entry, io.BytesIO(content))
