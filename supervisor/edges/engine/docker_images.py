"""Images in a Docker daemon that others use too. Ours have a name, which also protects them from `docker image prune`.

The daemon names a loaded image in a text only, and the docker library reads it in the same way.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from supervisor.edges.engine import docker_holder as holders
from supervisor.edges.engine.client import RefusedError
from supervisor.edges.engine.conventions import bare, image_id
from supervisor.edges.engine.docker_client import DockerClient
from supervisor.edges.engine.space import require_room, with_space
from supervisor.values.errors import EngineError, NoSuchImageError
from supervisor.values.names import ImageId

LOAD_DEADLINE = 300.0
_NOT_FOUND = 404
_LOADED = re.compile(r"^Loaded image(?: ID)?: (\S+)$", re.MULTILINE)


class DockerImages:
    """Loads, saves, lists and removes images of ours. At least `space_reserve` bytes of the disk stay free."""

    def __init__(self, client: DockerClient, owner: str, deadline: float, space_reserve: int) -> None:
        self._client, self._deadline, self._space_reserve = client, deadline, space_reserve
        self._repository = f"vr-supervisor/{owner}"  # owners are words that a repository may have
        self._lock = threading.Lock()

    def require_room(self, size: int) -> None:
        require_room(size, self._root(), self._space_reserve)

    def load(self, stream: Iterable[bytes]) -> ImageId:
        return self._load(with_space(stream, self._root(), self._space_reserve), self._repository)

    def save(self, image: ImageId) -> Iterator[bytes]:
        if not self.exists(image):
            raise NoSuchImageError(image)
        return self._client.download(f"save image {image}", f"/images/{image}/get", LOAD_DEADLINE)

    def all(self) -> tuple[ImageId, ...]:
        filters = json.dumps({"reference": [self._repository]})
        listed = self._client.get("list images", "/images/json", filters=filters) or ()
        return tuple(sorted({image_id(image["Id"]) for image in listed}))

    def exists(self, image: ImageId) -> bool:
        return self._client.exists(f"look for image {image}", f"/images/{image}/json")

    def remove(self, image: ImageId) -> None:
        """Remove our name; the daemon removes the image with it unless it has another name."""
        self._untag(f"remove image {image}", f"{self._repository}:{bare(image)}")

    def holder(self) -> ImageId:
        """Return the image of the holders, made when first needed; found by its id, for anybody may use its name."""
        identity, archive = holders.image()
        with self._lock:
            if not self.exists(identity):
                self._load([archive], f"{self._repository}/holder", self._deadline)
            elif not self._client.exists("look for the holders' image", f"/images/{self._holder_name()}/json"):
                self._name(identity, f"{self._repository}/holder")  # made by another supervisor
        return identity

    def remove_holder(self) -> None:
        self._untag("remove the holders' image", self._holder_name())

    def _root(self) -> Path:
        return Path(self._client.get("ask Docker about itself", "/info")["DockerRootDir"])

    def _holder_name(self) -> str:
        return f"{self._repository}/holder:{bare(holders.image()[0])}"

    def _load(self, chunks: Iterable[bytes], repository: str, deadline: float = LOAD_DEADLINE) -> ImageId:
        action = "load an image"
        answer = self._client.upload(action, "/images/load?quiet=1", chunks, deadline).text
        messages = [json.loads(line) for line in answer.splitlines() if line.strip()]
        for message in messages:
            if "error" in message:
                raise EngineError(f"cannot {action}: {message['error']}")
        loaded = _LOADED.findall("".join(str(message.get("stream", "")) for message in messages))
        if len(loaded) != 1:
            raise EngineError(f"cannot {action}: the archive holds {len(loaded)} images instead of one")
        image = image_id(self._client.get(f"inspect image {loaded[0]}", f"/images/{loaded[0]}/json")["Id"])
        self._name(image, repository)
        return image

    def _name(self, image: ImageId, repository: str) -> None:
        self._client.name_image(f"name image {image}", image, repository, bare(image))

    def _untag(self, action: str, reference: str) -> None:
        try:
            self._client.delete(action, f"/images/{reference}")
        except RefusedError as error:
            if error.status != _NOT_FOUND:
                raise
