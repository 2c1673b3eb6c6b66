"""Command files of the boot folder are taken in once, however many others come after them."""

from __future__ import annotations

from supervisor.edges.store.schema import KEPT_COMMANDS
from tests.kit.simulation.scenarios import ALL, prepared

BOOT = (("plain", b"there at boot"),)


def test_those_of_the_boot_folder_stay_known() -> None:
    with prepared(ALL[0]) as router:
        supervision, store = router.supervisor.supervision, router.machine.store
        supervision._parts.configuration.take_boot_commands(BOOT)
        for number in range(2):
            files = tuple(("plain", b"%d %d" % (number, one)) for one in range(KEPT_COMMANDS - 1))
            list(supervision.apply_config(files, wait=False))
        assert len(store.taken_commands()) == KEPT_COMMANDS
        assert supervision._parts.configuration.identity(*BOOT[0]) in store.taken_commands()
