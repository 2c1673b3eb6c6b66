"""Places where the API listens: a unix socket for the router itself, and whatever else satisfies `Listener`."""

from __future__ import annotations

import errno
import shutil
import socket
import stat
import tempfile
from pathlib import Path
from typing import Protocol

import grpc

from supervisor.values.errors import StateError


class Listener(Protocol):
    """A place where a server listens: `attach` before it starts, `publish` once it answers, `close` at its end."""

    def attach(self, server: grpc.Server) -> None: ...

    def publish(self) -> None: ...

    def close(self) -> None: ...


class UnixListener:
    """A unix socket with mode 0600.

    It is bound in a private folder, given its mode there and renamed to its place when the server answers: at no
    moment is it open to others, silent, or (when a stale one is replaced) missing, and no umask of the process changes.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._folder: Path | None = None
        self._inode: int | None = None

    def attach(self, server: grpc.Server) -> None:
        self._refuse_taken()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(prefix=".", dir=self.path.parent))
            bound = self._folder / "s"
            server.add_insecure_port(f"unix:{bound}")
            bound.chmod(0o600)
        except (OSError, RuntimeError) as error:
            self.close()
            raise StateError(f"cannot listen on {self.path}: {error}") from error

    def publish(self) -> None:
        if self._folder is None:
            raise StateError(f"cannot publish {self.path}: nothing is bound")
        bound = self._folder / "s"
        self._refuse_taken()  # another server may have been faster since `attach`
        self._inode = bound.stat().st_ino
        bound.rename(self.path)
        self._remove_folder()

    def close(self) -> None:
        """Remove the socket, unless another server has put its own there. May be repeated."""
        self._remove_folder()
        if self._inode is not None and self._inode == _inode(self.path):
            self.path.unlink(missing_ok=True)
        self._inode = None

    def _remove_folder(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _refuse_taken(self) -> None:
        cause = _occupant(self.path)
        if cause:
            raise StateError(f"cannot listen on {self.path}: {cause}")


def _inode(path: Path) -> int | None:
    try:
        return path.lstat().st_ino
    except OSError:
        return None


def _occupant(path: Path) -> str | None:
    """Return what is in the way at the path; None: nothing, or a socket on which no program listens any more."""
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        return None if error.errno in {errno.ENOENT, errno.ENOTDIR} else str(error)
    if not stat.S_ISSOCK(mode):
        return "something that is not a socket is there"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return None
        except OSError:
            pass  # a full backlog, say: a server is there
    return "another supervisor answers there"
