"""What lies on the disk after each method; and what a hostile service plants there leads nowhere. Needs root."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from supervisor.edges.folders import DiskFolders, safefs
from supervisor.edges.folders.mounts import mount_of, mounts
from supervisor.values.errors import NoSpaceError, StateError
from supervisor.values.manifest import (
    ConfigFile,
    Drain,
    Limits,
    NetworkMode,
    Ownership,
    RuntimeFolder,
    ServiceManifest,
    StateSharing,
    StateVolume,
    Strategy,
    User,
    Watch,
)
from supervisor.values.names import Digest, ServiceName
from supervisor.values.state import Instance, Link, RenderedFile

pytestmark = pytest.mark.root

MANIFEST = ServiceManifest(
    name=ServiceName("web"),
    summary="",
    network=NetworkMode.ISOLATED,
    strategy=Strategy.OVERLAP,
    command=("web",),
    user=User(101, 102),
    limits=Limits(1, 1, 1),
    readiness=Watch((), 1.0, 1),
    liveness=Watch((), 1.0, 1),
    drain=Drain(0),
    config=(ConfigFile("a.j2", "web.conf"), ConfigFile("b.j2", "hosts/by-name/{{ item.name }}", each="router.hosts")),
    state=(
        StateVolume("store", "/state/store", StateSharing.SHARED, User(5, 6)),
        StateVolume("leases", "/state/leases", StateSharing.COPIED, User(7, 8)),
    ),
    runtime=(RuntimeFolder("run", "/run/web", User(9, 10)),),
)
OLD = Instance(
    service=MANIFEST.name,
    generation=1,
    version="1",
    release="r",
    image=Digest("sha256:1"),
    definition=Digest("sha256:2"),
    link=Link("n", "v", IPv4Address("198.18.0.1"), IPv4Address("198.18.0.2")),
    ports=(),
)
NEW = replace(OLD, generation=2)


@pytest.fixture
def folders(tmp_path: Path) -> DiskFolders:
    return DiskFolders(tmp_path / "state", tmp_path / "run")


@pytest.fixture
def old_leases(folders: DiskFolders) -> Path:
    folders.prepare(OLD, MANIFEST)
    folders.prepare(NEW, MANIFEST)
    return Path(folders.state(OLD, "leases"))


@pytest.fixture
def new_leases(folders: DiskFolders, old_leases: Path) -> Path:
    return Path(folders.state(NEW, "leases"))


def a_file(path: str, content: str = "x", is_secret: bool = False) -> RenderedFile:
    return RenderedFile(path, content.encode(), is_secret, 0)


def facts(path: Path) -> tuple[int, int, int]:
    found = path.lstat()
    return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


# ---------------------------------------------------------------- configuration


def test_write_gives_owners_and_modes(folders: DiskFolders) -> None:
    folders.write(OLD, MANIFEST, [a_file("web.conf"), a_file("keys/one", "secret", True)])
    config = Path(folders.config(OLD))
    assert facts(config / "web.conf") == (0, 0, 0o644)
    assert facts(config / "keys" / "one") == (101, 102, 0o600)
    assert facts(config / "keys") == (0, 0, 0o755)
    assert tree(config) == ["hosts", "hosts/by-name", "keys", "keys/one", "web.conf"]
    assert sorted(os.listdir(config.parent)) == ["config", "sources.json"]


def test_equal_files_are_left_alone(folders: DiskFolders) -> None:
    config = Path(folders.config(OLD))
    folders.write(OLD, MANIFEST, [a_file("a"), a_file("b")])
    before = {name: (config / name).stat().st_ino for name in ("a", "b")}
    folders.write(OLD, MANIFEST, [a_file("a"), a_file("b", "y")])
    assert (config / "a").stat().st_ino == before["a"]
    assert (config / "b").stat().st_ino != before["b"], "a changed file is a new one: a reader keeps the whole former"
    folders.write(OLD, MANIFEST, [a_file("a", is_secret=True), a_file("b", "y")])
    assert facts(config / "a") == (101, 102, 0o600)


def test_write_removes_what_is_not_wanted_and_keeps_watched_folders(folders: DiskFolders) -> None:
    config = Path(folders.config(OLD))
    folders.write(OLD, MANIFEST, [a_file("hosts/by-name/one"), a_file("x/y/z"), a_file("x/keep")])
    watched = (config / "hosts" / "by-name").stat().st_ino
    folders.write(OLD, MANIFEST, [a_file("x/keep")])
    assert tree(config) == ["hosts", "hosts/by-name", "x", "x/keep"]
    assert (config / "hosts" / "by-name").stat().st_ino == watched


def test_a_folder_may_take_the_place_of_a_file_and_back(folders: DiskFolders) -> None:
    config = Path(folders.config(OLD))
    for path in ("a", "a/b/c", "a/b", "a"):
        folders.write(OLD, MANIFEST, [a_file(path)])
        assert (config / path).read_text() == "x"


def test_write_survives_what_a_cut_left_behind(folders: DiskFolders) -> None:
    folders.write(OLD, MANIFEST, [])
    left = Path(folders.config(OLD)).parent / "new"
    left.mkdir()
    (left / "file").write_text("half")
    folders.write(OLD, MANIFEST, [a_file("a")])
    assert not left.exists()


def test_written_tells_digests(folders: DiskFolders) -> None:
    assert folders.written(OLD) == {}
    folders.write(OLD, MANIFEST, [a_file("a", ""), a_file("b/c", "x")])
    assert folders.written(OLD) == {
        "a": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "b/c": "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
    }


def test_read_gives_what_write_took(folders: DiskFolders) -> None:
    assert folders.read(OLD, MANIFEST) == ()
    files = (RenderedFile("a", b"1", False, 0), RenderedFile("b/c", b"2", True, 1), RenderedFile("d", b"3", False, 1))
    folders.write(OLD, MANIFEST, files)
    assert folders.read(OLD, MANIFEST) == files
    changed = (replace(files[1], content=b"4"), RenderedFile("e", b"5", False, 2))
    folders.write(OLD, MANIFEST, changed)
    assert folders.read(OLD, MANIFEST) == changed
    folders.write(OLD, MANIFEST, files)
    assert folders.read(OLD, MANIFEST) == files


def test_files_are_laid_by_and_forgotten(folders: DiskFolders) -> None:
    assert folders.backup(OLD) is None
    folders.remove_backup(OLD)
    files = (a_file("web.conf"), RenderedFile("keys/one", bytes(range(256)), True, 1))
    folders.write(OLD, MANIFEST, files)
    folders.save_backup(OLD, [a_file("other")])
    folders.save_backup(OLD, files)
    assert folders.backup(OLD) == files
    assert folders.backup(NEW) is None
    generation = Path(folders.config(OLD)).parent
    assert facts(generation / "kept.json") == (0, 0, 0o600)
    assert sorted(os.listdir(generation)) == ["config", "kept.json", "sources.json"]
    folders.write(OLD, MANIFEST, [a_file("web.conf", "new")])
    assert folders.backup(OLD) == files
    folders.remove_backup(OLD)
    assert folders.backup(OLD) is None


def test_what_is_laid_by_goes_with_the_generation(folders: DiskFolders) -> None:
    folders.save_backup(OLD, [a_file("web.conf")])
    folders.remove(OLD, MANIFEST)
    assert folders.backup(OLD) is None


def test_a_watcher_sees_one_rename_for_each_file(folders: DiskFolders) -> None:
    folders.write(OLD, MANIFEST, [])
    watched = Path(folders.config(OLD)) / "hosts" / "by-name"
    with _Inotify(watched) as events:
        folders.write(OLD, MANIFEST, [a_file("hosts/by-name/one"), a_file("web.conf")])
        assert events() == [(_Inotify.MOVED_TO, "one")]


def test_four_thousand_files_are_written_in_a_second_or_two(folders: DiskFolders) -> None:
    files = [a_file(f"hosts/by-name/vm-{number}", str(number)) for number in range(4000)]
    folders.ensure_tmpfs()
    try:
        started = time.monotonic()
        folders.write(OLD, MANIFEST, files)
        first = time.monotonic()
        folders.write(OLD, MANIFEST, files)
        assert first - started < 4  # 0.3 s on an idle machine
        assert time.monotonic() - first < 2
    finally:
        folders.release_tmpfs()


# ---------------------------------------------------------------- folders of a generation


def test_prepare_does_not_take_a_shared_folder_from_another_user(folders: DiskFolders, old_leases: Path) -> None:
    other = replace(MANIFEST, state=(replace(MANIFEST.state[0], user=User(50, 60)),))

    with pytest.raises(StateError, match=r"cannot prepare .*web generation 2.*store belongs to 5:6.*wants.* 50:60"):
        folders.prepare(NEW, other)

    assert facts(Path(folders.state(OLD, "store")))[:2] == (5, 6)


def test_prepare_settles_a_shared_folder_that_was_made_and_not_given_away(folders: DiskFolders) -> None:
    made = Path(folders.state(OLD, "store"))
    made.mkdir(parents=True)

    folders.prepare(OLD, MANIFEST)

    assert facts(made) == (5, 6, 0o750)


def test_prepare_makes_folders_for_their_owners(folders: DiskFolders, old_leases: Path) -> None:
    assert facts(Path(folders.runtime(OLD, "run"))) == (9, 10, 0o755)
    assert facts(Path(folders.state(OLD, "store"))) == (5, 6, 0o750)
    assert facts(old_leases) == (7, 8, 0o750)
    assert folders.state(OLD, "store") == folders.state(NEW, "store")
    assert folders.state(OLD, "leases") != folders.state(NEW, "leases")
    (old_leases / "file").write_text("x")
    folders.prepare(OLD, MANIFEST)
    assert (old_leases / "file").exists(), "what exists stays"


def test_remove_takes_only_what_is_of_the_generation(folders: DiskFolders, old_leases: Path, new_leases: Path) -> None:
    store = Path(folders.state(OLD, "store"))
    (store / "kept").write_text("x")
    (old_leases / "gone").write_text("x")
    folders.write(OLD, MANIFEST, [a_file("a")])
    folders.remove(OLD, MANIFEST)
    folders.remove(OLD, MANIFEST)
    assert not old_leases.exists()
    assert not Path(folders.config(OLD)).parent.exists()
    assert new_leases.exists()
    assert Path(folders.config(NEW)).exists()
    assert (store / "kept").exists()
    folders.remove(NEW, MANIFEST)
    assert not Path(folders.config(NEW)).parents[1].exists()
    assert (store / "kept").exists()


def test_remove_follows_no_link_and_takes_any_depth(folders: DiskFolders, old_leases: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("x")
    (old_leases / "link").symlink_to(precious)
    here = os.open(old_leases, os.O_RDONLY)
    for _ in range(3000):  # deeper than any path or any recursion
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    folders.remove(OLD, MANIFEST)
    assert not old_leases.exists()
    assert (precious / "file").exists()


# ---------------------------------------------------------------- copies of state


def test_copy_state_makes_them_equal(folders: DiskFolders, old_leases: Path, new_leases: Path) -> None:
    assert folders.copy_state(OLD, NEW, MANIFEST) is False, "both are empty"
    (old_leases / "a").write_text("1")
    os.chown(old_leases / "a", 7, 8)
    (old_leases / "a").chmod(0o640)
    (old_leases / "sub").mkdir()
    (old_leases / "sub" / "b").write_bytes(b"\0" * 100_000)
    (new_leases / "stale").mkdir()
    (new_leases / "stale" / "c").write_text("x")
    assert folders.copy_state(OLD, NEW, MANIFEST) is True
    assert tree(new_leases) == tree(old_leases) == ["a", "sub", "sub/b"]
    assert facts(new_leases / "a") == (7, 8, 0o640)
    assert folders.copy_state(OLD, NEW, MANIFEST) is False
    (old_leases / "a").write_text("2")
    assert folders.copy_state(OLD, NEW, MANIFEST) is True
    assert (new_leases / "a").read_text() == "2"


def test_state_digests_tell_whether_copies_are_equal(folders: DiskFolders, old_leases: Path, new_leases: Path) -> None:
    def equal() -> bool:
        return folders.state_digest(OLD, MANIFEST, NEW) == folders.state_digest(NEW, MANIFEST, NEW)

    assert equal()
    (old_leases / "sub").mkdir()
    (old_leases / "sub" / "a").write_text("1")
    assert not equal()
    folders.copy_state(OLD, NEW, MANIFEST)
    assert equal()
    (new_leases / "sub" / "a").write_text("2")
    assert not equal()
    folders.copy_state(OLD, NEW, MANIFEST)
    (Path(folders.state(OLD, "store")) / "shared").write_text("not looked at")
    (old_leases / "link").symlink_to("/etc/shadow")
    assert equal()


def test_copy_state_starts_from_a_shared_folder_when_sharing_changed(folders: DiskFolders, old_leases: Path) -> None:
    store = Path(folders.state(OLD, "store"))
    (store / "a").write_text("1")
    later = replace(MANIFEST, state=(replace(MANIFEST.state[0], sharing=StateSharing.COPIED),))
    folders.prepare(NEW, later)
    assert folders.copy_state(OLD, NEW, later) is True
    assert (Path(folders.state(NEW, "store")) / "a").read_text() == "1"
    assert folders.state(NEW, "store") != str(store)


def test_nothing_planted_is_followed(folders: DiskFolders, old_leases: Path, new_leases: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "shadow").write_text("secret")
    (old_leases / "link").symlink_to(outside / "shadow")
    (old_leases / "folder").symlink_to(outside)
    os.mkfifo(old_leases / "fifo")
    os.mknod(old_leases / "device", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    (old_leases / "a").write_text("new")
    (old_leases / "sub").mkdir()
    (old_leases / "sub" / "b").write_text("new")
    (new_leases / "a").symlink_to(outside / "shadow")
    (new_leases / "sub").symlink_to(outside)
    assert folders.copy_state(OLD, NEW, MANIFEST) is True
    assert tree(new_leases) == ["a", "sub", "sub/b"]
    assert not (new_leases / "a").is_symlink()
    assert not (new_leases / "sub").is_symlink()
    assert tree(outside) == ["shadow"]
    assert (outside / "shadow").read_text() == "secret"
    assert folders.copy_state(OLD, NEW, MANIFEST) is False


def test_a_folder_that_became_a_link_is_refused(folders: DiskFolders, old_leases: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    run = Path(folders.runtime(OLD, "run"))
    run.rmdir()
    run.symlink_to(target)
    with pytest.raises(StateError, match="cannot prepare the folders of web generation 1"):
        folders.prepare(OLD, MANIFEST)
    assert facts(target)[:2] == (0, 0)


def test_hostile_amounts_are_refused(folders: DiskFolders, old_leases: Path, new_leases: Path) -> None:
    with (old_leases / "sparse").open("wb") as file:
        file.truncate(safefs.MAX_BYTES + 1)
    with pytest.raises(StateError, match=r"cannot copy the state for web generation 2: more than"):
        folders.copy_state(OLD, NEW, MANIFEST)
    (old_leases / "sparse").unlink()
    (old_leases / "/".join(["d"] * 40)).mkdir(parents=True)
    with pytest.raises(StateError, match="nested more than"):
        folders.copy_state(OLD, NEW, MANIFEST)


def test_a_file_rewritten_in_place_is_copied_whole(folders: DiskFolders, old_leases: Path, new_leases: Path) -> None:
    """A writer like a lease database: rewinds, writes in small pieces, truncates."""
    stop = threading.Event()

    def rewrite() -> None:
        number = 0
        with (old_leases / "leases").open("wb", buffering=0) as file:
            while not stop.is_set():
                number += 1
                file.seek(0)
                for _ in range(20):
                    file.write(f"{number:08d}\n".encode() * 100)
                file.truncate()
                stop.wait(0.01)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        for _ in range(40):
            folders.copy_state(OLD, NEW, MANIFEST)
            copied = new_leases / "leases"
            lines = copied.read_text().splitlines() if copied.exists() else []
            assert len(set(lines)) <= 1
            assert len(lines) in {0, 2000}
    finally:
        stop.set()
        writer.join()


# ---------------------------------------------------------------- the runtime folder


def test_the_runtime_folder_becomes_a_tmpfs_once(folders: DiskFolders, tmp_path: Path) -> None:
    run = tmp_path / "run"
    try:
        folders.ensure_tmpfs(1 << 20)
        folders.ensure_tmpfs(1 << 20)
        assert run.is_mount()
        assert facts(run) == (0, 0, 0o711)
        with pytest.raises(StateError, match="No space left"):
            folders.write(OLD, MANIFEST, [a_file("big", "x" * (2 << 20))])
    finally:
        folders.release_tmpfs()
    assert not run.is_mount()
    folders.release_tmpfs()


def test_a_tmpfs_of_somebody_else_is_used_and_left(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "theirs", theirs], check=True)
    try:
        folders = DiskFolders(tmp_path / "state", theirs / "run")
        folders.ensure_tmpfs()
        assert not (theirs / "run").is_mount()
        folders.release_tmpfs()
        assert theirs.is_mount()
    finally:
        subprocess.run(["umount", theirs], check=True)


# ---------------------------------------------------------------- state volumes


def flags(folder: Path) -> set[str]:
    """Return which of the three options the mount has that a folder lies on."""
    entry = mount_of(folder)
    assert entry is not None
    return set(entry.options) & {"nosuid", "nodev", "noexec"}


def test_nothing_in_a_state_volume_is_executed(folders: DiskFolders, tmp_path: Path) -> None:
    volumes, program = tmp_path / "state" / "volumes", tmp_path / "state" / "volumes" / "program"
    try:
        folders.ensure_inert_volumes()
        folders.ensure_inert_volumes()
        assert [entry.point for entry in mounts()].count(str(volumes)) == 1
        assert flags(volumes) == {"nosuid", "nodev", "noexec"}
        shutil.copy("/bin/true", program)
        with pytest.raises(PermissionError):
            subprocess.run([program], check=True)
        folders.prepare(OLD, MANIFEST)
        folders.release_inert_volumes()
        subprocess.run([program], check=True)
    finally:
        folders.release_inert_volumes()
    assert not volumes.is_mount()
    assert list(volumes.iterdir())


def test_a_bind_of_a_folder_below_them_has_the_options_too(folders: DiskFolders, tmp_path: Path) -> None:
    """As an engine makes it that takes no such options."""
    inside, seen = tmp_path / "state" / "volumes" / "some", tmp_path / "seen"
    seen.mkdir()
    try:
        folders.ensure_inert_volumes()
        inside.mkdir()
        subprocess.run(["mount", "--bind", inside, seen], check=True)
        assert flags(seen) == {"nosuid", "nodev", "noexec"}
    finally:
        subprocess.run(["umount", seen], check=True)
        folders.release_inert_volumes()


def test_a_mount_that_was_interrupted_half_way_is_finished(folders: DiskFolders, tmp_path: Path) -> None:
    volumes = tmp_path / "state" / "volumes"
    volumes.mkdir(parents=True)
    subprocess.run(["mount", "--bind", volumes, volumes], check=True)
    try:
        folders.ensure_inert_volumes()
        assert [entry.point for entry in mounts()].count(str(volumes)) == 1
        assert flags(volumes) == {"nosuid", "nodev", "noexec"}
    finally:
        folders.release_inert_volumes()
    assert not volumes.is_mount()


def test_a_disk_of_the_operators_at_the_volumes_keeps_its_options_and_stays(
    folders: DiskFolders, tmp_path: Path
) -> None:
    volumes = tmp_path / "state" / "volumes"
    volumes.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "theirs", volumes], check=True)
    try:
        folders.ensure_inert_volumes()
        assert flags(volumes) == {"nosuid", "nodev", "noexec"}
        folders.release_inert_volumes()
        folders.release_inert_volumes()
        assert volumes.is_mount()
        assert flags(volumes) == set()
    finally:
        subprocess.run(["umount", volumes], check=True)


class _Inotify:
    """Names of what happens in a folder, straight from the kernel."""

    MOVED_TO = 0x80
    _ALL = 0xFFF & ~0x31  # not access, open and close without writing

    def __init__(self, folder: Path) -> None:
        import ctypes  # noqa: PLC0415 - of this class alone

        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(os.O_NONBLOCK)
        assert libc.inotify_add_watch(self._descriptor, os.fsencode(folder), self._ALL) >= 0

    def __enter__(self) -> _Inotify:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def __call__(self) -> list[tuple[int, str]]:
        return list(self._events())

    def _events(self) -> Iterator[tuple[int, str]]:
        try:
            rest = os.read(self._descriptor, 65536)
        except BlockingIOError:
            return
        while rest:
            length = int.from_bytes(rest[12:16], "little")
            yield int.from_bytes(rest[4:8], "little"), rest[16 : 16 + length].rstrip(b"\0").decode()
            rest = rest[16 + length :]


# ---------------------------------------------------------------- what has no owner any more

OWNED = replace(
    MANIFEST, state=(replace(MANIFEST.state[1], owned=Ownership("all", r"\d+ (\S+) (\S+)", "owners")),), runtime=()
)


@pytest.fixture
def leased(folders: DiskFolders, old_leases: Path) -> Path:
    """Two leases and a line of another kind; the new generation knows one owner, the old one does not say."""
    (old_leases / "all").write_text("1 mac-a 10.1.1.1\n2 mac-b 10.1.1.2\nserver 7\n")
    os.chown(old_leases / "all", 7, 8)
    (old_leases / "other").write_text("1 mac-a 10.1.1.1\n")
    folders.write(NEW, OWNED, [a_file("owners", "mac-b 10.1.1.2\n")])
    return old_leases / "all"


def test_what_has_no_owner_is_not_copied(folders: DiskFolders, leased: Path, new_leases: Path) -> None:
    assert folders.copy_state(OLD, NEW, OWNED) is True
    assert (new_leases / "all").read_text() == "2 mac-b 10.1.1.2\nserver 7\n"
    assert facts(new_leases / "all")[:2] == (7, 8)
    assert (new_leases / "other").read_text() == "1 mac-a 10.1.1.1\n", "only the file that is named"
    assert leased.read_text().startswith("1 mac-a"), "the source is left as it is"
    assert folders.copy_state(OLD, NEW, OWNED) is False


def test_it_is_no_difference_between_two(folders: DiskFolders, leased: Path, new_leases: Path) -> None:
    folders.copy_state(OLD, NEW, OWNED)
    assert folders.state_digest(OLD, OWNED, NEW) == folders.state_digest(NEW, OWNED, NEW)
    assert folders.state_digest(OLD, OWNED, OLD) != folders.state_digest(NEW, OWNED, OLD), "the old one keeps all"
    (new_leases / "all").write_text("3 mac-b 10.1.1.2\nserver 7\n")
    assert folders.state_digest(OLD, OWNED, NEW) != folders.state_digest(NEW, OWNED, NEW)


def test_it_is_not_replayed(folders: DiskFolders, leased: Path) -> None:
    (volume,) = OWNED.state
    assert folders.read_state(OLD, volume, "all", NEW) == b"2 mac-b 10.1.1.2\nserver 7\n"
    assert folders.read_state(OLD, volume, "all", OLD) == leased.read_bytes()
    assert folders.read_state(OLD, volume, "other", NEW) == b"1 mac-a 10.1.1.1\n"
    assert folders.read_state(OLD, volume, "none", NEW) == b""


def test_nor_is_it_there_after_a_restart(folders: DiskFolders, leased: Path) -> None:
    assert folders.prune_state(OLD, OWNED) is False, "who owns what is not said"
    folders.write(OLD, OWNED, [a_file("owners", "mac-a 10.1.1.1\n")])
    assert folders.prune_state(OLD, OWNED) is True
    assert leased.read_text() == "1 mac-a 10.1.1.1\nserver 7\n"
    assert facts(leased)[:2] == (7, 8)
    assert folders.prune_state(OLD, OWNED) is False
    leased.unlink()
    leased.symlink_to("/etc/hostname")
    assert folders.prune_state(OLD, OWNED) is False, "no link is followed"


def test_what_an_ended_supervisor_left_half_written_is_no_state(
    folders: DiskFolders, leased: Path, new_leases: Path
) -> None:
    folders.copy_state(OLD, NEW, OWNED)
    for half in (leased.parent, new_leases):
        (half / ".new-0123456789abcdef").write_text("half")
    assert folders.state_digest(OLD, OWNED, NEW) == folders.state_digest(NEW, OWNED, NEW)
    folders.copy_state(OLD, NEW, OWNED)
    assert tree(new_leases) == ["all", "other"]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory with room for a few files."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_an_error_of_its_own_and_leaves_what_was_written(tmp_path: Path, small: Path) -> None:
    folders = DiskFolders(tmp_path / "state", small)
    folders.prepare(OLD, MANIFEST)
    before = (RenderedFile("web.conf", b"good", False, 0),)
    folders.write(OLD, MANIFEST, before)
    with pytest.raises(NoSpaceError, match="No space left on device"):
        folders.write(OLD, MANIFEST, (RenderedFile("web.conf", b"x" * 100_000, False, 0),))
    assert folders.read(OLD, MANIFEST) == before
    folders.write(OLD, MANIFEST, (RenderedFile("web.conf", b"better", False, 0),))
