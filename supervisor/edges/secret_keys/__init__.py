"""Places of the keys that secrets in the state folder are encrypted with: a file, a credential of systemd, the TPM."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from supervisor.edges.secret_keys.credential import CredentialPlace
from supervisor.edges.secret_keys.file import FilePlace
from supervisor.edges.secret_keys.tpm import TpmPlace
from supervisor.ports.secrets import KeyPlace
from supervisor.values.settings import KeySettings, KeySource

__all__ = ["CredentialPlace", "FilePlace", "TpmPlace", "key_place"]

DEFAULT_FILE = Path("/etc/vr-supervisor/supervisor.key")
DEFAULT_SEALED = DEFAULT_FILE.with_suffix(".tpm")


def key_place(settings: KeySettings, environment: Mapping[str, str]) -> KeyPlace | None:
    """Return the place that the settings name; None: secrets are stored in clear."""
    match settings.key:
        case KeySource.FILE:
            return FilePlace(settings.path or DEFAULT_FILE)
        case KeySource.TPM:
            return TpmPlace(settings.path or DEFAULT_SEALED)
        case KeySource.CREDENTIAL:
            return CredentialPlace(settings.name, environment.get("CREDENTIALS_DIRECTORY"))
        case KeySource.NONE:
            return None
