"""Mutations of signed documents inside a bundle: image manifests and configurations, service manifests, names."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import partial

from supervisor.documents.text import MAX_DEPTH
from supervisor.values.bundle import LARGEST_DEFINITIONS, LARGEST_READ
from tests.kit.forgery.draft import ALPHA, BETA, Draft, encoded
from tests.kit.forgery.mutations import Expected, Kind
from tests.unit.bundle.bundle_workshop import MANIFEST

REFUSED, ACCEPTED = Expected.REFUSED, Expected.ACCEPTED
_TEXTS = (b"", b"null", b"[]", b"1", b"\xff\xfe\x00", b"{", b"[" * 100_000, b'{"a":' * 100_000, b'{"config": 1}')


def image_manifest(draft: Draft, chance: random.Random) -> bytes:
    """Make the manifest of an image no manifest, or one of other blobs."""
    document = draft.document(ALPHA, "manifest")
    other = draft.document(BETA, "manifest")
    texts = [
        *_TEXTS,
        encoded(other),
        encoded({**document, "config": other["config"]}),
        encoded({**document, "layers": document["layers"][::-1]}),
        encoded({**document, "layers": document["layers"][:1]}),
        encoded({**document, "layers": [*document["layers"], other["layers"][-1]]}),
        encoded({**document, "layers": [1, 2]}),
        encoded({**document, "layers": {}}),
        encoded({**document, "config": {"digest": 1}}),
        json.dumps(document).replace('"layers"', '"layers": [], "layers"', 1).encode(),
        encoded(document) + b" " * LARGEST_READ,
    ]
    draft.set_manifest(ALPHA, chance.choice(texts))
    return draft.iso()


def image_config(draft: Draft, chance: random.Random) -> bytes:
    """Make the configuration of an image none, or one for another machine."""
    document = draft.document(ALPHA, "image")
    texts = [
        *_TEXTS,
        encoded({**document, "architecture": "s390x"}),
        encoded({**document, "architecture": None}),
        encoded({**document, "architecture": ["amd64"]}),
        encoded({**document, "rootfs": None}),
        encoded({**document, "rootfs": {"diff_ids": {}}}),
        json.dumps(document).replace('"rootfs"', '"rootfs": {}, "rootfs"', 1).encode(),
        encoded(document) + b" " * LARGEST_READ,
    ]
    draft.set_config(ALPHA, chance.choice(texts))
    return draft.iso()


def service_manifest(draft: Draft, chance: random.Random) -> bytes:
    """Make the declaration of a service one that no supervisor reads."""
    good = MANIFEST.format(name=ALPHA)
    bombs = "\n".join([f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 9)}]" for number in range(1, 9)])
    texts = [
        "",
        "\x00",
        "[]",
        "x" * 1000,
        "a: &a0 [x]\n" + bombs,
        "[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2),
        "[" * 100_000,
        good + "name: beta\n",
        good + "surprise: 1\n",
        good.replace("schema: 2", "schema: 99"),
        good.replace("name: alpha", "name: beta"),
        good.replace("command: [/bin/alpha]", "command: []"),
        good.replace("memory: 16MiB", "memory: much"),
        good.replace("uid: 990", "uid: -1"),
        good.replace("daemon.conf.j2", "../../beta/templates/daemon.conf.j2"),
        good.replace("target: daemon.conf", "target: ../daemon.conf"),
        good + "#" * (300 << 10),
        good.replace("Answers nothing", "2001-99-99T99:99:99Z").replace(
            "summary: ", "summary: !!python/name:os.system "
        ),
    ]
    content = chance.choice([text.encode() for text in texts] + [good.encode() + b"\xff\xfe"])
    draft.define(ALPHA, "manifest.yaml", content)
    return draft.iso()


def template(draft: Draft, chance: random.Random) -> bytes:
    """Leave out a template that is wanted, or make it one that cannot be read."""
    if chance.random() < 0.5:
        draft.drop(f"services/{ALPHA}/templates/daemon.conf.j2")
        draft.define(ALPHA, "templates/other.j2", b"x")
    else:
        draft.define(ALPHA, "templates/daemon.conf.j2", chance.choice([b"\xff\xfe\xfd", b"{% if %}", b"{{ x"]))
    return draft.iso()


def false_definition(draft: Draft, chance: random.Random) -> bytes:
    """Sign the digest of a definition and ship another one."""
    former = draft.service(ALPHA)["definition"]
    draft.define(ALPHA, chance.choice(["templates/daemon.conf.j2", "checks/more", "manifest.yaml"]), b"# other\n")
    draft.service(ALPHA)["definition"] = former
    return draft.iso()


def link(draft: Draft, chance: random.Random) -> bytes:
    """Let a file be a symbolic link on the medium, listed as the empty file that some readers see, or not listed."""
    path = f"services/{ALPHA}/{chance.choice(['templates/more.j2', 'more'])}"
    target = chance.choice(["daemon.conf.j2", "../../beta/manifest.yaml", "/etc/passwd", "../../../bundle.json"])
    if chance.random() < 0.5:
        draft.define(ALPHA, path.removeprefix(f"services/{ALPHA}/"), b"")
        del draft.files[path]
    return draft.iso(links={path: target})


def large(draft: Draft, chance: random.Random) -> bytes:
    """A definition that no memory should hold."""
    draft.define(ALPHA, "templates/large", bytes(LARGEST_DEFINITIONS + chance.randrange(1, 4096)))
    return draft.iso()


def good(draft: Draft, chance: random.Random) -> bytes:
    """Another definition, with twins that differ in case, empty files and deep folders."""
    more = {"templates/A.j2": b"A", "templates/a.j2": b"a", "checks/empty": b"", "/".join("abcdefgh"): b"deep"}
    for path in chance.sample(sorted(more), chance.randrange(1, len(more) + 1)):
        draft.define(ALPHA, path, more[path])
    draft.define(BETA, "manifest.yaml", MANIFEST.format(name=BETA).replace("nothing", "little").encode())
    return draft.iso()


Make = Callable[[Draft, random.Random], bytes]
MAKES: dict[str, tuple[Make, int]] = {
    "an image manifest": (image_manifest, 20),
    "an image configuration": (image_config, 15),
    "a service manifest": (service_manifest, 19),
    "a template": (template, 5),
    "another definition": (false_definition, 3),
    "a link": (link, 6),
    "a large definition": (large, 1),
}
KINDS = (
    *(Kind(name, partial(make), REFUSED, weight) for name, (make, weight) in MAKES.items()),
    Kind("another good one", good, ACCEPTED, 6),
)
