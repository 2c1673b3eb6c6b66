"""Imports of real media into an engine in memory: what is refused leaves nothing, what has no room is not begun."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor.edges.store import SqliteStore
from supervisor.loop.releases.library import Library
from supervisor.surface.assembly import TrustedMedia
from supervisor.values.errors import BundleError, EngineError, StateError, SupervisorError
from supervisor.values.names import Digest
from supervisor.values.release import Release
from supervisor.values.router import RouterConfig
from supervisor.values.status import Progress
from tests.kit.forgery.draft import Draft, good
from tests.kit.forgery.trial import ReadingEngine, world_of

pytestmark = pytest.mark.programs  # xorriso writes the bundles

OTHER = Digest("sha256:" + "1" * 64)


@pytest.fixture(scope="module")
def draft(tmp_path_factory: pytest.TempPathFactory) -> Draft:
    return good(tmp_path_factory.mktemp("good"))


class Importing:
    """A router that imports the good medium."""

    def __init__(self, draft: Draft, folder: Path, store: SqliteStore) -> None:
        self.medium, self.folder, self.store = folder / "medium.iso", folder / "state", store
        self.medium.write_bytes(draft.iso())
        self.engine = ReadingEngine()
        self.engine.add_image(OTHER)
        trusted = draft.folder / "trusted"
        self.library = Library(world_of(self.engine, store, trusted, folder / "state"), TrustedMedia(trusted, folder))

    def run(self) -> list[Progress]:
        return list(self.library.take_in(str(self.medium), RouterConfig(), allow_downgrade=False))

    def verify(self) -> list[Progress]:
        return list(self.library.verify(str(self.medium), RouterConfig(), allow_downgrade=False))

    @property
    def files(self) -> list[str]:
        """Those of releases; what is remembered of trust is kept, whatever becomes of a release."""
        return sorted(path.name for path in self.folder.rglob("*.json") if path.parent.name != "trust")


@pytest.fixture
def importing(draft: Draft, tmp_path: Path) -> Iterator[Importing]:
    (tmp_path / "state").mkdir()
    store = SqliteStore(tmp_path / "state")
    yield Importing(draft, tmp_path, store)
    store.close()


def assert_nothing_is_left(importing: Importing) -> None:
    assert importing.engine.images() == (OTHER,)
    assert importing.store.releases() == ()
    assert importing.files == []


def test_an_import_takes_what_the_index_says(importing: Importing, draft: Draft) -> None:
    importing.run()
    images = {service["image"] for service in draft.index["services"].values()}
    assert set(importing.engine.images()) == images | {OTHER}
    assert len(importing.files) == 1
    assert importing.run()[-1].phase == "nothing"


@pytest.mark.parametrize("loads", [0, 1])
def test_an_image_that_cannot_be_loaded_takes_those_before_it_along(importing: Importing, loads: int) -> None:
    importing.engine.loads_left = loads
    with pytest.raises(EngineError, match="the disk has gone"):
        importing.run()
    assert_nothing_is_left(importing)


def test_an_image_that_became_another_one_is_removed(importing: Importing) -> None:
    importing.engine.renames = True
    with pytest.raises(BundleError, match="the engine made sha256:"):
        importing.run()
    assert_nothing_is_left(importing)


def test_a_release_that_cannot_be_recorded_leaves_no_image_and_no_file(importing: Importing) -> None:
    with importing.store._file.change() as database:
        database.execute("CREATE TRIGGER full BEFORE INSERT ON releases BEGIN SELECT RAISE(FAIL, 'no space'); END")
    with pytest.raises(StateError, match="no space"):
        importing.run()
    assert_nothing_is_left(importing)


def test_a_release_that_cannot_be_recorded_again_keeps_its_file(importing: Importing) -> None:
    importing.run()
    (release,) = importing.store.releases()
    (file,) = (importing.folder / "releases").iterdir()
    before = file.read_bytes()
    with importing.store._file.change() as database:
        database.execute("CREATE TRIGGER full BEFORE INSERT ON releases BEGIN SELECT RAISE(FAIL, 'no space'); END")
    with pytest.raises(StateError, match="no space"):
        importing.store.save_release(Release(release.name, "2026", "elsewhere", 1.0, ()), {})
    assert file.read_bytes() == before
    assert importing.store.releases() == (release,)


@pytest.mark.parametrize("states", [True, False], ids=["the index says it", "the index does not"])
def test_nothing_is_loaded_that_has_no_room(importing: Importing, draft: Draft, states: bool) -> None:
    if not states:
        silent = draft.copy()
        for file in silent.index["files"].values():
            file.pop("unpacked", None)
        importing.medium.write_bytes(silent.iso())
    importing.engine.room = 1000
    texts = set()
    for attempt in (importing.run, importing.verify):
        with pytest.raises(EngineError, match=r"they take \d{5,} bytes, 1000 are free") as refused:
            attempt()
        texts.add(str(refused.value))
    assert len(texts) == 1
    assert [name for name, _ in importing.engine.calls if name == "load"] == []
    assert_nothing_is_left(importing)


def test_the_room_is_that_of_the_images_that_are_missing(importing: Importing) -> None:
    importing.run()
    importing.store.remove_release("1.0")
    importing.engine.room = 0
    assert importing.run()[-1].phase == "imported"


def test_verify_refuses_what_is_older_as_import_does(importing: Importing, draft: Draft) -> None:
    importing.run()
    importing.store.set_current_release("1.0")
    older = draft.copy()
    older.index["release"] = "0.9"
    importing.medium.write_bytes(older.iso())
    texts = []
    for attempt in (importing.run, importing.verify):
        with pytest.raises(
            SupervisorError, match=r"it is older than 1\.0, which runs; use --allow-downgrade"
        ) as refused:
            attempt()
        texts.append(str(refused.value))
    assert texts[0] == texts[1]
    path = str(importing.medium)
    assert list(importing.library.verify(path, RouterConfig(), allow_downgrade=True))[-1].phase == "verified"
