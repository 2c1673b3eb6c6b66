"""What others see of the supervisor is what the commit before the redesign gave; `tests/data/surface` has that."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from supervisor.surface.api.supervisor_pb2 import DESCRIPTOR
from tests.unit.surface.vocabulary import constants
from tests.unit.surface.witness import PACKAGE, WITNESSES, reasons, text_of

DATA = Path(__file__).parents[2] / "data" / "surface"

REWORDED = {
    "cannot tell how the operation ended: the supervisor said no last word": (
        "cannot say how the operation ended: the stream closed without a final result"
    ),
    "a service is looked after no more: the service manager is to start the supervisor again": (
        "a worker thread has died; the watchdog is withheld so that the service manager restarts us"
    ),
    "made up for": "start-up task done",
}
"""Messages for people that became clearer: from what the former commit had, to what there is now."""

ADDED: frozenset[str] = frozenset(
    {"tried again", "work ended", "overloaded", "overload over", "no fall-back"}
    | {"refusals not read", "share table replaced", "shares not applied"}
    | {"trust-changed", "trust changed", "root trusted"}
    | {"secrets-warning", "secrets-good", "secrets-encrypted", "secrets-abandoned", "waiting"}
    | {"secrets not readable or not encrypted", "secrets readable and encrypted again", "secrets encrypted anew"}
)
"""Log lines and events that the former commit did not have."""

ADDED_KEYS: frozenset[str] = frozenset({"signed_by", "doubt"})
"""Keys of JSON that the former commit did not print."""

ADDED_REASONS: frozenset[str] = frozenset(
    {"layer-refused", "sbom", "over-ceiling"}
    | {"trust", "unsafe-keys", "untrusted-root", "root-gap", "too-few-signatures", "expired", "below-floor"}
    | {"clock-behind", "other-content", "doubted-release"}
)
"""Words of errors that the former commit did not have."""

ADDED_WIRE: frozenset[str] = frozenset(
    {"VerifyBundleRequest.allow_downgrade", "VerifyBundleRequest.accept_clock"}
    | {"GetTrust", "RotateTrust", "RevokeKey", "GetTrustRequest", "RotateTrustRequest", "RevokeKeyRequest"}
    | {"TrustStatus", "TrustKey", "Bundle.signed_by", "Bundle.doubt", "ImportBundleRequest.accept_clock"}
)
"""Methods, messages and fields of the API that the former commit did not have."""

EXACT = ("wire.txt", "commands.json", "migrate-engine.json", "refusals.json", "exits.json", "metrics.txt", "tables.txt",
         "schema.txt")  # fmt: skip


def former(name: str) -> str:
    text = (DATA / name).read_text()
    for before, now in REWORDED.items():
        text = text.replace(before, now)
    return text


@pytest.mark.parametrize("name", EXACT)
def test_it_is_byte_for_byte_what_it_was(name: str) -> None:
    former_text, now = former(name), text_of(WITNESSES[name]())
    if name == "wire.txt":
        now = wire_without(ADDED_WIRE)
    elif name == "commands.json":
        former_text, now = (text_of(without_keys(json.loads(text), ADDED_KEYS)) for text in (former_text, now))
    assert now.splitlines() == former_text.splitlines()


def wire_without(added: frozenset[str]) -> str:
    """Return the API as text, without what was added to it."""
    described = FileDescriptorProto.FromString(DESCRIPTOR.serialized_pb)
    _keep(described.message_type, lambda message: message.name not in added)
    for message in described.message_type:
        _keep(message.field, lambda field, name=message.name: f"{name}.{field.name}" not in added)  # type: ignore[misc]
    for service in described.service:
        _keep(service.method, lambda method: method.name not in added)
    return text_format.MessageToString(described)


def _keep(entries: Any, is_kept: Callable[[Any], bool]) -> None:
    kept = [entry for entry in entries if is_kept(entry)]
    del entries[:]
    entries.extend(kept)


def without_keys(answers: list[dict[str, Any]], added: frozenset[str]) -> list[dict[str, Any]]:
    """Return answers of commands whose JSON has the added keys no more; other output stays as it is."""
    return [{**answer, "stdout": _without_keys(answer["stdout"], added)} for answer in answers]


def _without_keys(lines: list[str], added: frozenset[str]) -> list[str]:
    text = "\n".join(lines)
    if not any(f'"{key}":' in text for key in added):
        return lines
    document = json.loads(text, object_hook=lambda entry: {key: entry[key] for key in entry if key not in added})
    assert json.dumps(json.loads(text), indent=2, ensure_ascii=False) == text
    return json.dumps(document, indent=2, ensure_ascii=False).splitlines()


def test_every_command_and_option_is_still_there() -> None:
    assert missing(json.loads(former("interface.json")), json.loads(text_of(WITNESSES["interface.json"]()))) == []


def missing(before: Any, now: Any, path: str = "") -> list[str]:
    """Return the paths of what is in `before` and not in `now`; an option may have further names."""
    if isinstance(before, dict):
        lost = [f"{path} {key}" for key in before if key not in now]
        kept = [missing(before[key], now[key], f"{path} {key}") for key in before if key in now]
        return lost + [fault for faults in kept for fault in faults]
    return [
        f"{path} {option}" for option in before if not any(set(option.split("/")) <= set(o.split("/")) for o in now)
    ]


def test_errors_have_the_reasons_and_codes_that_they_had() -> None:
    before, now = json.loads(former("reasons.json")), reasons()
    same = [name for name in before if name in now and not name.startswith("_")]
    assert {name: now[name] for name in same} == {name: before[name] for name in same}
    public = [pair for name, pair in before.items() if not name.startswith("_")]
    assert {tuple(pair) for pair in now.values() if pair[0] not in ADDED_REASONS} == {tuple(pair) for pair in public}


COLLECTED = ("events", "log lines", "progress phases")
BEFORE: dict[str, list[str]] = json.loads(former("words.json"))
NOW: dict[str, list[str]] = json.loads(text_of(WITNESSES["words.json"]()))


@pytest.mark.parametrize("kind", [kind for kind in BEFORE if kind not in COLLECTED])
def test_closed_sets_have_the_members_that_they_had(kind: str) -> None:
    assert NOW[kind] == BEFORE[kind]


@pytest.mark.parametrize("kind", COLLECTED)
def test_names_are_what_they_were(kind: str) -> None:
    """A name that cannot be followed to its call any more is still written down somewhere; none is new."""
    assert set(BEFORE[kind]) - constants(PACKAGE) == set()
    assert set(NOW[kind]) - set(BEFORE[kind]) <= ADDED


def test_a_reworded_message_was_there_before() -> None:
    texts = "".join(path.read_text() for path in DATA.glob("*.*"))
    assert [message for message in REWORDED if message not in texts] == []
