"""Keys in a file that only root may read."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from supervisor.edges.secret_keys.writing import write_whole
from supervisor.values.errors import SecretKeyError
from supervisor.values.settings import KeySource

MOST_BYTES = 64 << 10


class FilePlace:
    """Satisfies `ports.secrets.KeyPlace`. The file is refused unless it is ours alone: mode 0600, owner root."""

    source = KeySource.FILE
    is_writable = True

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        return str(self._path)

    @property
    def is_there(self) -> bool:
        return self._path.exists()

    def read(self) -> str | None:
        try:
            handle = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SecretKeyError(f"cannot read keys from {self._path}: {error.strerror}") from error
        try:
            if reason := _reason_to_refuse(os.fstat(handle)):
                raise SecretKeyError(f"cannot read keys from {self._path}: {reason}")
            return os.read(handle, MOST_BYTES).decode("ascii")
        except OSError as error:
            raise SecretKeyError(f"cannot read keys from {self._path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise SecretKeyError(f"cannot read keys from {self._path}: it is not text") from error
        finally:
            os.close(handle)

    def create(self, text: str) -> None:
        with _explained(self._path):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self._path, text.encode("ascii"), is_new=True)

    def replace(self, text: str) -> None:
        with _explained(self._path):
            write_whole(self._path, text.encode("ascii"), is_new=False)


def _reason_to_refuse(status: os.stat_result) -> str:
    if not stat.S_ISREG(status.st_mode):
        return "it is no file"
    if status.st_uid != os.geteuid():
        return f"its owner is user {status.st_uid}, not {os.geteuid()}"
    if stat.S_IMODE(status.st_mode) & 0o077:
        return f"its mode is {stat.S_IMODE(status.st_mode):04o}: others may read or write it, it must be 0600"
    if status.st_size > MOST_BYTES:
        return f"it has more than {MOST_BYTES >> 10} KiB"
    return ""


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SecretKeyError(f"cannot write keys to {path}: {error.strerror}") from error
