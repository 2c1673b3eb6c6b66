"""The daemon's settings. Paths are absolute; times are in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network
from pathlib import Path

from supervisor.values.ceiling import DEFAULT_CEILING, Ceiling
from supervisor.values.trust import TrustPolicy

DEFAULT_POOL = IPv4Network("198.18.0.0/15")
"""Reserved for measuring network devices (RFC 2544): nobody's public or private network."""


DEFAULT_CREDENTIAL = "vr-supervisor"


class KeySource(StrEnum):
    """The kind of place that has the keys of the secrets in the state folder."""

    FILE = "file"
    CREDENTIAL = "credential"  # systemd gives it to the service
    TPM = "tpm"  # a file that only this machine's TPM can decrypt
    NONE = "none"  # secrets are stored in clear


@dataclass(frozen=True, slots=True)
class KeySettings:
    """The settings of the keys that secrets in the state folder are encrypted with. `former` is read with as well."""

    key: KeySource = KeySource.FILE
    path: Path | None = None  # of `file` and `tpm`; None: beside the settings file
    name: str = DEFAULT_CREDENTIAL  # of `credential`
    former: KeySettings | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in the file of `vr-supervisor run --config FILE`. Every default suits a real router."""

    state_dir: Path = Path("/var/lib/vr-supervisor")
    runtime_dir: Path = Path("/run/vr-supervisor")
    engine: str = "auto"  # podman, docker, auto
    engine_socket: Path | None = None  # docker: of the router's daemon; None: where it usually is
    secrets: KeySettings = KeySettings()
    trusted_keys: Path = Path("/etc/vr-supervisor/trusted.d")
    trust_warning_days: int = 60  # before something about trust expires, the status says so
    trust_grace_days: int = 30  # after that, releases are still imported
    minimum_release: str | None = None  # nothing before this release is imported or started anew
    media: tuple[Path, ...] = ()  # ISO files or block devices, attached at boot or later
    media_folder: Path | None = None  # *.iso in it are imported, also those that come later
    commands: Path | None = None  # folder of command files
    api_socket: Path = Path("/run/vr-supervisor/api.sock")
    metrics_address: str = "127.0.0.1"
    metrics_port: int = 9531
    pool: IPv4Network = DEFAULT_POOL
    namespaces: str = "vrs-"  # begins the names of network namespaces; another supervisor on this machine has another
    admit: bool = False  # accept rules for admitted packets in the router's own INPUT and FORWARD
    anchor: bool = True  # NAT stays up through flushes of the ruleset with a table that only this process may change
    userspace_data_plane: bool = False  # no ESP in this kernel: the IKE daemon carries packets itself
    soak: float | None = None  # instead of the manifests' own
    drain: float | None = None  # upper bound for the manifests' own
    ceiling: Ceiling = DEFAULT_CEILING  # the most that services may ask for, whoever signed them

    @property
    def trust_policy(self) -> TrustPolicy:
        """The settings about trust, in seconds."""
        return TrustPolicy(self.trust_warning_days * 86400.0, self.trust_grace_days * 86400.0, self.minimum_release)
