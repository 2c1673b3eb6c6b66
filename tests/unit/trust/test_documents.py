"""Documents of TUF: read as python-tuf reads them, and refused by name where that is lenient or the form is wrong."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import Metadata

from supervisor.decisions.trust import refuse_root
from supervisor.edges.bundle import keys
from supervisor.edges.trust import making
from supervisor.edges.trust.chain import self_signed
from supervisor.edges.trust.documents import read_revocations, read_root, read_statement
from supervisor.edges.trust.folder import key_id, raw_key
from supervisor.values.errors import BundleBuildError, UntrustedRootError
from supervisor.values.trust import Key
from tests.kit.simulation.signed import DAY, PEOPLE, Makers

INDEX = b'{"release": "1.0"}\n'


def test_identifiers_are_those_of_tuf(makers: Makers) -> None:
    for name in PEOPLE:
        signer = CryptoSigner(keys.signing_key(makers.private(name)))
        assert key_id(raw_key(makers.public(name))) == signer.public_key.keyid


def test_a_root_says_what_it_was_made_of(makers: Makers) -> None:
    people = ("alice", "bob", "carol")
    found = read_root(
        "r", makers.root(people, people, root_keys=("carol", "dave"), thresholds=(2, 2), minimum="13.0")
    ).facts
    assert (found.version, found.root.threshold, found.release.threshold, found.minimum_release) == (1, 2, 2, "13.0")
    assert found.release.keys == tuple(Key(makers.id(name), name) for name in people)
    assert found.expires == (makers.now + 3650 * DAY).timestamp()


@pytest.mark.parametrize(
    ("by", "is_good"),
    [
        (["carol", "dave"], True),
        (["carol"], False),
        (["dave"], False),
        (["alice", "bob"], False),
        (["alice", "carol", "dave"], True),
        ([], False),
    ],
)
def test_python_tuf_agrees_which_root_may_follow(makers: Makers, by: list[str], is_good: bool) -> None:
    """The old root asks for carol, the new one for dave: both have to sign."""
    first = makers.root(["alice"], ["carol"])
    second = makers.root(["alice"], by, former=first, root_keys=["dave"])
    old, new = read_root("1", first), read_root("2", second)
    theirs: Metadata[Any] = Metadata.from_bytes(second)
    result = theirs.signed.get_root_verification_result(
        Metadata.from_bytes(first).signed, theirs.signed_bytes, theirs.signatures
    )
    assert result.verified is is_good
    by_old, by_new = (new.document.good(side.keys) for side in (old, new))
    if is_good:
        refuse_root("2", old.facts, new.facts, by_old, by_new)
    else:
        with pytest.raises(UntrustedRootError, match="of 1 signatures that root"):
            refuse_root("2", old.facts, new.facts, by_old, by_new)


Change = Callable[[dict[str, Any], Makers], None]


def edit(path: str, value: Any) -> Change:
    def change(signed: dict[str, Any], _: Makers) -> None:
        *parents, last = path.split("/")
        for parent in parents:
            signed = signed[parent]
        if value is None:
            del signed[last]
        else:
            signed[last] = value

    return change


def another_identifier(signed: dict[str, Any], makers: Makers) -> None:
    """One key under two identifiers would count for two signatures."""
    key = signed["keys"][makers.id("alice")]
    signed["keys"]["0" * 64] = key
    signed["roles"]["targets"]["keyids"].append("0" * 64)


def twice_in_a_role(signed: dict[str, Any], makers: Makers) -> None:
    signed["roles"]["targets"]["keyids"] = [makers.id("alice")] * 2


def rsa(signed: dict[str, Any], makers: Makers) -> None:
    signed["keys"][makers.id("alice")]["keytype"] = "rsa"


def short(signed: dict[str, Any], makers: Makers) -> None:
    signed["keys"][makers.id("alice")]["keyval"]["public"] = "00"


def escape_in_a_name(signed: dict[str, Any], makers: Makers) -> None:
    signed["keys"][makers.id("alice")]["name"] = "al\x1b[2Jice"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (edit("version", 0), "version must be > 0"),
        (edit("version", 1.5), "no sensible number|not canonical|float"),
        (edit("version", True), "no sensible number"),
        (edit("version", 1 << 40), "no sensible number"),
        (edit("expires", "tomorrow"), "does not match format"),
        (edit("expires", None), "'expires' is missing"),
        (edit("keys", None), "'keys' is missing"),
        (edit("roles/targets/threshold", 0), "at least|threshold|must sign"),
        (edit("roles/targets/threshold", 2), "role targets has 1 keys, and 2 must sign"),
        (edit("roles/root/threshold", True), "must sign"),
        (edit("roles/targets/keyids", ["f" * 64]), "is missing"),
        (edit("roles/snapshot", None), "Role names must be"),
        (edit("spec_version", "2.0.0"), "Unsupported spec_version"),
        (edit("minimum_release", 13), "minimum_release is not the name of a release"),
        (edit("minimum_release", "newest"), "minimum_release is not the name of a release"),
        (edit("_type", "targets"), "root document"),
        (edit("_type", "mirror"), "unrecognized metadata type"),
        (another_identifier, "has the identifier of another key"),
        (twice_in_a_role, "keyids|unique|Duplicate|must sign"),
        (rsa, "Unsupported public key rsa/ed25519"),
        (short, "is no Ed25519 key"),
        (escape_in_a_name, "is not a plain one"),
    ],
)
def test_a_root_of_a_wrong_form_is_refused_by_name(makers: Makers, change: Change, problem: str) -> None:
    document = json.loads(makers.root(["alice"], ["carol"]))
    change(document["signed"], makers)
    with pytest.raises(UntrustedRootError, match=r"cannot trust 2\.json: it is no root document") as caught:
        read_root("2.json", json.dumps(document).encode())
    assert caught.match(problem)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'{"signed": 1, "signatures": []}',
        b"[" * 100_000,
        b" " * 600_000,
        b'{"signed": {}, "signed": {}, "signatures": []}',
        b'{"signed": {"_type": "root"}, "signatures": [{}]}',
    ],
    ids=range(10),
)
def test_a_text_that_is_no_document_is_refused(content: bytes) -> None:
    with pytest.raises(UntrustedRootError):
        read_root("r", content)
    with pytest.raises(UntrustedRootError):
        read_revocations("r", content)
    with pytest.raises(ValueError, match=r"."):
        read_statement(content, INDEX)


def test_a_mutated_root_is_never_trusted(makers: Makers) -> None:
    """A byte, a run of bytes or a line is changed: it is refused, or it says the very same (a blank, say)."""
    content, dice = makers.root(["alice"], ["carol"]), random.Random(15)
    payload = read_root("r", content).document.payload
    same = 0
    for _ in range(400):
        at, length = dice.randrange(len(content)), dice.choice((1, 1, 1, 8, 64))
        mutated = content[:at] + bytes(dice.randrange(256) for _ in range(length)) + content[at + length :]
        try:
            found = self_signed("r", mutated)
        except UntrustedRootError:
            continue
        same += 1
        assert found.document.payload == payload
    assert same < 200


def test_a_mutated_statement_is_never_good(makers: Makers) -> None:
    content = makers.sign(making.new_statement(INDEX, makers.now), ["alice"])
    keyring = {makers.id("alice"): raw_key(makers.public("alice"))}
    assert read_statement(content, INDEX).good(keyring)
    payload, dice = read_statement(content, INDEX).payload, random.Random(16)
    for _ in range(400):
        at = dice.randrange(len(content))
        mutated = content[:at] + bytes([dice.randrange(256)]) + content[at + 1 :]
        try:
            found = read_statement(mutated, INDEX)
        except ValueError:
            continue
        assert found.payload == payload or not found.good(keyring)


@pytest.mark.parametrize("index", [b"", INDEX[:-1], INDEX.replace(b"1", b"2")])
def test_a_statement_is_about_one_index(makers: Makers, index: bytes) -> None:
    with pytest.raises(ValueError, match=r"another index|an index of"):
        read_statement(making.new_statement(INDEX, makers.now), index)


def test_signing_twice_counts_once_and_a_signature_of_one_kind_is_none_of_another(makers: Makers) -> None:
    statement = making.new_statement(INDEX, makers.now)
    twice = makers.sign(statement, ["alice", "alice"])
    assert len(json.loads(twice)["signatures"]) == 1
    root = json.loads(makers.root(["alice"], []))
    root["signatures"] = json.loads(twice)["signatures"]
    keyring = {makers.id("alice"): raw_key(makers.public("alice"))}
    assert not read_root("r", json.dumps(root).encode()).document.good(keyring)


def test_a_signature_twice_under_one_identifier_is_refused(makers: Makers) -> None:
    document = json.loads(makers.root(["alice"], ["carol"]))
    document["signatures"] *= 2
    with pytest.raises(UntrustedRootError, match=r"Multiple signatures|two signatures"):
        read_root("r", json.dumps(document).encode())


def test_what_is_shown_of_a_document(makers: Makers) -> None:
    lines = making.described(makers.root(["alice"], ["carol", "dave"], minimum="13.0"))
    assert lines[1:5] == (
        "no release before 13.0",
        "root: 1 of 1 must sign",
        f"  carol {makers.id('carol')}",
        "release: 1 of 1 must sign",
    )
    assert lines[-1].startswith("signed by carol, ")
    assert "not a good signature by a key of this root" in lines[-1]


def test_keys_of_tuf_and_ours_have_one_form(makers: Makers) -> None:
    raw = raw_key(makers.public("alice"))
    key = SSlibKey(key_id(raw), "ed25519", "ed25519", {"public": raw.hex()})
    content = makers.root(["alice"], ["carol"])
    assert Metadata.from_bytes(content).signed.keys[makers.id("alice")].keyval == key.keyval


@pytest.mark.parametrize(
    "content",
    [
        b'{"signed": {"_type": "root", "x": 1.5}, "signatures": []}',
        b'{"signed": {"_type": "root", "x": "\\ud800"}, "signatures": []}',
        b"[" * 100_000,
    ],
)
def test_what_has_no_canonical_form_is_not_signed(makers: Makers, content: bytes) -> None:
    with pytest.raises(BundleBuildError, match="it is no document of TUF"):
        making.add_signature(content, keys.signing_key(makers.private("alice")))
