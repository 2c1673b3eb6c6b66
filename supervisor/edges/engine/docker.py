"""Docker as the container engine: the `Engine` port over the API of a daemon that belongs to the router, not to us.

The supervisor never starts, stops or configures that daemon, keeps out of its networks, and never lists or touches what
is not its own: containers by labels (docker_ownership), images by a name. Where Docker differs from what the port says:
docker_spec (fields), docker_holder (namespaces), docker_images, docker_requests and docker_containers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from supervisor.edges.engine import docker_service as service
from supervisor.edges.engine.docker_client import DockerClient
from supervisor.edges.engine.docker_containers import DockerContainers
from supervisor.edges.engine.docker_images import DockerImages
from supervisor.edges.engine.docker_ownership import Ownership
from supervisor.edges.engine.space import SPACE_RESERVE
from supervisor.values.errors import EngineError, EngineUnavailableError
from supervisor.values.names import ImageId

SOCKET = Path("/run/docker.sock")
DEADLINE = 30.0
PING_DEADLINE = 3.0


class DockerEngine(DockerContainers):
    """Satisfies `ports.engine.Engine`: adds the service and the images to the containers.

    May be used by several threads at once. `deadline` (seconds) bounds every call that has no time-out of its own.
    """

    name = "docker"

    def __init__(
        self,
        socket: Path = SOCKET,
        ownership: Ownership = Ownership(),  # noqa: B008 - a value
        *,
        deadline: float = DEADLINE,
        space_reserve: int = SPACE_RESERVE,
    ) -> None:
        client = DockerClient(socket, deadline)
        super().__init__(client, DockerImages(client, ownership.owner, deadline, space_reserve), ownership, deadline)
        self._socket = socket
        self._is_known = False

    def start_service(self) -> None:
        """Check that the daemon answers and can be used; to start it is the work of the router's init system."""
        try:
            version = self._client.version("reach Docker", min(PING_DEADLINE, self._deadline))
        except EngineUnavailableError as error:
            raise service.unreachable(self._socket, error) from error
        service.require_version(self._socket, version)
        self._client.speak(version)
        information = self._client.get("ask Docker about itself", "/info")
        service.require_kind(information)
        if not self._is_known:
            service.warn_of(information)
        self._holders.remove_strays(self._requests.listed())
        self._is_known = True

    def stop_service(self) -> None:
        """Remove the image of the holders; the daemon is not ours to stop."""
        self._images.remove_holder()

    def ping(self) -> str:
        return str(self._client.get("ask Docker's version", "/version")["Version"])

    def damage(self, *, is_thorough: bool) -> str:
        return ""

    def renew_storage(self) -> None:
        raise EngineError("cannot renew the storage of the Docker daemon: it is not ours")

    def remove_everything(self) -> None:
        raise EngineError("cannot remove what the Docker daemon keeps: it is not ours")

    def close(self) -> None:
        self._client.close()

    def require_room(self, size: int) -> None:
        self._images.require_room(size)

    def load(self, stream: Iterable[bytes]) -> ImageId:
        return self._images.load(stream)

    def save(self, image: ImageId) -> Iterator[bytes]:
        return self._images.save(image)

    def images(self) -> tuple[ImageId, ...]:
        return self._images.all()

    def remove_image(self, image: ImageId) -> None:
        self._images.remove(image)
