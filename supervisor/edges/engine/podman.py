"""Podman as the container engine: the `Engine` port over the libpod API of a service that is the supervisor's own.

Nothing is shared with other containers of the router: storage, configuration, locks and socket are private.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from supervisor.edges.engine import podman_orphans as orphans
from supervisor.edges.engine.client import RefusedError
from supervisor.edges.engine.podman_client import PodmanClient
from supervisor.edges.engine.podman_containers import PodmanContainers
from supervisor.edges.engine.podman_damage import damage
from supervisor.edges.engine.podman_files import PodmanFiles
from supervisor.edges.engine.podman_images import PodmanImages
from supervisor.edges.engine.podman_service import PodmanService
from supervisor.edges.engine.space import SPACE_RESERVE
from supervisor.values.errors import EngineError
from supervisor.values.names import ImageId

DEADLINE = 30.0
ANSWER_DEADLINE = 3.0


class PodmanEngine(PodmanContainers):
    """Satisfies `ports.engine.Engine`: adds the service and the images to the containers.

    May be used by several threads at once. `deadline` (seconds) bounds every call that has no time-out of its own.
    """

    name = "podman"

    def __init__(
        self,
        state_dir: Path,
        runtime_dir: Path,
        label: str = "io.vr-supervisor.owner=vr",
        *,
        deadline: float = DEADLINE,
        space_reserve: int = SPACE_RESERVE,
    ) -> None:
        files = PodmanFiles(state_dir.absolute(), runtime_dir.absolute())
        client = PodmanClient(files.socket, deadline)
        super().__init__(client, files, PodmanImages(client, files, space_reserve), label, deadline)
        self._space_reserve = space_reserve
        self.service = PodmanService(self._files, self._await_locks)

    def start_service(self) -> None:
        self.service.start()
        orphans.tidy(self._files)

    def stop_service(self) -> None:
        self.service.stop()

    def ping(self) -> str:
        return self._client.version("ask the engine's version")

    def damage(self, *, is_thorough: bool) -> str:
        if not self._files.can_be_written(self._space_reserve):  # to read an image the engine writes it to its spool
            return ""
        reason = damage(self._client, self._files, is_thorough=is_thorough)
        return reason if self._files.can_be_written(self._space_reserve) else ""

    def renew_storage(self) -> None:
        self.service.renew_storage()
        orphans.tidy(self._files)

    def remove_everything(self) -> None:
        try:
            self.service.stop()
            for orphan in orphans.orphans(self._files, all_of_them=True):
                orphans.end(orphan)
            orphans.remove_folders(self._files.root, *self._files.runtime.glob("podman*"))
        except OSError as error:
            raise EngineError(f"cannot remove what is below {self._files.root}: {error}") from error

    def close(self) -> None:
        """Close the connections. The service process stays, for the next supervisor to adopt."""
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

    def _await_locks(self) -> None:
        """Raise EngineError while the service does not answer a request that needs its locks: a ping needs none."""
        with contextlib.suppress(RefusedError):  # a refusal is an answer
            self._client.get("reach the engine", "/containers/json", deadline=min(ANSWER_DEADLINE, self._deadline))
