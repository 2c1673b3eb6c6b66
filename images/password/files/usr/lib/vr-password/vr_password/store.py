"""What has been served, acknowledged or sent to us, one small file for each guest.

An *offer* is a rendered file, `<id>\\n<password>\\n`, that others write and we only read. The store remembers which
offers a guest was served and whether the last was acknowledged, so that an old offer that is rendered again does not
come back and a new one does. A password that was sent by POST is kept here until it is acknowledged.

What was sent belongs to the guest that had the address then (`owners`, a file for each address that names its network
card): the next one there does not get it. An offer that was acknowledged is listed in the folder `spent` by its id, for
the supervisor to forget it.

Two generations and all their threads may use one store at once: a record changes under a lock, by a new file that is
renamed into place.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import secrets
import time
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
SPENT = "spent"
SWEEP_SECONDS = 10.0
SWEEP_GUESTS = 100
_ADDRESS = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_-]{0,127}")


@dataclass(frozen=True)
class Record:
    """What is remembered of a guest: the offers it was served, and where the last one or a sent password stands."""

    served: tuple[str, ...] = ()  # ids, the last one last
    is_acknowledged: bool = False
    sent: str | None = None  # came by POST; supersedes every offer until then
    owner: str | None = None  # the network card that `sent` is for; None: the address had no entry then

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

    def __init__(
        self, folder: Path, offers: Path, owners: Path | None = None, sweep_seconds: float = SWEEP_SECONDS
    ) -> None:
        self._folder, self._offers, self._owners = folder, offers, owners
        self._sweep_seconds = sweep_seconds  # between two sweeps
        self._sweep_at = time.monotonic() + sweep_seconds
        self._unswept: list[str] = []  # guests of the sweep that is under way
        self._is_swept = False  # at least once, after the start

    def prepare(self) -> None:
        """Refuse early what would fail at the first guest: the folder must be ours to write."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._folder.stat().st_uid == os.geteuid():
            self._folder.chmod(0o700)
        self._open_lock("check", os.O_RDWR | os.O_CREAT).close()
        with suppress(OSError):
            (self._folder / SPENT).mkdir(mode=0o700, exist_ok=True)

    def check(self) -> None:
        """Raise OSError where the store cannot be used; now and then remove what has no owner any more.

        A few guests at a time: somebody waits for the answer.
        """
        with self._locked("check"):
            pass
        with suppress(OSError):
            self._begin_sweep()
        for _ in range(SWEEP_GUESTS):
            # A record that cannot be read is passed over; another thread may have taken the last name.
            with suppress(OSError, ValueError, IndexError):
                self._sweep(IPv4Address(self._unswept.pop()))

    def _begin_sweep(self) -> None:
        """Every guest once after the start, and later those without an entry."""
        if self._owners is None or self._unswept or time.monotonic() < self._sweep_at:
            return
        guests = {name for name in os.listdir(self._folder) if _ADDRESS.fullmatch(name)}
        self._unswept = sorted(guests - set(os.listdir(self._owners)) if self._is_swept else guests)
        self._is_swept, self._sweep_at = True, time.monotonic() + self._sweep_seconds

    def _sweep(self, guest: IPv4Address) -> None:
        """Remove a password that was sent for a guest that is gone, and list again an offer that was acknowledged."""
        with self._locked(str(guest)):
            record, offer = self._read(guest), self._offer(guest)
            if self._is_of_another(guest, record):
                self._write(guest, Record(record.served, is_acknowledged=True))
            if offer and record.is_acknowledged and record.served and offer.id == record.served[-1]:
                self._list_spent(offer.id)

    def password(self, guest: IPv4Address) -> str | None:
        """Return the password to serve, and remember that it was."""
        with self._locked(str(guest)):
            record, offer = self._owned(guest), self._offer(guest)
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
            record, offer = self._owned(guest), self._offer(guest)
            if record.is_pending:
                self._write(guest, Record(record.served, is_acknowledged=True))
                self._list_spent(*record.served)
            elif offer and offer.id not in record.served:  # it never asked, and says that it has it
                self._write(guest, Record(record.with_offer(offer), is_acknowledged=True))
                self._list_spent(offer.id)

    def send(self, guest: IPv4Address, password: str) -> None:
        """Keep a password that was sent to us, instead of whatever was offered until now."""
        with self._locked(str(guest)):
            served = self._read(guest).with_offer(self._offer(guest))
            self._write(guest, Record(served, sent=password, owner=self._owner(guest)))
            self._list_spent(*served)

    def _owner(self, guest: IPv4Address) -> str | None:
        """Name the network card that has the address; None: it has no entry."""
        if self._owners is None:
            return None
        try:
            return (self._owners / str(guest)).read_text().strip()
        except FileNotFoundError:
            return None

    def _owned(self, guest: IPv4Address) -> Record:
        """Read what is remembered of the guest that has the address now: what was sent for another is left out."""
        record = self._read(guest)
        return Record(record.served, is_acknowledged=True) if self._is_of_another(guest, record) else record

    def _is_of_another(self, guest: IPv4Address, record: Record) -> bool:
        return record.sent is not None and record.owner not in (None, self._owner(guest))

    def _list_spent(self, *ids: str) -> None:
        """List offers that nobody needs any more. Where the disk cannot be written, a sweep does it later."""
        for id_ in ids:
            if _ID.fullmatch(id_):
                with suppress(OSError):
                    os.close(os.open(self._folder / SPENT / id_, os.O_WRONLY | os.O_CREAT, 0o600))

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
            return Record(tuple(found["served"]), found["is_acknowledged"], found["sent"], found.get("owner"))
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
