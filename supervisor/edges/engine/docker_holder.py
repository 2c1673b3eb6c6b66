"""Brings containers into namespaces that exist already, although Docker cannot join one by path.

A container can join the network of another one: Docker then takes /proc/<first process>/ns/net of that one at every
start. So each container in a namespace of ours has a **holder**, a container whose only process enters the namespace
(`nsenter`) and sleeps. It runs while its container is started, and at no other time: the container has joined the
namespace itself and needs the holder no more, and the namespace lives on by its name, not by a process. Compared with
attaching a container after its start, a daemon finds its interface when it begins, and restarts in the same namespace.

The holder's programs are the router's own, seen through /usr; its image is an empty file system made here. It is the
one container with SYS_ADMIN, which entering takes, for a tenth of a second, with a program of two words.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import platform
import tarfile
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from supervisor.decisions.retries import NAMESPACE_ENTRY, poll
from supervisor.edges.engine import docker_facts as facts
from supervisor.edges.engine import streams
from supervisor.edges.engine.client import RefusedError
from supervisor.edges.engine.commands import Commands, about
from supervisor.edges.engine.conventions import HOSTNAME_LENGTH
from supervisor.edges.engine.docker_client import DockerClient
from supervisor.edges.engine.docker_ownership import HOLDER_LABEL, Ownership, held, holder_name
from supervisor.edges.engine.docker_spec import ALWAYS, bind, limit
from supervisor.values.errors import EngineError, NameTakenError, NoSuchContainerError
from supervisor.values.names import Digest, ImageId

COMMAND = ["/usr/bin/nsenter", "--net=/netns", "--", "/usr/bin/sleep", "60"]  # longer than any start
MEMORY_BYTES, PIDS, NOFILE = 32 << 20, 32, 64

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_FOLDERS = ("dev", "etc", "proc", "sys", "tmp", "usr")
_LINKS = ("bin", "lib", "lib64", "sbin")  # into /usr, as in every Debian since 12


class Holders:
    def __init__(self, client: DockerClient, commands: Commands, ownership: Ownership) -> None:
        self._client, self._commands, self._ownership = client, commands, ownership
        self._in_making: set[str] = set()

    @contextlib.contextmanager
    def made(self, container: str, network: str, image: ImageId) -> Iterator[str]:
        """Make a holder for the container that the block creates, and give its id; when the block
        fails it is removed.
        """
        self._in_making.add(container)
        try:
            holder = self._create(container, network, image)
            try:
                yield holder
            except EngineError:
                with contextlib.suppress(EngineError):  # the first error is the one to raise
                    self._discard(holder)
                raise
        finally:
            self._in_making.discard(container)

    def _create(self, container: str, network: str, image: ImageId) -> str:
        self.remove(container)
        if not Path(network).exists():
            raise EngineError(f"cannot create container {container}: there is no network namespace {network}")
        name = holder_name(container)
        body = {
            "Image": image,
            "Entrypoint": COMMAND[:1],
            "Cmd": COMMAND[1:],
            "User": "0:0",
            "Labels": {**self._ownership.labels(name), HOLDER_LABEL: container},
            "Hostname": container[:HOSTNAME_LENGTH],
            "HostConfig": {
                "NetworkMode": "none",
                "ReadonlyRootfs": True,
                "CapDrop": ["ALL"],
                "CapAdd": ["CAP_SYS_ADMIN"],
                "Memory": MEMORY_BYTES,
                "MemorySwap": MEMORY_BYTES,
                "PidsLimit": PIDS,
                "Ulimits": [limit("nofile", NOFILE)],
                "Mounts": [bind("/usr", "/usr", read_only=True), bind(network, "/netns", read_only=True)],
                **ALWAYS,
            },
        }
        called = self._ownership.called(name)
        try:
            answer = self._client.post(
                f"create the holder of container {container}", "/containers/create", body, name=called
            )
        except RefusedError as error:
            if error.status == HTTPStatus.CONFLICT:
                raise NameTakenError(called) from error
            raise
        return str(answer["Id"])

    @contextlib.contextmanager
    def running(self, container: str, holder: str, network: str) -> Iterator[None]:
        """Run a holder during the block, in which its network is the namespace `network`."""
        try:
            with about(holder_name(container)):
                self._client.post(f"start the holder of container {container}", f"/containers/{holder}/start")
            self._await_entry(container, holder, network)
            yield
        finally:
            self.end(container, holder)

    def end(self, container: str, holder: str) -> None:
        """End a holder. Nothing happens when it has ended or is gone; one that cannot be ended now ends by itself."""
        with contextlib.suppress(EngineError):
            self._client.post(f"end the holder of container {container}", f"/containers/{holder}/kill", signal="KILL")

    def remove(self, container: str) -> None:
        """Remove the holder of a container; nothing happens when there is none."""
        name = holder_name(container)
        try:
            report = self._client.get(
                f"look for the holder of {container}", f"/containers/{self._ownership.called(name)}/json"
            )
        except RefusedError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return
        labels = facts.labels(report)
        if self._ownership.name_of(facts.called(report), labels) == name and held(name, labels) == container:
            self._discard(report["Id"])

    def remove_strays(self, listed: Mapping[str, Any]) -> None:
        """Remove holders without a container, which a supervisor that was killed in between left.

        `listed` are all of ours.
        """
        for name, entry in listed.items():
            container = held(name, entry["Labels"])
            if container is not None and container not in listed and not self._is_in_use(container):
                self._discard(entry["Id"])

    def _is_in_use(self, container: str) -> bool:
        """Return True if a container is about to be made, or was made since the list was: in that order."""
        path = f"/containers/{self._ownership.called(container)}/json"
        return container in self._in_making or self._client.exists(f"look for container {container}", path)

    def _discard(self, holder: str) -> None:
        with contextlib.suppress(NoSuchContainerError), about(holder):
            self._client.delete("remove a holder", f"/containers/{holder}", force="true", v="true")

    def _await_entry(self, container: str, holder: str, network: str) -> None:
        report = self._client.get(f"look at the holder of {container}", f"/containers/{holder}/json")
        process = facts.process(report)
        if process is not None and poll(
            NAMESPACE_ENTRY,
            lambda: process.namespace("net") == identity(network),
            sleep=process.wait,
            waits_first=True,
        ):
            return
        words, errors = streams.collect(self._commands.log_chunks(holder_name(container), 3))
        said = (words + errors).decode(errors="replace").strip() or "its holder says nothing"
        raise EngineError(f"cannot start container {container}: cannot enter {network}: {said}")


def identity(network: str) -> str | None:
    """Return the kernel's name of the namespace at this path; None: there is none."""
    with contextlib.suppress(OSError):
        return f"net:[{os.stat(network).st_ino}]"
    return None


def image() -> tuple[ImageId, bytes]:
    """Return the id of the holders' image, and an archive of it to load."""
    layer = _tar([(name, None) for name in _FOLDERS], [(name, f"usr/{name}") for name in _LINKS])
    diff = hashlib.sha256(layer).hexdigest()
    machine = platform.machine()
    configuration: dict[str, Any] = {
        "architecture": _ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff}"]},
    }
    config = json.dumps(configuration, sort_keys=True).encode()
    digest = hashlib.sha256(config).hexdigest()
    layer_name = f"{diff}/layer.tar"
    manifest = json.dumps([{"Config": f"{digest}.json", "RepoTags": None, "Layers": [layer_name]}]).encode()
    archive = _tar([("manifest.json", manifest), (f"{digest}.json", config), (layer_name, layer)])
    return Digest(f"sha256:{digest}"), archive


def _tar(entries: list[tuple[str, bytes | None]], links: list[tuple[str, str]] | None = None) -> bytes:
    """Files, folders (no content) and symbolic links, always the same bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in entries:
            entry = tarfile.TarInfo(name)
            entry.mode = 0o755
            if content is None:
                entry.type = tarfile.DIRTYPE
            else:
                entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content or b""))
        for name, target in links or []:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return buffer.getvalue()
