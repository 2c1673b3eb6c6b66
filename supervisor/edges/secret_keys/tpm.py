"""Keys in a file that only the TPM of this machine decrypts, by systemd-creds(1).

It is sealed to PCR 7, the state of Secure Boot (TCG PC Client Platform Firmware Profile).
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from supervisor.edges.secret_keys.writing import write_whole
from supervisor.values.errors import SecretKeyError
from supervisor.values.settings import KeySource

PROGRAM = "systemd-creds"
TIMEOUT_SECONDS = 30.0
PAUSE_SECONDS = 30.0  # after a refusal: chips are slow, and some lock themselves when they are asked too often
_REGISTERS = "--tpm2-pcrs=7"
_NAME = "--name=vr-supervisor"  # the content is bound to it


class TpmPlace:
    """Satisfies `ports.secrets.KeyPlace`. `device` names another TPM than that of the kernel, as systemd-creds does."""

    source = KeySource.TPM
    is_writable = True

    def __init__(self, path: Path, device: str | None = None, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._path, self._pause_seconds = path, pause_seconds
        self._device = (f"--tpm2-device={device}",) if device else ()
        self._refused: tuple[float, str] | None = None  # when the TPM refused last, and why

    @property
    def name(self) -> str:
        return f"{self._path} (TPM)"

    @property
    def is_there(self) -> bool:
        return self._path.exists()

    def read(self) -> str | None:
        if not self._path.exists():
            return None
        if self._refused and time.monotonic() - self._refused[0] < self._pause_seconds:
            raise SecretKeyError(self._refused[1])
        try:
            text = self._run("read keys from", ("decrypt", *self._device, _NAME, str(self._path), "-")).decode("ascii")
        except UnicodeDecodeError as error:
            raise SecretKeyError(f"cannot read keys from {self.name}: it is not text") from error
        except SecretKeyError as error:
            self._refused = time.monotonic(), str(error)
            raise
        self._refused = None
        return text

    def create(self, text: str) -> None:
        self._write(text, is_new=True)

    def replace(self, text: str) -> None:
        self._write(text, is_new=False)

    def _write(self, text: str, *, is_new: bool) -> None:
        command = ("encrypt", "--with-key=tpm2", _REGISTERS, *self._device, _NAME, "-", "-")
        sealed = self._run("seal keys for", command, text.encode("ascii"))
        if not sealed:
            raise SecretKeyError(f"cannot seal keys for {self.name}: {PROGRAM} returned nothing")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self._path, sealed, is_new=is_new)
        except OSError as error:
            raise SecretKeyError(f"cannot write keys to {self.name}: {error.strerror}") from error

    def _run(self, doing: str, arguments: Sequence[str], content: bytes = b"") -> bytes:
        """Return what the program writes. Raises SecretKeyError: with the last line of its complaint."""
        try:
            done = subprocess.run(
                (PROGRAM, *arguments), input=content, capture_output=True, timeout=TIMEOUT_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            reason = f"the TPM gave no answer within {TIMEOUT_SECONDS:g} s"
            raise SecretKeyError(f"cannot {doing} {self.name}: {reason}") from error
        except OSError as error:
            raise SecretKeyError(f"cannot {doing} {self.name}: {PROGRAM}: {error.strerror}") from error
        if done.returncode:
            lines = done.stderr.decode(errors="replace").strip().splitlines()
            reason = lines[-1][:300] if lines else f"{PROGRAM} ended with {done.returncode}"
            raise SecretKeyError(f"cannot {doing} {self.name}: {reason}")
        return done.stdout
