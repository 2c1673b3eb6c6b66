"""Mutated bundles: a sample through verify and import. `make test-mutations` tries thousands."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from supervisor.edges.bundle import index as index_file
from tests.kit.forgery.draft import ALPHA, Draft, encoded, good
from tests.kit.forgery.mutations import Expected, Mutation, families, mutation
from tests.kit.forgery.trial import Court, Outcome

pytestmark = pytest.mark.programs  # xorriso writes the bundles

COUNT = 2000
SAMPLE = 4  # of each family


@pytest.fixture(scope="module")
def draft(tmp_path_factory: pytest.TempPathFactory) -> Draft:
    return good(tmp_path_factory.mktemp("good"))


@pytest.fixture
def court(draft: Draft, tmp_path: Path) -> Court:
    return Court(draft, tmp_path)


def numbers() -> list[int]:
    """Return a few numbers out of each family, other ones in each run."""
    chance, begun, chosen = random.Random(), 0, []
    for family in families():
        size = round(family.share * COUNT)
        chosen += chance.sample(range(begun, begun + size), SAMPLE)
        begun += size
    assert begun == COUNT
    return chosen


def test_a_sample_of_each_family(draft: Draft, court: Court) -> None:
    seed = random.randrange(1 << 30)
    for number in numbers():
        trial = court.try_(mutation(draft, seed, number, COUNT))
        assert trial.faults == [], f"--seed {seed} --only {number}: {trial.name}"


def test_equal_seeds_give_equal_bundles(draft: Draft) -> None:
    for number in (3, 700, 1100, 1300, 1600, 1900):
        first, second, other = (mutation(draft, seed, number, COUNT) for seed in (1, 1, 2))
        assert (first.name, first.expected) == (second.name, second.expected) == (other.name, other.expected)
        assert sum(a != b for a, b in zip(first.image, second.image, strict=True)) < 4096  # times of files alone


def test_a_good_bundle_is_accepted_and_is_the_same(draft: Draft, court: Court) -> None:
    for expected in (Expected.ACCEPTED, Expected.THE_SAME):
        trial = court.try_(Mutation("1 good", draft.iso(), expected))
        assert trial.faults == []
        assert trial.imported.is_accepted


# ---------------------------------------------------------------- the trial notices what it is for


def test_what_should_be_refused_and_is_not_is_named(draft: Draft, court: Court) -> None:
    trial = court.try_(Mutation("1 good", draft.iso(), Expected.REFUSED))
    assert trial.faults == ["is wrongly accepted", "is wrongly accepted"]


@pytest.mark.parametrize("change", ["release", "definition", "image"])
def test_what_is_signed_anew_is_not_the_same(change: str, draft: Draft, court: Court) -> None:
    other = draft.copy()
    if change == "release":
        other.index["release"] = "1.1"
    elif change == "definition":
        other.define(ALPHA, "templates/more.j2", b"more")
    else:
        other.change_config(ALPHA, lambda config: config.update(author="somebody"))
    trial = court.try_(Mutation("1 other", other.iso(), Expected.THE_SAME))
    assert trial.faults == ["is wrongly accepted: something else was taken from it"]


def test_what_should_be_accepted_and_is_not_is_named(draft: Draft, court: Court) -> None:
    trial = court.try_(Mutation("1 nothing", b"", Expected.ACCEPTED))
    assert len(trial.faults) == 2
    assert all(fault.startswith("is wrongly refused: cannot use ") for fault in trial.faults)


def test_traces_and_tracebacks_and_slowness_are_named(court: Court) -> None:
    trial = court.try_(Mutation("1 nothing", b"", Expected.REFUSED))
    trial.verified = Outcome("traceback", "KeyError()", 6.0, 300 << 20)
    court.add_faults(trial, Expected.REFUSED)
    assert [fault.split(":")[0] for fault in trial.faults] == [
        "they differ",
        "traceback",
        "took 6.0 s",
        "took 300 MiB",
    ]


def test_the_index_of_the_good_bundle_says_what_layers_unpack_to(draft: Draft) -> None:
    index = index_file.decode(index_file.encode(index_file.decode(encoded(draft.index), "x")), "x")
    layers = {layer for service in index.services for layer in service.layers}
    stated = {file.path: file.unpacked for file in index.files if file.unpacked is not None}
    assert sorted(stated) == sorted(f"oci/blobs/sha256/{layer[7:]}" for layer in layers)
    assert all(size and size > 4096 for size in stated.values())
