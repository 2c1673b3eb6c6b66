"""The kinds of broken candidates that every service can show; those of one service come from `lab.services`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lab.broken.draft import Draft
from lab.broken.kind import GIVEN_UP, NOT_READY, Break, Fails, Kind, wrapped
from lab.service import ServiceUnderTest
from lab.services import SERVICES

STRANGER = 65534  # a user who owns nothing
FOLDERS = ("runtime", "state")
HUNG = r"does not answer|stopped (answering|being ready)"


def kinds_of(name: str) -> tuple[Kind, ...]:
    """Return every kind of broken candidate that a service can show."""
    service = SERVICES[name]
    return (*_of_every_service(service), *_of_its_configuration(service), *service.breakage.kinds)


def _of_every_service(service: ServiceUnderTest) -> Iterator[Kind]:
    yield Kind("exits-at-once", wrapped("exit", "3"), Fails.GATE, r"ended with exit code 3\b.*exits at once")
    yield Kind("exits-after-3-seconds", _watched("leave-after", "3"), Fails.SERVING, r"exit code 4\b")
    yield Kind("never-ready", wrapped("wait"), Fails.GATE, NOT_READY)
    yield Kind("starts-too-slowly", wrapped("late", "4"), Fails.GATE, NOT_READY)
    yield Kind(
        "answers-slowly",
        wrapped("stutter", service.breakage.is_up),
        Fails.GATE,
        rf"{NOT_READY}: .*(no answer|timed out|in time)",
    )
    yield Kind("forks-to-the-limit", _few_processes, Fails.GATE, r"ended with exit code 1\b.*temporarily unavailable")
    yield Kind("missing-command", _no_command, Fails.GATE, r"not-in-this-image")
    yield Kind("wrong-user", _wrong_user, Fails.GATE, r"(?i)permission\s+denied|ended with exit code")
    if any(service.manifest.get(kind) for kind in FOLDERS):
        yield _unreadable_folder(service)
    called = service.breakage.dies_when_called or _dies_when_called
    yield Kind("dies-on-the-first-request", called, Fails.SERVING, r"exit code 7\b")
    yield Kind("crashes-in-soak", wrapped("crash"), Fails.SERVING, r"exit code 9\b", is_told=True)
    yield Kind("hangs-in-soak", _watched("hang"), Fails.SERVING, HUNG, is_told=True)
    yield Kind("leaks-memory", _little_memory, Fails.SERVING, r"exit code 137\b", is_told=True)
    yield Kind("ignores-signals", _watched("deafen"), Fails.SERVING, HUNG, is_told=True)


def _of_its_configuration(service: ServiceUnderTest) -> Iterator[Kind]:
    """Yield the kinds of a service that has a main configuration file."""
    file = service.breakage.configuration
    if file is None:
        return
    elsewhere = service.breakage.elsewhere or _other_ports(file)
    yield Kind("cannot-be-rendered", _unrenderable(file), Fails.UNTOUCHED, r"cannot render .*")
    yield Kind("listens-elsewhere", elsewhere, Fails.GATE, NOT_READY)
    refuses, lacks = _bad_configuration(file), _no_configuration(file)
    if service.manifest.get("checks"):
        yield Kind("refuses-the-configuration", refuses, Fails.UNTOUCHED, r"refused the configuration")
        yield Kind("missing-file", lacks, Fails.UNTOUCHED, r"refused the configuration.*/config/")
    else:  # it cannot be checked before it runs
        yield Kind("refuses-the-configuration", refuses, Fails.GATE, NOT_READY)
        yield Kind("missing-file", lacks, Fails.GATE, NOT_READY)


def _unreadable_folder(service: ServiceUnderTest) -> Kind:
    """Return the kind whose folders belong to somebody else.

    A folder that the former active uses at the same time must not even begin to be made the candidate's own.
    """
    user = service.manifest["user"]
    for folder in service.manifest.get("state", ()):
        if folder["sharing"] == "shared":
            owner = re.escape(f"{folder['name']} belongs to {user['uid']}:{user['gid']}")
            return Kind("unreadable-folder", _foreign_folders, Fails.UNTOUCHED, owner)
    return Kind("unreadable-folder", _foreign_folders, Fails.GATE, rf"(?i)permission\s+denied|{NOT_READY}")


# ---------------------------------------------------------------- ways to break


def _watched(*way: str) -> Break:
    """Fail while it serves, seen by the probes alone: they ask often, so that few clients notice before them."""

    def breaks(draft: Draft) -> None:
        draft.wrap(*way)
        draft.manifest["liveness"]["interval"] = 0.25

    return breaks


def _few_processes(draft: Draft) -> None:
    draft.wrap("fork")
    draft.manifest["limits"]["pids"] = 24
    draft.ready_within(GIVEN_UP)


def _little_memory(draft: Draft) -> None:
    draft.wrap("leak")
    draft.manifest["limits"]["memory"] = "96MiB"


def _bad_configuration(file: str) -> Break:
    def breaks(draft: Draft) -> None:
        draft.ready_within(GIVEN_UP)
        draft.append(f"{file}.j2", "no-such-directive { of any ( daemon")

    return breaks


def _unrenderable(file: str) -> Break:
    return lambda draft: draft.append(f"{file}.j2", "{{ router.networks[7].address }}")


def _no_configuration(file: str) -> Break:
    def breaks(draft: Draft) -> None:
        draft.ready_within(GIVEN_UP)
        draft.leave_out(file)

    return breaks


def _other_ports(file: str) -> Break:
    def breaks(draft: Draft) -> None:
        draft.ready_within(GIVEN_UP)
        draft.replace(
            f"{file}.j2", "{{ frontend.inside_port }}", "{{ frontend.inside_port + 5000 }}"
        )  # where nobody listens

    return breaks


def _wrong_user(draft: Draft) -> None:
    """Run the daemon as a stranger; its folders stay those of the user it should have."""
    draft.ready_within(GIVEN_UP)
    uid = draft.manifest["user"]["uid"]
    for kind in FOLDERS:
        for folder in draft.manifest.get(kind, ()):
            folder.setdefault("user", {"uid": uid, "gid": uid})
    draft.manifest["user"] = {"uid": STRANGER, "gid": STRANGER}


def _foreign_folders(draft: Draft) -> None:
    draft.ready_within(GIVEN_UP)
    for kind in FOLDERS:
        for folder in draft.manifest.get(kind, ()):
            folder["user"] = {"uid": STRANGER, "gid": STRANGER}


def _no_command(draft: Draft) -> None:
    draft.manifest["command"] = ["/usr/sbin/not-in-this-image"]


def _dies_when_called(draft: Draft) -> None:
    draft.wrap("die-when-called")
