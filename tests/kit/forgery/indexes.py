"""Mutations of an index that is signed: its signer errs, or is a thief."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import partial
from typing import Any

from supervisor.values.bundle import MOST_LAYERS, MOST_LISTED, MOST_SERVICES, blob_path
from tests.kit.forgery.draft import ALPHA, BETA, Draft, encoded
from tests.kit.forgery.mutations import Expected, Kind

REFUSED, ACCEPTED = Expected.REFUSED, Expected.ACCEPTED
_TOP = ("format", "release", "created", "supervisor", "architecture", "services", "files")
_OF_A_SERVICE = ("version", "image", "manifest", "layers", "definition", "requires")
_STRANGE: tuple[Any, ...] = (None, True, -1, 1.5, 1 << 70, "", "\x00", "x" * 5000, "ü", "\u202e", [], {}, [[]], {"": 0})
_PATHS = (
    "../x",
    "oci/../../x",
    "/oci/x",
    "oci//x",
    "oci/./x",
    "oci/x/",
    "oci\\x",
    "services/\x1b[2J",
    "elsewhere/x",
    "oci/" + "x" * 5000,
    "bundle.json",
    "",
)

Edit = Callable[[Draft, random.Random], None]


def signed(draft: Draft, chance: random.Random, edit: Edit) -> bytes:
    """Edit the index, and sign it."""
    edit(draft, chance)
    return draft.iso()


def _absent(draft: Draft, chance: random.Random) -> None:
    if chance.random() < 0.5:
        del draft.index[chance.choice(_TOP)]
    else:
        del draft.service(ALPHA)[chance.choice(_OF_A_SERVICE)]


def _unknown(draft: Draft, chance: random.Random) -> None:
    chance.choice([draft.index, draft.service(BETA), next(iter(draft.index["files"].values()))])["surprise"] = 1


def _strange(draft: Draft, chance: random.Random) -> None:
    """Put a value of another type, or out of all bounds, somewhere."""
    if chance.random() < 0.5:
        draft.index[chance.choice(_TOP)] = chance.choice([value for value in _STRANGE if value != "ü"])
    else:
        key = chance.choice(("version", "image", "manifest", "layers", "definition"))
        draft.service(ALPHA)[key] = chance.choice(_STRANGE)


def _strange_file(draft: Draft, chance: random.Random) -> None:
    file = draft.index["files"][chance.choice(sorted(draft.files))]
    file[chance.choice(["sha256", "size"])] = chance.choice(_STRANGE)


def _size(draft: Draft, chance: random.Random) -> None:
    file = draft.index["files"][chance.choice(sorted(draft.files))]
    file["size"] += chance.choice([-1, 1, 2048, 1 << 31, 1 << 33])


def _digest(draft: Draft, chance: random.Random) -> None:
    file = draft.index["files"][chance.choice(sorted(draft.files))]
    file["sha256"] = chance.randbytes(32).hex()


def _path(draft: Draft, chance: random.Random) -> None:
    path = chance.choice(sorted(draft.files))
    draft.index["files"][chance.choice(_PATHS)] = draft.index["files"].pop(path)


def _case(draft: Draft, chance: random.Random) -> None:
    path = chance.choice(sorted(draft.files))
    draft.index["files"][path.swapcase()] = draft.index["files"].pop(path)


def _missing(draft: Draft, chance: random.Random) -> None:
    """List a file that is not there."""
    del draft.files[chance.choice(sorted(draft.files))]


def _unlisted(draft: Draft, chance: random.Random) -> None:
    draft.files[chance.choice(["oci/more", "services/alpha/more", "more", "services/zeta/manifest.yaml"])] = b"more"


def _exchanged(draft: Draft, chance: random.Random) -> None:
    """Give a service one part of another service's image, or its definition."""
    key = chance.choice(("image", "manifest", "layers", "definition"))
    draft.service(ALPHA)[key] = draft.service(BETA)[key]


def _layers(draft: Draft, chance: random.Random) -> None:
    layers = draft.service(ALPHA)["layers"]
    change = chance.randrange(4)
    if change == 0:
        layers.reverse()
    elif change == 1:
        layers.pop()
    elif change == 2:
        layers.append(draft.service(BETA)["layers"][-1])
    else:
        layers.append(f"sha256:{chance.randbytes(32).hex()}")


def _unpacked(draft: Draft, chance: random.Random) -> None:
    """Say something false about what a layer unpacks to."""
    file = draft.index["files"][blob_path(draft.service(ALPHA)["layers"][-1])]
    truth = file["unpacked"]
    file["unpacked"] = chance.choice([0, 1, truth - 1, truth + 1, truth // 2, 10 * truth, 1 << 40, (1 << 63) - 1])


def _fit(draft: Draft, chance: random.Random) -> None:
    key, value = chance.choice(
        [
            ("architecture", "s390x"),
            ("supervisor", "99.0"),
            ("format", 99),
            ("format", 0),
            ("base", "0.9"),
            ("base", "1.0"),
            ("created", "2025-01-01"),
            ("created", "٢٠٢٥-01-01T00:00:00Z"),
            ("release", "1.0 "),
            ("release", "../1.0"),
            ("release", "1.0\n"),
        ]
    )
    draft.index[key] = value


def _requires(draft: Draft, chance: random.Random) -> None:
    draft.service(ALPHA)["requires"] = chance.choice([["zeta"], [1], "beta", ["beta"] * (MOST_SERVICES + 1)])


def _many(draft: Draft, chance: random.Random) -> None:
    """List more services, layers or files than any release has."""
    match chance.randrange(3):
        case 0:
            for number in range(MOST_SERVICES + 1):
                draft.index["services"][f"s{number}"] = draft.service(ALPHA)
        case 1:
            draft.service(ALPHA)["layers"] = draft.service(ALPHA)["layers"] * MOST_LAYERS
        case _:
            for number in range(MOST_LISTED):
                draft.index["files"][f"oci/{number}"] = {"sha256": "0" * 64, "size": 0}


def _none(draft: Draft, chance: random.Random) -> None:
    draft.index[chance.choice(["services", "files"])] = {}


def _text(draft: Draft, chance: random.Random) -> bytes:
    """Sign something that is no index at all, or one that can be read in two ways."""
    index = encoded(draft.index)
    content = chance.choice(
        [
            b"",
            b"null",
            b"[]",
            b"\xff\xfe",
            index[: len(index) // 2],
            index + b"x",
            index.replace(b'"release"', b'"release": "2.0",\n "release"', 1),
            index.replace(b'"sha256"', b'"size": 1,\n "sha256"', 1),
            b"[" * 100_000,
            b'{"a":' * 100_000,
            index.replace(b'"format": 1', b'"format": 1' + b"0" * 6000, 1),
            index.replace(b'"format": 1', b'"format": NaN', 1),
            index + b" " * (3 << 20),
        ]
    )
    return draft.iso(content=content)


def _good_layout(draft: Draft, chance: random.Random) -> bytes:
    """Sign the same document with other spaces: another index, and as good."""
    return draft.iso(content=json.dumps(draft.index, indent=chance.randrange(8), sort_keys=True).encode())


def _good(draft: Draft, chance: random.Random) -> None:
    """Another release, of another time, or one that does not say what layers unpack to."""
    draft.index["release"] = f"1.{chance.randrange(100)}"
    draft.index["created"] = f"2025-0{chance.randrange(1, 10)}-01T00:00:00Z"
    if chance.random() < 0.5:
        for file in draft.index["files"].values():
            file.pop("unpacked", None)


EDITS: dict[str, tuple[Edit, int]] = {
    "a key is missing": (_absent, 3),
    "an unknown key": (_unknown, 1),
    "a strange value": (_strange, 5),
    "a strange value of a file": (_strange_file, 3),
    "another size": (_size, 2),
    "another digest": (_digest, 2),
    "a path that leads elsewhere": (_path, 4),
    "a path in another case": (_case, 1),
    "a file that is not there": (_missing, 2),
    "a file that is not listed": (_unlisted, 1),
    "parts of two services": (_exchanged, 2),
    "other layers": (_layers, 2),
    "another size of layers": (_unpacked, 4),
    "a release for others": (_fit, 4),
    "services that are not there": (_requires, 1),
    "more than any release has": (_many, 1),
    "nothing": (_none, 1),
}

KINDS = (
    *(Kind(name, partial(signed, edit=edit), REFUSED, weight) for name, (edit, weight) in EDITS.items()),
    Kind("no index", _text, REFUSED, 5),
    Kind("a good one in another layout", _good_layout, ACCEPTED),
    Kind("another good one", partial(signed, edit=_good), ACCEPTED, 2),
)
