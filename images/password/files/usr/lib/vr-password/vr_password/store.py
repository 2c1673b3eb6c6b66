"""What has been served, acknowledged or sent to us, one small file for each guest.

An *offer* is a rendered file, `<id>\\n<password>\\n`, that others write and we only read. The store remembers which
offers a guest was served and whether the last was acknowledged, so that an old offer that is rendered again does not
come back and a new one does. A password that was sent by POST is kept here until it is acknowledged.

Two generations and all their threads may use one store at once: a record changes under a lock, by a new file that is
renamed into place.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import IO

LOCKS = 64
UNWRITABLE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT})
REMEMBERED = 16
MAX_OFFER = 64 * 1024


@dataclass(frozen=True)
class Record:
    """What is remembered of a guest: the offers it was served, and where the last one or a sent password stands."""

    served: tuple[str, ...] = ()  # ids, the last one last
    is_acknowledged: bool = False
    sent: str | None = None  # came by POST; supersedes every offer until then

    @property
    def is_pending(self) -> bool:
        return self.sent is not None or (bool(self.served) and not self.is_acknowledged)

    def with_offer(self, offer: Offer | None) -> tuple[str, ...]:
        return (*self.served, offer.id)[-REMEMBERED:] if offer and offer.id not in self.served else self.served


@dataclass(frozen=True)
class Offer:
    id: str
    password: str


class Store:
    """Raises OSError when the disk does."""

    def __init__(self, folder: Path, offers: Path) -> None:
        self._folder, self._offers = folder, offers

    def prepare(self) -> None:
        """Refuse early what would fail at the first guest: the folder must be ours to write."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._folder.stat().st_uid == os.geteuid():
            self._folder.chmod(0o700)
        self._open_lock("check", os.O_RDWR | os.O_CREAT).close()

    def check(self) -> None:
        with self._locked("check"):
            pass

    def password(self, guest: IPv4Address) -> str | None:
        """Return the password to serve, and remember that it was."""
        with self._locked(str(guest)):
            record, offer = self._read(guest), self._offer(guest)
            if offer and offer.id not in record.served:
                # A disk that cannot be written shall not keep a guest from its password: it may get it once more then.
                with suppress(OSError):
                    self._write(guest, Record(record.with_offer(offer)))
                return offer.password
            if record.sent is not None:
                return record.sent
            is_last = offer is not None and offer.id == record.served[-1]
            return offer.password if offer and is_last and not record.is_acknowledged else None

    def acknowledge(self, guest: IPv4Address) -> None:
        """The guest has its password: forget it. An offer newer than the one it was served stays."""
        with self._locked(str(guest)):
            record, offer = self._read(guest), self._offer(guest)
            if record.is_pending:
                self._write(guest, Record(record.served, is_acknowledged=True))
            elif offer and offer.id not in record.served:  # it never asked, and says that it has it
                self._write(guest, Record(record.with_offer(offer), is_acknowledged=True))

    def send(self, guest: IPv4Address, password: str) -> None:
        """Keep a password that was sent to us, instead of whatever was offered until now."""
        with self._locked(str(guest)):
            self._write(guest, Record(self._read(guest).with_offer(self._offer(guest)), sent=password))

    def _offer(self, guest: IPv4Address) -> Offer | None:
        try:
            with (self._offers / str(guest)).open("rb") as file:
                id_, _, password = file.read(MAX_OFFER).decode(errors="replace").partition("\n")
        except FileNotFoundError:
            return None
        return Offer(id_, password.removesuffix("\n")) if id_ else None

    def _read(self, guest: IPv4Address) -> Record:
        try:
            found = json.loads((self._folder / str(guest)).read_bytes())
            return Record(tuple(found["served"]), found["is_acknowledged"], found["sent"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):  # a damaged record knows nothing
            return Record()

    def _write(self, guest: IPv4Address, record: Record) -> None:
        temporary = self._folder / f".{guest}.{secrets.token_hex(8)}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(json.dumps(asdict(record)).encode())
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, self._folder / str(guest))
        except BaseException:
            with suppress(FileNotFoundError):
                temporary.unlink()
            raise
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        """Hold one of some lock files, by a descriptor of our own: it excludes threads and processes alike."""
        try:
            lock = self._open_lock(key, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            lock = self._open_lock(key, os.O_RDONLY)  # enough to read what is remembered
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _open_lock(self, key: str, flags: int) -> IO[bytes]:
        number = zlib.crc32(key.encode()) % LOCKS
        return os.fdopen(os.open(self._folder / f".lock-{number:02}", flags | os.O_CLOEXEC, 0o600), "rb")
