"""Places of keys: what is written is read again, whole, by root alone; what is not right is refused with its reason."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from supervisor.edges.secret_keys import CredentialPlace, FilePlace, TpmPlace, key_place
from supervisor.edges.store import KeyRing, SqliteStore
from supervisor.values.errors import SecretKeyError
from supervisor.values.settings import KeySettings, KeySource

# ---------------------------------------------------------------- a file


def test_a_file_is_made_with_its_folder_for_root_alone(tmp_path: Path) -> None:
    place = FilePlace(tmp_path / "new" / "the.key")
    assert place.read() is None
    assert not place.is_there
    place.create("text\n")
    assert place.read() == "text\n"
    assert place.is_there
    assert stat.S_IMODE((tmp_path / "new" / "the.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert os.listdir(tmp_path / "new") == ["the.key"]


def test_a_file_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    place = FilePlace(tmp_path / "the.key")
    place.create("first")
    with pytest.raises(SecretKeyError, match=r"cannot write keys to .*/the\.key: File exists"):
        place.create("second")
    assert place.read() == "first"
    place.replace("second")
    assert place.read() == "second"
    assert os.listdir(tmp_path) == ["the.key"]


def test_what_a_killed_writer_left_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "the.key.new").write_text("half")
    FilePlace(tmp_path / "the.key").create("whole")
    assert FilePlace(tmp_path / "the.key").read() == "whole"


def a_folder(path: Path) -> None:
    path.mkdir(mode=0o700)


def a_link(path: Path) -> None:
    path.with_name("other").write_text("x")
    path.symlink_to(path.with_name("other"))


def a_fifo(path: Path) -> None:
    os.mkfifo(path, 0o600)


def others_may_read(path: Path) -> None:
    path.write_text("x")
    path.chmod(0o640)


def no_text(path: Path) -> None:
    path.touch(0o600)
    path.write_bytes(b"\xff\x00")


def large(path: Path) -> None:
    path.touch(0o600)
    path.write_bytes(b"x" * 70_000)


REFUSED = {
    "it is no file": a_folder,
    "Too many levels of symbolic links": a_link,
    "its mode is 0640: others may read or write it, it must be 0600": others_may_read,
    "it is not text": no_text,
    "it has more than 64 KiB": large,
}


@pytest.mark.parametrize(("reason", "make"), [*REFUSED.items(), ("it is no file", a_fifo)])
def test_a_file_that_is_not_as_it_must_be_is_refused(tmp_path: Path, reason: str, make: object) -> None:
    path = tmp_path / "the.key"
    make(path)  # type: ignore[operator]
    with pytest.raises(SecretKeyError) as refused:
        FilePlace(path).read()
    assert str(refused.value) == f"cannot read keys from {path}: {reason}"


@pytest.mark.root
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "the.key"
    path.touch(0o600)
    os.chown(path, 1234, 0)
    with pytest.raises(SecretKeyError, match="its owner is user 1234, not 0"):
        FilePlace(path).read()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SecretKeyError, match=r"cannot write keys to .*/file/the\.key: "):
        FilePlace(tmp_path / "file" / "the.key").create("x")


# ---------------------------------------------------------------- a credential


def test_a_credential_is_what_systemd_gives(tmp_path: Path) -> None:
    place = CredentialPlace("vr", str(tmp_path))
    assert not place.is_there
    with pytest.raises(SecretKeyError, match="cannot read credential vr: it is not among those that systemd gave"):
        place.read()
    (tmp_path / "vr").write_text("text")
    assert place.read() == "text"
    assert place.is_there
    assert not place.is_writable


def test_a_credential_without_systemd_is_named() -> None:
    with pytest.raises(SecretKeyError, match="cannot read credential vr: systemd gave no credentials to this service"):
        CredentialPlace("vr", None).read()


def test_nobody_writes_a_credential(tmp_path: Path) -> None:
    place = CredentialPlace("vr", str(tmp_path))
    for write in (place.create, place.replace):
        with pytest.raises(SecretKeyError, match="cannot write credential vr: an operator makes credentials"):
            write("x")


# ---------------------------------------------------------------- the TPM


needs_tpm = pytest.mark.skipif(
    not all(map(shutil.which, ("swtpm", "systemd-creds", "tpm2_flushcontext"))),
    reason="swtpm, tpm2-tools or systemd-creds are not installed: a TPM is not tried",
)


class Chip:
    """A TPM 2.0 in software."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        socket, control = folder / "socket", folder / "socket.ctrl"
        command = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}", "--flags", "not-need-init,startup-clear"]
        command += ["--server", f"type=unixio,path={socket}", "--ctrl", f"type=unixio,path={control}"]
        self.device = f"swtpm:path={socket}"
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while not (socket.exists() and control.exists()):
            assert self._process.poll() is None
            time.sleep(0.005)

    def tidy(self) -> None:
        """End the sessions that a command left open, as the kernel's resource manager does."""
        for kind in ("-t", "-l"):
            command = ("tpm2_flushcontext", "--tcti", self.device, kind)
            subprocess.run(command, check=True, capture_output=True, timeout=20)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


class ManagedTpm(TpmPlace):
    """Tidies the chip before each command; where it is gone there is another address in its place."""

    def __init__(self, path: Path, chip: Chip, pause_seconds: float = 0.0) -> None:
        super().__init__(path, chip.device, pause_seconds)
        self.chip, self.is_gone = chip, False

    def _run(self, doing: str, arguments: Sequence[str], content: bytes = b"") -> bytes:
        self.chip.tidy()
        here = [word + "-gone" if self.is_gone and self.chip.device in word else word for word in arguments]
        return super()._run(doing, here, content)


@pytest.fixture
def chip(tmp_path: Path) -> Iterator[Chip]:
    made = Chip(tmp_path / "chip")
    yield made
    made.end()


@needs_tpm
def test_what_the_tpm_sealed_only_that_tpm_opens(tmp_path: Path, chip: Chip) -> None:
    place = ManagedTpm(tmp_path / "the.tpm", chip)
    assert place.read() is None
    place.create("a key\n")
    assert place.read() == "a key\n"
    assert b"a key" not in (tmp_path / "the.tpm").read_bytes()
    assert stat.S_IMODE((tmp_path / "the.tpm").stat().st_mode) == 0o600
    place.replace("two keys\n")
    assert place.read() == "two keys\n"
    stranger = ManagedTpm(tmp_path / "the.tpm", other := Chip(tmp_path / "other"))
    with pytest.raises(SecretKeyError, match=r"cannot read keys from .*/the\.tpm \(TPM\): "):
        stranger.read()
    other.end()


@needs_tpm
def test_a_tpm_that_is_gone_is_named_and_asked_again_after_a_pause(tmp_path: Path, chip: Chip) -> None:
    place = ManagedTpm(tmp_path / "the.tpm", chip, pause_seconds=0.5)
    place.create("a key\n")
    place.is_gone = True
    with pytest.raises(SecretKeyError, match="cannot read keys from"):
        place.read()
    place.is_gone = False
    with pytest.raises(SecretKeyError, match="cannot read keys from"):
        place.read()
    time.sleep(0.5)
    assert place.read() == "a key\n"


@needs_tpm
def test_another_state_of_secure_boot_opens_nothing(tmp_path: Path, chip: Chip) -> None:
    place = ManagedTpm(tmp_path / "the.tpm", chip)
    place.create("a key\n")
    command = ("tpm2_pcrextend", "--tcti", chip.device, f"7:sha256={'01' * 32}")
    subprocess.run(command, check=True, capture_output=True, timeout=20)
    with pytest.raises(SecretKeyError, match="policy digest does not match"):
        place.read()


@needs_tpm
def test_a_store_with_its_key_in_the_tpm(tmp_path: Path, chip: Chip) -> None:
    place = ManagedTpm(tmp_path / "the.tpm", chip)
    with closing(SqliteStore(tmp_path / "state", KeyRing(place))) as store:
        store.save_configuration("secret", ["a"])
        former = store.secrets().key
        store.rotate_key()
        while store.renew_secrets():
            pass
        assert (store.secrets().is_encrypted, store.secrets().former) == (True, ())
        assert store.secrets().key != former
    place.is_gone = True
    with closing(SqliteStore(tmp_path / "state", KeyRing(place))) as store:
        assert store.secrets().message.startswith("cannot decrypt what is stored: key ")
        assert f"cannot read keys from {tmp_path}/the.tpm (TPM): " in store.secrets().message
        with pytest.raises(SecretKeyError):
            store.configuration()
        with pytest.raises(SecretKeyError):
            store.abandon_secrets(1.0)  # there is nothing to encrypt with what is to come
        place.is_gone = False
        assert store.configuration() == "secret"
        store.renew_secrets()
        assert store.secrets().message == ""


@pytest.mark.skipif(not shutil.which("systemd-creds"), reason="systemd-creds is not installed")
@pytest.mark.skipif(Path("/dev/tpmrm0").exists(), reason="this machine has a TPM")
def test_without_a_tpm_nothing_is_written(tmp_path: Path) -> None:
    place = TpmPlace(tmp_path / "the.tpm")
    with pytest.raises(SecretKeyError, match=r"cannot seal keys for .*/the\.tpm \(TPM\): \S"):
        place.create("x")
    assert os.listdir(tmp_path) == []


# ---------------------------------------------------------------- the settings


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (KeySettings(), "/etc/vr-supervisor/supervisor.key"),
        (KeySettings(KeySource.FILE, Path("/a/b")), "/a/b"),
        (KeySettings(KeySource.TPM), "/etc/vr-supervisor/supervisor.tpm (TPM)"),
        (KeySettings(KeySource.CREDENTIAL, name="x"), "credential x"),
    ],
)
def test_the_settings_name_the_place(settings: KeySettings, name: str) -> None:
    place = key_place(settings, {"CREDENTIALS_DIRECTORY": "/run/credentials/vr"})
    assert place is not None
    assert (place.name, place.source) == (name, settings.key)


def test_the_settings_may_name_none() -> None:
    assert key_place(KeySettings(KeySource.NONE), {}) is None
