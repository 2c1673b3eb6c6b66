"""Reads the entries of a layer as its bytes go by, in bounded memory; what could be read in two ways is refused.

The form is POSIX ustar with pax headers (pax(1), IEEE 1003.1) and long names of GNU tar (its manual, "Basic Tar
Format"). Sparse files are refused, for a few bytes of archive would become any number on the disk; so are devices and
names that lead out of the folder.
"""

from __future__ import annotations

import re

BLOCK = 512
MOST_ENTRIES = 200_000
LONGEST_EXTENSION = 1 << 20  # bytes of a pax header or a long name, which are held in memory

_FILES, _LINKS, _FOLDERS = b"0\0", b"12", b"5"
_LONG_NAME, _LONG_LINK, _PAX, _PAX_FOR_ALL = b"L", b"K", b"x", b"g"
_NUMBER = re.compile(rb"[ \0]*([0-7]*)[ \0]*")
_CHECKSUM, _FORM, _PREFIX = slice(148, 156), slice(257, 265), slice(345, 500)
_USTAR, _GNU, _OLD = b"ustar\x0000", b"ustar  \0", bytes(8)


class LayerFormError(Exception):
    """The layer is no archive that every engine unpacks to the same files. The text completes "cannot accept ...: "."""


class TarScan:
    """Feed it the plain bytes of a layer, then call `finish`. `entries` counts what would be made of them so far."""

    def __init__(self) -> None:
        self.entries = 0
        self._pending = bytearray()  # of a block, or of an extension
        self._wanted = BLOCK  # bytes that `_pending` waits for
        self._skipped = 0  # bytes of content that are still to come
        self._extension = b""  # the type of the extension that `_pending` collects; empty: a header
        self._length = 0  # of that extension, without padding
        self._extended: set[bytes] = set()  # the types of the extensions of the next entry
        self._overrides: dict[str, bytes] = {}  # by them, for the next entry
        self._is_over = False

    def feed(self, piece: bytes) -> None:
        """Take in the next bytes. Raises LayerFormError: as soon as they are wrong."""
        view, at = memoryview(piece), 0
        while at < len(view):
            if self._is_over:
                if piece.count(0, at) != len(piece) - at:
                    raise LayerFormError("it has content after its end")
                return
            if self._skipped:
                step = min(self._skipped, len(view) - at)
                self._skipped -= step
                at += step
                continue
            step = min(self._wanted - len(self._pending), len(view) - at)
            self._pending += view[at : at + step]
            at += step
            if len(self._pending) == self._wanted:
                self._take(bytes(self._pending))

    def finish(self) -> None:
        """Raises LayerFormError: the archive has no end."""
        if not self._is_over:
            raise LayerFormError("it ends in the middle")

    def _take(self, content: bytes) -> None:
        self._pending.clear()
        self._wanted = BLOCK
        if self._extension:
            self._extend(self._extension, content[: self._length])
            self._extension = b""
        elif not any(content):
            if self._overrides:
                raise LayerFormError("it ends after the name of an entry")
            self._is_over = True
        else:
            self._header(content)

    def _header(self, block: bytes) -> None:
        blanked = block[: _CHECKSUM.start] + b" " * 8 + block[_CHECKSUM.stop :]
        if sum(blanked) != _number(block[_CHECKSUM], "checksum"):
            raise LayerFormError(f"entry {self.entries + 1} has a wrong checksum")
        _refuse_other_forms(block)
        kind, size = block[156:157], _number(block[124:136], "size")
        if kind in (_LONG_NAME, _LONG_LINK, _PAX, _PAX_FOR_ALL):
            self._begin_extension(kind, size)
        else:
            self._entry(kind, size, block)

    def _begin_extension(self, kind: bytes, size: int) -> None:
        if not 0 < size <= LONGEST_EXTENSION:
            raise LayerFormError(f"entry {self.entries + 1} has an extension of {size} bytes")
        if kind in self._extended or (kind == _PAX_FOR_ALL and self._extended):  # some readers forget the one before
            raise LayerFormError(f"entry {self.entries + 1} has an extension after an extension")
        if kind != _PAX_FOR_ALL:
            self._extended.add(kind)
        self._extension, self._length = kind, size
        self._wanted = size + -size % BLOCK

    def _extend(self, kind: bytes, content: bytes) -> None:
        read = _records(content) if kind in (_PAX, _PAX_FOR_ALL) else {}
        if kind == _LONG_NAME:
            read = {"path": content.rstrip(b"\0")}
        elif kind == _LONG_LINK:
            read = {"linkpath": content.rstrip(b"\0")}
        if any(key.startswith("GNU.sparse") for key in read):
            raise LayerFormError(f"entry {self.entries + 1} is a sparse file")
        known = {key: value for key, value in read.items() if key in {"path", "linkpath", "size"}}
        if known and kind == _PAX_FOR_ALL:
            raise LayerFormError(f"a global header says the {min(known)} of all entries")
        if known.keys() & self._overrides.keys():
            raise LayerFormError(
                f"entry {self.entries + 1} says its {min(known.keys() & self._overrides.keys())} twice"
            )
        self._overrides |= known

    def _entry(self, kind: bytes, size: int, block: bytes) -> None:
        overrides, self._overrides = self._overrides, {}
        self._extended.clear()
        self.entries += 1
        if self.entries > MOST_ENTRIES:
            raise LayerFormError(f"it has more than {MOST_ENTRIES} entries")
        name = overrides.get("path") or _name(block)
        if "size" in overrides:
            if not re.fullmatch(rb"[0-9]{1,18}", overrides["size"]):
                raise LayerFormError(f"{_shown(name)} has a size that is no number")
            size = int(overrides["size"])
        if not _stays_inside(name):
            raise LayerFormError(f"{_shown(name)} is a name that leads elsewhere")
        if kind in _FILES:
            if name.endswith(b"/"):
                raise LayerFormError(f"{_shown(name)} is a folder for some readers and a file for others")
            self._skipped = size + -size % BLOCK
            return
        if kind not in _LINKS and kind not in _FOLDERS:
            raise LayerFormError(f"{_shown(name)} is neither a file, a folder nor a link (type {kind!r})")
        if size:
            raise LayerFormError(f"{_shown(name)} has content, which its type has not")
        target = overrides.get("linkpath") or _text(block[157:257])
        if kind == b"1" and not _stays_inside(target):
            raise LayerFormError(f"{_shown(name)} is a link to {_shown(target)}, which leads elsewhere")


def _refuse_other_forms(block: bytes) -> None:
    """Return if a header has a form of which all readers know whether its last part belongs to the name.

    Raises LayerFormError: it has another form, or something in that part of a form that has no such part.
    """
    form, rest = block[_FORM], block[_PREFIX.start :]
    if form not in (_USTAR, _GNU, _OLD) or (form == _USTAR and rest.endswith(b"tar\0")):
        raise LayerFormError("a header is neither ustar nor GNU")
    if form != _USTAR and any(rest):
        raise LayerFormError("a header has a part that is a name for some readers")


def _number(field: bytes, word: str) -> int:
    """Return a number of a header, octal, or where the first bit is set in base 256 (GNU)."""
    if field[0] & 0x80:
        if field[0] != 0x80 or any(field[1:4]):  # negative, or more than any disk has
            raise LayerFormError(f"a header has a {word} that is out of bounds")
        return int.from_bytes(field[1:], "big")
    found = _NUMBER.fullmatch(field)
    if found is None:
        raise LayerFormError(f"a header has a {word} that is no number")
    return int(found[1] or b"0", 8)


def _records(content: bytes) -> dict[str, bytes]:
    """Return the records of a pax header by key: `length key=value newline`, one after the other."""
    records: dict[str, bytes] = {}
    while content:
        digits, _, _ = content.partition(b" ")
        if not re.fullmatch(rb"[1-9][0-9]{0,7}", digits):
            raise LayerFormError("a pax header is damaged")
        length = int(digits)
        record, content = content[len(digits) + 1 : length], content[length:]
        key, separator, value = record.partition(b"=")
        name = key.decode(errors="replace")
        if not separator or not key or not value.endswith(b"\n") or name in records:
            raise LayerFormError("a pax header is damaged")
        records[name] = value[:-1]
    return records


def _name(block: bytes) -> bytes:
    name = _text(block[:100])
    prefix = _text(block[_PREFIX]) if block[_FORM] == _USTAR else b""
    return prefix + b"/" + name if prefix else name


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _stays_inside(name: bytes) -> bool:
    return bool(name) and not name.startswith(b"/") and b"\0" not in name and b".." not in name.split(b"/")


def _shown(name: bytes) -> str:
    return repr(name.decode(errors="replace"))[:80]
