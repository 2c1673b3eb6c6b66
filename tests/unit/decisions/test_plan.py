"""Plans: from desired and observed to one next action."""

from __future__ import annotations

import pytest

from supervisor.decisions.plan import (
    Change,
    NewGeneration,
    Next,
    Nothing,
    ReloadInPlace,
    Write,
    changes,
    configuration_action,
    version_action,
)
from supervisor.decisions.versions import match_version
from supervisor.values.errors import RequestError, UnknownVersionError
from supervisor.values.handover import Kind
from supervisor.values.manifest import (
    ConfigFile,
    Drain,
    Limits,
    NetworkMode,
    OnChange,
    Protocol,
    ServiceManifest,
    Strategy,
    User,
    Watch,
)
from supervisor.values.names import Digest, ServiceName
from supervisor.values.release import Version
from supervisor.values.state import PortFrontend, RenderedFile

V1 = Version("1.0", "1", Digest("sha256:a"), Digest("sha256:d"))
V2 = Version("2.0", "2", Digest("sha256:b"), Digest("sha256:d"))
NEW_DEFINITION = Version("1.1", "1", Digest("sha256:a"), Digest("sha256:e"))
LIVE, RELOAD, INSTANCE = (Change(f"{kind}.conf", kind) for kind in OnChange)


@pytest.mark.parametrize(
    ("desired", "running", "action"),
    [
        pytest.param(None, None, Nothing(), id="nothing is wanted"),
        pytest.param(None, V1, Nothing(), id="nothing is wanted of what runs"),
        pytest.param(V1, None, NewGeneration(Kind.START, "nothing runs"), id="first boot"),
        pytest.param(V1, V1, None, id="already there"),
        pytest.param(V2, V1, NewGeneration(Kind.SWAP, "version 2 is wanted"), id="new version"),
        pytest.param(
            NEW_DEFINITION, V1, NewGeneration(Kind.SWAP, "version 1 is wanted"), id="new definition, same image"
        ),
    ],
)
def test_versions_decide_first(desired: Version | None, running: Version | None, action: Next | None) -> None:
    assert version_action(desired, running) == action


@pytest.mark.parametrize(
    ("changed", "action"),
    [
        pytest.param((), Nothing(), id="as desired"),
        pytest.param((LIVE,), Write(("live.conf",)), id="the daemon notices"),
        pytest.param((LIVE, RELOAD), ReloadInPlace(("live.conf", "reload.conf")), id="the dearest counts"),
        pytest.param(
            (LIVE, INSTANCE),
            NewGeneration(Kind.CONFIGURE, "1 files changed, instance.conf among them"),
            id="a new generation",
        ),
    ],
)
def test_the_dearest_change_of_the_configuration_decides(changed: tuple[Change, ...], action: Next) -> None:
    assert configuration_action(changed, (), ()) == action


def test_other_frontends_ask_for_a_new_generation_whatever_files_do() -> None:
    frontends = (PortFrontend("dns", Protocol.UDP, 53, 53, ("eth0",)),)
    action = NewGeneration(Kind.CONFIGURE, "frontends changed")
    assert configuration_action((LIVE,), frontends, ()) == configuration_action((), (), frontends) == action


def manifest(*config: ConfigFile) -> ServiceManifest:
    watch = Watch((), 1.0, 1)
    return ServiceManifest(
        name=ServiceName("x"),
        summary="",
        network=NetworkMode.ROUTER,
        strategy=Strategy.OVERLAP,
        command=("/x",),
        user=User(0, 0),
        limits=Limits(1, 1, 1),
        readiness=watch,
        liveness=watch,
        drain=Drain(1.0),
        config=config,
    )


HOSTS = ConfigFile("h.j2", "hosts/{{ item.name }}", each="x", on_add=OnChange.LIVE, on_change=OnChange.RELOAD)
GUESTS = ConfigFile("g.j2", "hosts/{{ item.mac }}", each="x", on_remove=OnChange.LIVE)
MAIN = ConfigFile("m.j2", "main.conf", on_change=OnChange.RELOAD)


@pytest.mark.parametrize(
    ("desired", "written", "sources", "expected"),
    [
        pytest.param({"hosts/a": "1"}, {"hosts/a": "1"}, {"hosts/a": 0}, (), id="equal"),
        pytest.param({"hosts/a": "1"}, {}, {}, (Change("hosts/a", OnChange.LIVE),), id="added"),
        pytest.param(
            {"hosts/a": "2"}, {"hosts/a": "1"}, {"hosts/a": 0}, (Change("hosts/a", OnChange.RELOAD),), id="changed"
        ),
        pytest.param({}, {"hosts/a": "1"}, {"hosts/a": 0}, (Change("hosts/a", OnChange.INSTANCE),), id="removed"),
        pytest.param({}, {"hosts/a": "1"}, {"hosts/a": 2}, (Change("hosts/a", OnChange.LIVE),), id="of another entry"),
        pytest.param({}, {"hosts/a": "1"}, {}, (Change("hosts/a", OnChange.INSTANCE),), id="of an unknown entry"),
        pytest.param({}, {"hosts/a": "1"}, {"hosts/a": 9}, (Change("hosts/a", OnChange.INSTANCE),), id="of none"),
    ],
)
def test_changes(
    desired: dict[str, str], written: dict[str, str], sources: dict[str, int], expected: tuple[Change, ...]
) -> None:
    files = [RenderedFile(path, b"", is_secret=False, source=0) for path in desired]
    assert changes(manifest(HOSTS, MAIN, GUESTS), files, written, desired, sources) == expected


def test_no_removal_is_guessed_for_a_file_that_no_entry_accounts_for() -> None:
    assert changes(manifest(GUESTS), (), {"hosts/a": "1"}, {}, {}) == (Change("hosts/a", OnChange.INSTANCE),)


def test_versions_are_named_whole_or_by_their_beginning() -> None:
    known = ("2.90-4~deb12u2", "2.91-1", "2.910-1")
    assert match_version("x", "2.91-1", known) == "2.91-1"
    assert match_version("x", "2.91", known) == "2.91-1"
    with pytest.raises(UnknownVersionError, match=r"2\.92"):
        match_version("x", "2.92", known)
    with pytest.raises(RequestError, match="match"):
        match_version("x", "2", ("2.1", "2.2"))
