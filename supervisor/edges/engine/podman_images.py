"""Images in the storage of Podman, which is the supervisor's own.

Each has a name. To Podman an image without one, whose layers are the first of another image, is only a step towards
that image: it is not listed, and removed with it (Podman 4.3, `podman-image-rm`, `podman-images --all`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from supervisor.edges.engine.client import RefusedError
from supervisor.edges.engine.conventions import bare, image_id
from supervisor.edges.engine.podman_client import PodmanClient
from supervisor.edges.engine.podman_files import PodmanFiles
from supervisor.edges.engine.space import require_room, with_space
from supervisor.values.errors import EngineError, NoSuchImageError
from supervisor.values.names import ImageId

LOAD_DEADLINE = 300.0

_REPOSITORY = "localhost/vr-supervisor"
_NOT_FOUND = 404


class PodmanImages:
    """Loads, saves, lists and removes images. At least `space_reserve` bytes of the disk stay free."""

    def __init__(self, client: PodmanClient, files: PodmanFiles, space_reserve: int) -> None:
        self._client, self._files, self._space_reserve = client, files, space_reserve

    def require_room(self, size: int) -> None:
        for folder in {self._files.spool, self._files.storage}:
            require_room(size, folder, self._space_reserve)

    def load(self, stream: Iterable[bytes]) -> ImageId:
        chunks = with_space(stream, self._files.spool, self._space_reserve)
        response = self._client.upload("load an image", "/images/load", chunks, LOAD_DEADLINE)
        answer = self._client.decoded("load an image", response)
        names = answer.get("Names") or []
        if len(names) != 1:
            raise EngineError(f"cannot load an image: the archive holds {len(names)} images instead of one")
        loaded = self._client.get(f"inspect image {names[0]}", f"/images/{names[0]}/json")
        self._name_if_nameless(loaded)
        return image_id(loaded["Id"])

    def save(self, image: ImageId) -> Iterator[bytes]:
        if not self.exists(image):
            raise NoSuchImageError(image)
        path = f"/images/{bare(image)}/get"
        return self._client.download(f"save image {image}", path, LOAD_DEADLINE, format="docker-archive")

    def all(self) -> tuple[ImageId, ...]:
        listed = self._client.get("list images", "/images/json", all="true") or ()
        return tuple(sorted({image_id(image["Id"]) for image in listed}))

    def exists(self, image: ImageId) -> bool:
        return self._client.exists(f"look for image {image}", f"/images/{bare(image)}/exists")

    def remove(self, image: ImageId) -> None:
        try:
            self._name_all()
            self._client.delete(f"remove image {image}", f"/images/{bare(image)}")
        except RefusedError as error:
            if error.status != _NOT_FOUND and self.exists(image):
                raise

    def _name_all(self) -> None:
        """Give a name to what a former supervisor, or an operator, loaded without one."""
        for listed in self._client.get("list images", "/images/json", all="true") or ():
            self._name_if_nameless(listed)

    def _name_if_nameless(self, listed: Mapping[str, Any]) -> None:
        """Give an image its one name: of an image with two Podman removes none by its id."""
        if not listed.get("RepoTags"):
            image = image_id(listed["Id"])
            self._client.name_image(f"name image {image}", bare(image), _REPOSITORY, bare(image))
