"""Whoever forges a medium reaches a process without rights, and what that says is not believed."""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from supervisor.edges.bundle.directories import MOST_BYTES, PROGRAM, Places, find_files
from supervisor.edges.bundle.directory_reader import _walk
from supervisor.values.errors import BundleError, NotABundleError
from tests.unit.bundle.bundle_workshop import Workshop

NOBODY = 65533


@pytest.fixture
def handle(tmp_path: Path) -> Iterator[int]:
    medium = tmp_path / "medium.iso"
    medium.write_bytes(b"")
    opened = os.open(medium, os.O_RDONLY)
    yield opened
    os.close(opened)


def told_by(code: str, handle: int, deadline: float = 20.0) -> Places:
    """What is found when the program is this one."""
    return find_files("medium.iso", handle, (sys.executable, "-P", "-c", code), deadline)


# The program as it is, but for what it does when it has the medium before it.
TRAPPED = """
import errno, os, sys
from supervisor.edges.bundle import directory_reader

def places(stream):
{body}

directory_reader.places = places
sys.exit(directory_reader.main())
"""


def trapped(body: str, handle: int, deadline: float = 20.0) -> Places:
    return told_by(TRAPPED.format(body="\n".join("    " + line for line in body.splitlines())), handle, deadline)


@pytest.mark.programs
def test_the_program_finds_the_files(workshop: Workshop) -> None:
    path = workshop.build()
    opened = os.open(path, os.O_RDONLY)
    found = find_files(str(path), opened, PROGRAM)
    os.close(opened)
    offset, size = found["bundle.json"]
    assert path.read_bytes()[offset : offset + size].startswith(b"{")


@pytest.mark.root  # only root has rights to give up
def test_whoever_reads_the_directories_has_no_rights(handle: int) -> None:
    found = trapped(
        f"""
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
assert status["Uid"].split() == status["Gid"].split() == ["{NOBODY}"] * 4, status
assert status["Groups"].split() == [] and int(status["CapEff"], 16) == 0 and int(status["CapPrm"], 16) == 0, status
assert status["NoNewPrivs"].strip() == "1", status
assert open("/proc/self/oom_score_adj").read().strip() == "1000"
assert len(open("/proc/self/net/dev").readlines()) == 3, "two lines of headings, and a loopback of its own"
assert sorted(os.listdir("/proc/self/fd"))[:4] == ["0", "1", "2", "3"] and len(os.listdir("/proc/self/fd")) == 4
assert not set(os.environ) - {{"PYTHONPATH", "PYTHONHOME", "LC_CTYPE"}}, os.environ
reach = lambda: os.kill({os.getpid()}, 0)
for attempt in (os.fork, lambda: bytearray(1 << 28), lambda: open("/etc/shadow"), lambda: os.setuid(0), reach):
    try:
        attempt()
    except (OSError, MemoryError):
        continue
    raise RuntimeError(f"not denied: {{attempt}}")
return {{"all of it": (1, 2)}}""",
        handle,
    )
    assert found == {"all of it": (1, 2)}


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        ('raise ValueError("a \\x1b[2J loop")', NotABundleError, r"damaged \(a  ?\[2J loop\)"),
        ('raise KeyError("of ours")', BundleError, "their reader ended with 1: .*of ours"),
        (f"return {{'x' * {2 * MOST_BYTES}: (1, 2)}}", BundleError, "their reader ended with"),
        ("return [1]", NotABundleError, "no list of files"),
        ("return {'a': (1,)}", NotABundleError, "no list of files"),
        ("return {'a': ('x', 'y')}", NotABundleError, "no list of files"),
        ("return {'a': (-1, 5)}", NotABundleError, "no list of files"),
        ("return {'a': (True, 5)}", NotABundleError, "no list of files"),
        ("return {'a\\x1b[2J': (1, 2)}", NotABundleError, r"a file is called 'a\\x1b\[2J'"),
        ("return {'a\\ud800': (1, 2)}", NotABundleError, "a file is called"),
        ("return {'../a': (1, 2)}", NotABundleError, "a file is called"),
        ("return {'/a': (1, 2)}", NotABundleError, "a file is called"),
        ("return {'x' * 2000: (1, 2)}", NotABundleError, "a file is called 'x"),
        ("return {str(n): (1, 2) for n in range(100_001)}", NotABundleError, "no list of files"),
        ("print('careless', file=sys.stderr)\nos._exit(0)", NotABundleError, r"damaged \((?!careless)"),
        ("os._exit(0)", NotABundleError, "damaged"),
        (f"os.kill(os.getpid(), {int(signal.SIGXCPU)})", NotABundleError, "takes too long"),
        (f"os.kill(os.getpid(), {int(signal.SIGALRM)})", NotABundleError, "takes too long"),
        (f"os.kill(os.getpid(), {int(signal.SIGKILL)})", BundleError, "ended with -9"),
    ],
)
def test_what_it_says_is_not_believed(handle: int, body: str, error: type[BundleError], words: str) -> None:
    with pytest.raises(error, match=words) as refused:
        trapped(body, handle)
    assert type(refused.value) is error
    assert str(refused.value).isprintable()


def test_it_is_not_waited_for_for_ever(handle: int) -> None:
    with pytest.raises(NotABundleError, match=r"not read within 0\.5 s"):
        told_by("import time; time.sleep(30)", handle, deadline=0.5)


def test_a_program_that_is_missing_is_no_fault_of_the_medium(handle: int) -> None:
    with pytest.raises(BundleError, match=r"cannot read the directories of medium\.iso: No such file"):
        find_files("medium.iso", handle, ("/nowhere/python",))


class Loop:
    """A directory record that is its own child, as pycdlib shows one."""

    rock_ridge = SimpleNamespace(
        name=lambda: b"deeper", get_file_mode=lambda: stat.S_IFDIR | 0o755, is_symlink=lambda: False
    )

    @property
    def children(self) -> list[Loop]:
        return [self]

    def is_dot(self) -> bool:
        return False

    is_dotdot = is_dot

    def is_dir(self) -> bool:
        return True


def test_directories_without_end_are_refused() -> None:
    with pytest.raises(ValueError, match="a path is too long"):
        list(_walk(Loop(), ""))
