"""The password server's store, in this process: what its sweep does with records that cannot be read."""

from __future__ import annotations

import sys
from ipaddress import IPv4Address
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "images/password/files/usr/lib/vr-password"))

from vr_password.store import Store


def test_a_record_that_cannot_be_read_keeps_no_other_from_being_swept(tmp_path: Path) -> None:
    store_folder, offers, owners = folders = [tmp_path / name for name in ("store", "offers", "owners")]
    for folder in folders:
        folder.mkdir()
    gone = IPv4Address("10.1.1.20")
    (folders[2] / str(gone)).write_text("02:00:00:00:00:0a\n")
    store = Store(store_folder, offers, owners, sweep_seconds=0.0)
    store.prepare()
    store.send(gone, "Kt7pXq2Zr9")
    (folders[2] / str(gone)).unlink()
    for name in ("10.1.1.10", "10.1.1.30"):
        (folders[0] / name).mkdir()
    (folders[0] / "10.1.1.999").write_text("{}")
    for _ in range(4):
        store.check()
    assert "Kt7pXq2Zr9" not in (folders[0] / str(gone)).read_text()
