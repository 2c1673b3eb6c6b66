"""Checks the storage of a private engine: a loss of power may leave emptied files in it.

The engine is asked for what the supervisor needs of it: a list, each container of the list, and, if it is to be
thorough, the content of every image, which the engine then writes to its spool.
"""

from __future__ import annotations

from supervisor.edges.engine.client import RefusedError
from supervisor.edges.engine.podman_client import PodmanClient
from supervisor.edges.engine.podman_files import PodmanFiles
from supervisor.edges.engine.podman_orphans import unknown

LOOK_DEADLINE = 8.0
READ_DEADLINE = 120.0
_NOT_FOUND = 404


def damage(client: PodmanClient, files: PodmanFiles, *, is_thorough: bool) -> str:
    """Return what is wrong with the storage; empty: nothing.

    Raises EngineUnavailableError: when the engine does not answer.
    """
    try:
        for identity in _listed(client):
            _look(client, identity)
        if (stray := unknown(files, _listed(client))) and unknown(files, _listed(client)):
            return f"container {stray} runs and the engine does not know it"
        images = client.get("list images", "/images/json", deadline=LOOK_DEADLINE) or ()
        for image in images if is_thorough else ():
            _read(client, str(image["Id"]))
    except RefusedError as error:
        return str(error)
    return ""


def _listed(client: PodmanClient) -> frozenset[str]:
    listed = client.get("list containers", "/containers/json", deadline=LOOK_DEADLINE, all="true") or ()
    return frozenset(str(entry["Id"]) for entry in listed)


def _look(client: PodmanClient, identity: str) -> None:
    """Return why a container cannot be inspected.

    One that is being made or removed is refused too: it is asked for twice.
    """
    for attempt in (1, 2):
        try:
            client.get(f"inspect container {identity[:12]}", f"/containers/{identity}/json", deadline=LOOK_DEADLINE)
        except RefusedError as error:
            if error.status == _NOT_FOUND or not client.exists(
                f"look for container {identity[:12]}", f"/containers/{identity}/exists"
            ):
                return
            if attempt == 1:
                continue
            raise
        return


def _read(client: PodmanClient, identity: str) -> None:
    action, path = f"read image {identity[:12]}", f"/images/{identity}/get"
    try:
        for _ in client.download(action, path, READ_DEADLINE, format="docker-archive"):
            pass
    except RefusedError as error:
        if error.status == _NOT_FOUND:  # it was removed meanwhile
            return
        raise
