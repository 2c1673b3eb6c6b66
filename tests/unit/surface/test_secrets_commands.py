"""`vrctl secrets` asks the supervisor that runs, `vr-supervisor secrets` none; the status says how they are stored."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from supervisor.edges.secret_keys import FilePlace
from supervisor.edges.store.sealed_files import seal_file
from supervisor.edges.store.sealing import new_key, text_of
from supervisor.surface.api.server import ApiServer
from supervisor.surface.cli.root import vrctl
from supervisor.surface.daemon import cli
from supervisor.values.errors import SecretKeyError, StateError
from supervisor.values.status import SecretsStatus
from tests.kit.fakes.control import FakeControl

GOOD = SecretsStatus("file", "/etc/the.key", True, "01ab")


@pytest.fixture
def control(tmp_path: Path) -> Iterator[FakeControl]:
    made = FakeControl()
    server = ApiServer(made, tmp_path / "api.sock")
    server.start()
    yield made
    server.stop()


def ask(folder: Path, *arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(vrctl, ["--socket", str(folder / "api.sock"), *arguments], input=answer)


def test_a_change_of_the_key_is_shown(control: FakeControl, tmp_path: Path) -> None:
    done = ask(tmp_path, "secrets", "rotate")
    assert done.exit_code == 0
    assert "key 01 is still needed for state.db.copy-1" in done.output
    assert "key 02 is in use" in done.output
    assert ask(tmp_path, "secrets", "rotate", "--no-wait").exit_code == 0
    assert control.calls == [("rotate_secrets", True), ("rotate_secrets", False)]


def test_what_is_abandoned_is_asked_about_before(control: FakeControl, tmp_path: Path) -> None:
    assert ask(tmp_path, "secrets", "abandon", answer="n\n").exit_code == 1
    assert control.calls == []
    done = ask(tmp_path, "secrets", "abandon", "--yes")
    assert done.output == "what could not be decrypted is in state.db.abandoned-1, beside the state\n"
    assert json.loads(ask(tmp_path, "secrets", "abandon", "--yes", "--json").stdout) == {
        "place": "state.db.abandoned-1"
    }


@pytest.mark.parametrize(
    ("secrets", "line"),
    [
        (GOOD, None),
        (replace(GOOD, pending="key 23 is still needed for a"), "secrets: key 23 is still needed for a"),
        (SecretsStatus("none", "", False), "secrets are stored in clear: the settings say so"),
    ],
)
def test_the_status_says_how_they_are_stored(
    control: FakeControl, tmp_path: Path, secrets: SecretsStatus, line: str | None
) -> None:
    control.current = replace(control.current, secrets=secrets)
    text = ask(tmp_path, "status").output
    assert [found for found in text.splitlines() if "secrets" in found] == ([line] if line else [])
    shown = json.loads(ask(tmp_path, "status", "--json").stdout)["supervisor"]["secrets"]
    assert shown == {
        "source": secrets.source,
        "place": secrets.place,
        "encrypted": secrets.is_encrypted,
        "key": secrets.key,
        "former": [],
        "pending": secrets.pending,
        "message": "",
    }


# ---------------------------------------------------------------- without a daemon


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """A file that was encrypted as a whole, with the key that is beside the settings."""
    (tmp_path / "supervisor.yaml").write_text("")
    FilePlace(tmp_path / "supervisor.key").create(text_of((key := new_key(),)))
    (tmp_path / "aside").write_bytes(b"as it was")
    seal_file(key, tmp_path / "aside")
    return tmp_path / "aside"


def decrypt(file: Path, output: Path) -> Result:
    settings = str(file.with_name("supervisor.yaml"))
    return CliRunner().invoke(cli, ["secrets", "decrypt", str(file), "-o", str(output), "--config", settings])


def test_what_was_laid_aside_is_written_as_it_was(sealed: Path, tmp_path: Path) -> None:
    assert decrypt(sealed, tmp_path / "out").exit_code == 0
    assert (tmp_path / "out").read_bytes() == b"as it was"
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600


def test_nothing_is_written_over(sealed: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("there")
    failed = decrypt(sealed, tmp_path / "out")
    assert str(failed.exception) == f"cannot write {tmp_path}/out: File exists"
    assert (tmp_path / "out").read_text() == "there"


def test_without_its_key_nothing_is_left_behind(sealed: Path, tmp_path: Path) -> None:
    (tmp_path / "supervisor.key").write_text(text_of((new_key(),)))
    failed = decrypt(sealed, tmp_path / "out")
    assert isinstance(failed.exception, SecretKeyError)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [b"", b"plain text"])
def test_what_is_not_encrypted_is_refused(sealed: Path, tmp_path: Path, content: bytes) -> None:
    sealed.write_bytes(content)
    failed = decrypt(sealed, tmp_path / "out")
    assert isinstance(failed.exception, StateError)
    assert str(failed.exception) == f"cannot decrypt {sealed}: it is no file that the supervisor encrypted"
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_missing_is_named(sealed: Path, tmp_path: Path) -> None:
    failed = decrypt(tmp_path / "none", tmp_path / "out")
    assert isinstance(failed.exception, FileNotFoundError | StateError)
    assert not (tmp_path / "out").exists()
