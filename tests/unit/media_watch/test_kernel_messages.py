"""What the kernel says, byte for byte."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from supervisor.edges.media_watch.drives import concerned, holds_medium
from supervisor.edges.media_watch.folder import is_medium
from supervisor.edges.media_watch.inotify import CLOSE_WRITE, MOVED_TO, QUEUE_OVERFLOW, Event, events
from supervisor.edges.media_watch.uevents import LOST, Uevents, changed_device


def told(watch: int, mask: int, name: bytes = b"") -> bytes:
    return struct.pack("=iIII", watch, mask, 0, len(name)) + name


@pytest.mark.parametrize(
    ("buffer", "found"),
    [
        pytest.param(b"", [], id="nothing"),
        pytest.param(told(1, CLOSE_WRITE, b"a.iso" + bytes(11)), [Event(CLOSE_WRITE, "a.iso")], id="padded"),
        pytest.param(
            told(1, MOVED_TO, b"a.iso\0\0\0") + told(-1, QUEUE_OVERFLOW),
            [Event(MOVED_TO, "a.iso"), Event(QUEUE_OVERFLOW, "")],
            id="two, the last without a name",
        ),
        pytest.param(told(1, MOVED_TO, b"\xff.iso\0\0\0"), [Event(MOVED_TO, "\udcff.iso")], id="not UTF-8"),
        pytest.param(told(1, MOVED_TO)[:-1], [], id="torn"),
    ],
)
def test_events(buffer: bytes, found: list[Event]) -> None:
    assert list(events(buffer)) == found


def message(header: str, **facts: str) -> bytes:
    return "\0".join([header, *(f"{key}={value}" for key, value in facts.items()), ""]).encode()


DRIVE = {"ACTION": "change", "SUBSYSTEM": "block", "DEVNAME": "sr0", "DEVTYPE": "disk", "SEQNUM": "2117"}


@pytest.mark.parametrize(
    ("said", "device"),
    [
        pytest.param(message("change@/devices/x/sr0", **DRIVE, DISK_MEDIA_CHANGE="1"), "sr0", id="another medium"),
        pytest.param(message("change@/devices/x/sr0", **DRIVE), "sr0", id="changed in some way"),
        pytest.param(message("change@/devices/x/sr0", **DRIVE, DISK_EJECT_REQUEST="1"), None, id="asked to eject"),
        pytest.param(message("add@/d/vdb", **DRIVE | {"ACTION": "add", "DEVNAME": "vdb"}), "vdb", id="attached"),
        pytest.param(message("remove@/d/vdb", **DRIVE | {"ACTION": "remove"}), None, id="detached"),
        pytest.param(message("add@/d/eth1", **DRIVE | {"SUBSYSTEM": "net"}), None, id="no block device"),
        pytest.param(message("change@/d", ACTION="change", SUBSYSTEM="block"), None, id="nameless"),
        pytest.param(b"libudev\0\xfe\xed\xca\xfe" + bytes(32), None, id="udev's own"),
        pytest.param(b"\xff\0=\0\0", None, id="nonsense"),
    ],
)
def test_changed_device(said: bytes, device: str | None) -> None:
    assert changed_device(said) == device


@pytest.mark.parametrize(
    ("names", "found"),
    [
        pytest.param({"sr0"}, ["/dev/sr0"], id="a device of ours"),
        pytest.param({"vdb"}, [], id="another's"),
        pytest.param({"null"}, ["/dev/null", "LINK"], id="by link too"),
        pytest.param({LOST}, [], id="messages were lost: every block device there is"),
        pytest.param(set(), [], id="nothing"),
    ],
)
def test_concerned(names: set[str], found: list[str], tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/dev/null")
    media = (Path("/dev/sr0"), Path("/dev/null"), link, tmp_path / "a.iso")
    assert [str(one).replace(str(link), "LINK") for one in concerned(media, frozenset(names))] == found


@pytest.mark.parametrize("path", ["/dev/null", "/dev/not-there"])
def test_only_a_drive_that_says_so_is_empty(path: str) -> None:
    assert holds_medium(Path(path))


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("a.iso", True), (".a.iso", False), ("a.iso.part", False), ("a.ISO", False), (".iso", False)],
)
def test_is_medium(name: str, is_one: bool) -> None:
    assert is_medium(name) is is_one


@pytest.mark.root
def test_the_kernel_tells_of_a_device() -> None:
    """Writing to a device's `uevent` file makes the kernel send its message again."""
    try:
        place = next(Path("/sys/block").glob("*/uevent"))
        uevents = Uevents()
    except (StopIteration, OSError) as error:
        pytest.skip(f"the kernel does not tell of devices here: {error}")
    try:
        assert uevents.read() == frozenset()
        place.write_text("change")
        assert place.parent.name in uevents.read()
    finally:
        uevents.close()
