"""Keys in a credential that systemd gives to the service (systemd.exec(5), `LoadCredentialEncrypted=`)."""

from __future__ import annotations

from pathlib import Path

from supervisor.values.errors import SecretKeyError
from supervisor.values.settings import KeySource


class CredentialPlace:
    """Satisfies `ports.secrets.KeyPlace`. `folder` is what `$CREDENTIALS_DIRECTORY` says; None: it is not set."""

    source = KeySource.CREDENTIAL
    is_writable = False

    def __init__(self, credential: str, folder: str | None) -> None:
        self._credential, self._folder = credential, folder

    @property
    def name(self) -> str:
        return f"credential {self._credential}"

    @property
    def is_there(self) -> bool:
        return self._folder is not None and (Path(self._folder) / self._credential).exists()

    def read(self) -> str | None:
        if self._folder is None:
            raise SecretKeyError(f"cannot read {self.name}: systemd gave no credentials to this service")
        try:
            return (Path(self._folder) / self._credential).read_bytes().decode("ascii")
        except FileNotFoundError as error:
            raise SecretKeyError(f"cannot read {self.name}: it is not among those that systemd gave") from error
        except OSError as error:
            raise SecretKeyError(f"cannot read {self.name}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise SecretKeyError(f"cannot read {self.name}: it is not text") from error

    def create(self, text: str) -> None:
        raise SecretKeyError(f"cannot write {self.name}: an operator makes credentials")

    def replace(self, text: str) -> None:
        self.create(text)
