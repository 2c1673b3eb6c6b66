"""Debian packages of one release, from the mirror this machine is configured for; its own apt state stays untouched."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class AptError(Exception):
    """apt could not be run, or does not know a package."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package in one version."""

    name: str
    version: str


def mirrors() -> tuple[str, str]:
    """Return the addresses of the archive and of its security updates, as this machine's apt sources name them."""
    codename = _own_codename()
    addresses: dict[str, list[str]] = {}
    for line in _run("apt-get", "update", "--print-uris").splitlines():
        match = re.match(r"'(.+?/?)dists/([^/]+)(?:/updates)?/InRelease'", line)
        if match:
            addresses.setdefault(match[2], []).append(match[1])
    updates = addresses.get(f"{codename}-updates", [])
    # A third party's archive may use the same suite name; only Debian's own has an -updates suite at the same address.
    main = sorted(addresses.get(codename, []), key=lambda address: address not in updates)
    security = addresses.get(f"{codename}-security", [])
    if not main or not security:
        raise AptError(f"cannot find Debian's archive: apt's sources name no {codename} and {codename}-security")
    return main[0], security[0]


def architecture() -> str:
    """Return the machine's architecture in Debian's words."""
    return _run("dpkg", "--print-architecture").strip()


class Archive:
    """The packages of one release. All state that apt has of them is in one folder."""

    def __init__(self, release: str, folder: Path) -> None:
        self._release, self._folder = release, folder.absolute()
        self._debs = self._folder / "debs"

    def update(self) -> None:
        """Fetch the signed indexes, security updates included."""
        for part in ("lists/partial", "cache/archives/partial", "sources", "debs"):
            (self._folder / part).mkdir(parents=True, exist_ok=True)
        (self._folder / "status").touch()
        main, security = mirrors()
        (self._folder / "sources" / "debian.sources").write_text(
            f"Types: deb\nURIs: {main}\nSuites: {self._release} {self._release}-updates\nComponents: main\n"
            f"Signed-By: {KEYRING}\n\n"
            f"Types: deb\nURIs: {security}\nSuites: {self._release}-security\nComponents: main\nSigned-By: {KEYRING}\n"
        )
        self._apt("update", "--error-on=any")

    def closure(self, packages: tuple[str, ...], skip: tuple[str, ...]) -> tuple[Package, ...]:
        """Return the packages and everything they depend on, but for those that `skip` matches."""
        installed = re.findall(r"^Inst (\S+) \((\S+)", self._apt("install", "--simulate", *packages), re.MULTILINE)
        return tuple(
            Package(name, version)
            for name, version in sorted(installed)
            if not any(fnmatchcase(name, glob) for glob in skip)
        )

    def fetch(self, packages: tuple[Package, ...]) -> None:
        """Download what is not there yet; apt checks each file against the signed index."""
        missing = [f"{package.name}={package.version}" for package in packages if not self._find(package)]
        if missing:
            self._apt("download", *missing)

    def deb(self, package: Package) -> Path:
        """Return the downloaded file of `package`."""
        path = self._find(package)
        if path is None:
            raise AptError(f"cannot use package {package.name} {package.version}: it was not downloaded")
        return path

    def _find(self, package: Package) -> Path | None:
        version = package.version.replace(":", "%3a")
        return next(iter(sorted(self._debs.glob(f"{package.name}_{version}_*.deb"))), None)

    def _apt(self, *arguments: str) -> str:
        state = {
            "Dir::State": self._folder,
            "Dir::State::lists": self._folder / "lists",
            "Dir::State::status": self._folder / "status",
            "Dir::Cache": self._folder / "cache",
            "Dir::Etc::sourcelist": "/dev/null",
            "Dir::Etc::sourceparts": self._folder / "sources",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "",
            "pkgCacheGen::Essential": "none",  # we want the dependencies of a daemon, not an operating system
        }
        options = [word for key, value in state.items() for word in ("-o", f"{key}={value}")]
        return _run("apt-get", "-q", *options, *arguments, folder=self._debs)


def _own_codename() -> str:
    match = re.search(r"^VERSION_CODENAME=(\S+)", Path("/etc/os-release").read_text(), re.MULTILINE)
    if not match:
        raise AptError("cannot find this machine's Debian release: /etc/os-release names no VERSION_CODENAME")
    return match[1]


def _run(*command: str, folder: Path | None = None) -> str:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode:
        said = (result.stderr or result.stdout).strip().splitlines()
        cause = "; ".join(said[-4:]) or f"exit code {result.returncode}"
        raise AptError(f"cannot run {command[0]} {command[-1]}: {cause}")
    return result.stdout
