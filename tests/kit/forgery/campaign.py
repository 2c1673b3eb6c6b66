"""The campaign: `python -m tests.kit.forgery [--seed N] [--count 2000] [--jobs 2] [--only NUMBER]`."""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.kit.forgery.draft import good
from tests.kit.forgery.mutations import families, mutation
from tests.kit.forgery.trial import READER_BYTES, Court, Trial

MEMORY = Path("/dev/shm")


def tried(seed: int, count: int, numbers: tuple[int, ...]) -> Iterator[Trial]:
    """Try those of the mutations of a seed whose numbers are given, in folders of their own that are removed."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        place = Path(folder)
        (place / "good").mkdir()
        draft = good(place / "good")
        court = Court(draft, place)
        for number in numbers:
            yield court.try_(mutation(draft, seed, number, count))


def _share(arguments: tuple[int, int, tuple[int, ...]]) -> list[Trial]:
    return list(tried(*arguments))


def main() -> int:
    """Try all and print a table; the exit code is 1 when anything is wrong."""
    parser = argparse.ArgumentParser(description="Mutated bundles through verify and import.")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", type=int, action="append", help="number of a mutation; may be given several times")
    options = parser.parse_args()
    numbers = options.only or range(options.count)
    shares = [(options.seed, options.count, tuple(numbers[at : at + 50])) for at in range(0, len(numbers), 50)]
    accepted: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    slowest, largest, wrong = 0.0, 0, 0
    # A fresh process for each share, so that memory is that of a few trials.
    with multiprocessing.get_context("spawn").Pool(options.jobs, maxtasksperchild=1) as pool:
        for trials in pool.imap(_share, shares):
            for trial in trials:
                family = trial.name.split(" ", 1)[1].partition(":")[0]
                (accepted if trial.imported.is_accepted else refused)[family] += 1
                slowest = max(slowest, trial.verified.seconds, trial.imported.seconds)
                largest = max(largest, trial.verified.peak, trial.imported.peak)
                wrong += bool(trial.faults)
                for fault in trial.faults:
                    print(f"{trial.name}: {fault}", flush=True)
                if options.only and len(numbers) < 10:
                    print(trial, flush=True)
    print(f"seed {options.seed}, {sum((accepted + refused).values())} mutated bundles, {wrong} with faults")
    print(f"slowest {slowest:.2f} s, memory grew by {largest / 1e6:.0f} MB at most, besides {READER_BYTES >> 20} MiB")
    for name in (family.name for family in families()):
        print(f"  {name:10} {refused[name]:5} refused {accepted[name]:5} accepted")
    return 1 if wrong else 0
