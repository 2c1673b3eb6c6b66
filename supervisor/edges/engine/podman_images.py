"""Images in the storage of Podman, which is the supervisor's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from supervisor.edges.engine.client import RefusedError
from supervisor.edges.engine.conventions import bare, image_id
from supervisor.edges.engine.podman_client import PodmanClient
from supervisor.edges.engine.podman_files import PodmanFiles
from supervisor.edges.engine.space import with_space
from supervisor.values.errors import EngineError, NoSuchImageError
from supervisor.values.names import ImageId

LOAD_DEADLINE = 300.0

_NOT_FOUND = 404


class PodmanImages:
    """Loads, saves, lists and removes images. At least `space_reserve` bytes of the disk stay free."""

    def __init__(self, client: PodmanClient, files: PodmanFiles, space_reserve: int) -> None:
        self._client, self._files, self._space_reserve = client, files, space_reserve

    def load(self, stream: Iterable[bytes]) -> ImageId:
        chunks = with_space(stream, self._files.spool, self._space_reserve)
        response = self._client.upload("load an image", "/images/load", chunks, LOAD_DEADLINE)
        answer = self._client.decoded("load an image", response)
        names = answer.get("Names") or []
        if len(names) != 1:
            raise EngineError(f"cannot load an image: the archive holds {len(names)} images instead of one")
        image = self._client.get(f"inspect image {names[0]}", f"/images/{names[0]}/json")
        return image_id(image["Id"])

    def save(self, image: ImageId) -> Iterator[bytes]:
        if not self.exists(image):
            raise NoSuchImageError(image)
        path = f"/images/{bare(image)}/get"
        return self._client.download(f"save image {image}", path, LOAD_DEADLINE, format="docker-archive")

    def all(self) -> tuple[ImageId, ...]:
        return tuple(sorted({image_id(image["Id"]) for image in self._client.get("list images", "/images/json") or ()}))

    def exists(self, image: ImageId) -> bool:
        return self._client.exists(f"look for image {image}", f"/images/{bare(image)}/exists")

    def remove(self, image: ImageId) -> None:
        try:
            self._client.delete(f"remove image {image}", f"/images/{bare(image)}")
        except RefusedError as error:
            if error.status != _NOT_FOUND and self.exists(image):
                raise
