"""The table of broken candidates: what is wrong with each, how it is done to a service, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from tests.faults.broken.draft import Draft

GIVEN_UP = 1.5  # seconds after which a candidate that is not ready is given up; real ones are ready in 0.2
STRANGER = 65534
CONFIGURATION: Mapping[str, str] = MappingProxyType(
    {
        "apache-metadata": "httpd.conf",
        "dnsmasq": "dnsmasq.conf",
        "haproxy": "haproxy.cfg",
        "password": "password.json",
        "strongswan": "swanctl.conf",
    }
)
NOT_READY = rf"not ready after {GIVEN_UP:g} s"
CALLED = r"query\[\w+\] \S+ from 10\.1\.1\.(?!1$)"
IKE = r"received packet: from "

Break = Callable[[Draft], None]


class Fails(StrEnum):
    """Where a broken candidate is found out."""

    UNTOUCHED = "before anything moves"  # nobody but the candidate was started or stopped
    GATE = "at the gate"  # it ran and was not given traffic. A takeover has no other place to run than the former's
    SERVING = "while it serves"


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    breaks: Break
    fails: Fails
    reason: str  # what the hand-over must say, as a regular expression
    services: tuple[str, ...] = tuple(CONFIGURATION)
    is_told: bool = False  # what is wrong begins when the test says so

    def __str__(self) -> str:
        return self.name


def kinds_of(service: str) -> tuple[Kind, ...]:
    return tuple(kind for kind in KINDS if service in kind.services)


# ---------------------------------------------------------------- ways to break


def _wrapped(*way: str) -> Break:
    def breaks(draft: Draft) -> None:
        draft.wrap(*way)
        draft.ready_within(GIVEN_UP)

    return breaks


def _watched(*way: str) -> Break:
    """Fails while it serves, and only its probes can tell: asked often, so that few clients notice before them."""

    def breaks(draft: Draft) -> None:
        draft.wrap(*way)
        draft.manifest["liveness"]["interval"] = 0.25

    return breaks


def _slow_answers(draft: Draft) -> None:
    signs = {"dnsmasq": "port of /config/dnsmasq.conf", "strongswan": "/run/charon/charon.vici"}
    draft.wrap("stutter", signs.get(draft.service, "listening"))
    draft.ready_within(GIVEN_UP)


def _few_processes(draft: Draft) -> None:
    draft.wrap("fork")
    draft.manifest["limits"]["pids"] = 24
    draft.ready_within(GIVEN_UP)


def _little_memory(draft: Draft) -> None:
    draft.wrap("leak")
    draft.manifest["limits"]["memory"] = "96MiB"


def _wrong_answers(draft: Draft) -> None:
    draft.ready_within(GIVEN_UP)
    match draft.service:
        case "apache-metadata":
            draft.replace("probe.j2", "probe of", "somebody else of")
        case "password":
            draft.replace("password.json.j2", "probe of", "somebody else of")
        case "strongswan":
            draft.replace("swanctl.conf.j2", "}} {\n        version", "}}-other {\n        version")
        case _:
            draft.replace("name.j2", "{{ item.address }}", "{{ item.address + 1 }}")


def _lost_backends(draft: Draft) -> None:
    draft.replace("haproxy.cfg.j2", ":{{ backend.port }}", ":{{ backend.port + 1 }}")


def _wrong_leases(draft: Draft) -> None:
    draft.ready_within(GIVEN_UP)
    draft.replace("reservation.j2", ",{{ item.address }}", ",{{ item.address + 1 }}")


def _bad_configuration(draft: Draft) -> None:
    draft.ready_within(GIVEN_UP)
    draft.append(f"{CONFIGURATION[draft.service]}.j2", "no-such-directive { of any ( daemon")


def _unrenderable(draft: Draft) -> None:
    draft.append(f"{CONFIGURATION[draft.service]}.j2", "{{ router.networks[7].address }}")


def _no_configuration(draft: Draft) -> None:
    draft.ready_within(GIVEN_UP)
    draft.leave_out(CONFIGURATION[draft.service])


def _wrong_user(draft: Draft) -> None:
    """Its folders stay those of the user it should have."""
    draft.ready_within(GIVEN_UP)
    uid = draft.manifest["user"]["uid"]
    for kind in ("runtime", "state"):
        for folder in draft.manifest.get(kind, ()):
            folder.setdefault("user", {"uid": uid, "gid": uid})
    draft.manifest["user"] = {"uid": STRANGER, "gid": STRANGER}


def _unreadable_folder(draft: Draft) -> None:
    draft.ready_within(GIVEN_UP)
    for kind in ("runtime", "state"):
        for folder in draft.manifest.get(kind, ()):
            folder["user"] = {"uid": STRANGER, "gid": STRANGER}


def _wrong_place(draft: Draft) -> None:
    draft.ready_within(GIVEN_UP)
    match draft.service:
        case "dnsmasq":
            draft.replace("dnsmasq.conf.j2", "port={{ instance.port('dns')", "port={{ 700 + instance.port('dns')")
        case "strongswan":
            draft.replace("strongswan.conf.j2", "charon.vici", "other.vici")
        case _:
            template = f"{CONFIGURATION[draft.service]}.j2"
            draft.replace(template, "{{ frontend.inside_port }}", "{{ frontend.inside_port + 1000 }}")


def _no_command(draft: Draft) -> None:
    draft.manifest["command"] = ["/usr/sbin/not-in-this-image"]


def _dies_when_called(draft: Draft) -> None:
    if draft.service == "strongswan":
        draft.wrap("die-when-it-says", IKE)
    elif draft.service == "dnsmasq":
        draft.wrap("die-when-it-says", CALLED)
        draft.append("dnsmasq.conf.j2", "log-queries")
    else:
        draft.wrap("die-when-called")


# ---------------------------------------------------------------- the table

_OVERLAPPING = ("apache-metadata", "dnsmasq", "haproxy", "password")
_CHECKED = _OVERLAPPING  # the IKE daemon's configuration cannot be checked before it runs
_NOT_SHARED = ("apache-metadata", "dnsmasq", "haproxy", "strongswan")

KINDS: tuple[Kind, ...] = (
    Kind("exits-at-once", _wrapped("exit", "3"), Fails.GATE, r"ended with exit code 3\b.*exits at once"),
    Kind("exits-after-3-seconds", _watched("leave-after", "3"), Fails.SERVING, r"exit code 4\b"),
    Kind("never-ready", _wrapped("wait"), Fails.GATE, NOT_READY),
    Kind("starts-too-slowly", _wrapped("late", "4"), Fails.GATE, NOT_READY),
    Kind("answers-slowly", _slow_answers, Fails.GATE, rf"{NOT_READY}: .*(no answer|timed out|in time)"),
    Kind("forks-to-the-limit", _few_processes, Fails.GATE, r"ended with exit code 1\b.*temporarily unavailable"),
    Kind(
        "wrong-answers",
        _wrong_answers,
        Fails.GATE,
        NOT_READY,
        services=("apache-metadata", "dnsmasq", "password", "strongswan"),
    ),
    # A balancer's answers are its backends': no probe sees that they are wrong, only its own counters do.
    Kind("wrong-answers", _lost_backends, Fails.SERVING, r"fails: \d+ of \d+ ", services=("haproxy",)),
    Kind("wrong-lease-data", _wrong_leases, Fails.GATE, NOT_READY, services=("dnsmasq",)),
    Kind("refuses-the-configuration", _bad_configuration, Fails.UNTOUCHED, r"refused the configuration", _CHECKED),
    Kind("refuses-the-configuration", _bad_configuration, Fails.GATE, NOT_READY, ("strongswan",)),
    Kind("cannot-be-rendered", _unrenderable, Fails.UNTOUCHED, r"cannot render .*"),
    Kind("missing-file", _no_configuration, Fails.UNTOUCHED, r"refused the configuration.*/config/", _CHECKED),
    Kind("missing-file", _no_configuration, Fails.GATE, NOT_READY, ("strongswan",)),
    Kind("missing-command", _no_command, Fails.GATE, r"not-in-this-image"),
    Kind("wrong-user", _wrong_user, Fails.GATE, r"(?i)permission\s+denied|ended with exit code"),
    Kind("unreadable-folder", _unreadable_folder, Fails.GATE, rf"(?i)permission\s+denied|{NOT_READY}", _NOT_SHARED),
    # The former active uses it at the same time: a candidate must not even begin to make it its own.
    Kind("unreadable-folder", _unreadable_folder, Fails.UNTOUCHED, r"store belongs to 990:990", ("password",)),
    Kind("listens-elsewhere", _wrong_place, Fails.GATE, NOT_READY),
    Kind(
        "corrupt-state",
        _wrapped("corrupt", "/state/leases/dnsmasq.leases"),
        Fails.GATE,
        r"lease file /state/leases",
        services=("dnsmasq",),
    ),
    Kind("dies-on-the-first-request", _dies_when_called, Fails.SERVING, r"exit code 7\b"),
    Kind("crashes-in-soak", _wrapped("crash"), Fails.SERVING, r"exit code 9\b", is_told=True),
    Kind(
        "hangs-in-soak",
        _watched("hang"),
        Fails.SERVING,
        r"does not answer|stopped (answering|being ready)",
        is_told=True,
    ),
    Kind("leaks-memory", _little_memory, Fails.SERVING, r"exit code 137\b", is_told=True),
    Kind(
        "ignores-signals",
        _watched("deafen"),
        Fails.SERVING,
        r"does not answer|stopped (answering|being ready)",
        is_told=True,
    ),
)
