"""Bills of materials lie beside the store, one for each image."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from supervisor.edges.store import SqliteStore
from supervisor.values.errors import StateError
from supervisor.values.names import Digest

ONE, TWO = Digest("sha256:" + "1" * 64), Digest("sha256:" + "2" * 64)


def test_what_was_saved_is_read_until_its_image_is_not_kept(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path)) as store:
        store.remove_sboms([])
        assert store.sbom(ONE) is None
        for image, document in ((ONE, b"{}"), (TWO, b"two"), (ONE, b"one")):
            store.save_sbom(image, document)
        assert (store.sbom(ONE), store.sbom(TWO)) == (b"one", b"two")
        store.remove_sboms([TWO])
    with closing(SqliteStore(tmp_path)) as store:
        assert (store.sbom(ONE), store.sbom(TWO)) == (None, b"two")
    assert [oct(place.stat().st_mode)[-3:] for place in (tmp_path / "sboms").iterdir()] == ["600"]


def test_a_folder_that_cannot_be_written_is_an_error_of_the_store(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path)) as store:
        (tmp_path / "sboms").write_text("no folder")
        with pytest.raises(StateError, match=f"cannot write the bill of materials of {ONE}"):
            store.save_sbom(ONE, b"{}")
        with pytest.raises(StateError, match=f"cannot read the bill of materials of {ONE}"):
            store.sbom(ONE)
