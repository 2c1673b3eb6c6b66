"""Attributes the faults of a configuration to the files of a call; faults of files that came before are left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from supervisor.values.errors import Fault
from supervisor.values.intake import Fate, PartFate, TakenFile


def fates(
    files: Sequence[TakenFile], before: Iterable[Fault], after: Iterable[Fault], refusals: Mapping[str, str]
) -> tuple[PartFate, ...]:
    """Return the fate of each file, and of parts that the call has made unusable although no file is about them.

    `refusals` gives the reason for files that a service refused. A file with several faults is named once for each.
    """
    known, newest = set(before), {part: index for index, file in enumerate(files) for part in file.parts}
    blamed: dict[int, list[Fault]] = {}
    indirect: list[Fault] = []
    for fault in after:
        index = _to_blame(newest, fault)
        if index is not None:
            blamed.setdefault(index, []).append(fault)
        elif fault not in known:
            indirect.append(fault)
    named = [fate for index, file in enumerate(files) for fate in _of(file, blamed.get(index, ()), refusals)]
    return (*named, *(PartFate(fault.path, Fate.LEFT_OUT, fault.problem) for fault in indirect))


def _to_blame(newest: Mapping[str, int], fault: Fault) -> int | None:
    """Return the index of the last file about the part, or about a whole that it is part of; None: there is none.

    `newest` has the last file of each part: a call may have thousands of files, and as many faults.
    """
    path = fault.path
    ends = (*(at for at, letter in enumerate(path) if letter in ". "), len(path))
    return max((newest[path[:end]] for end in ends if path[:end] in newest), default=None)


def _of(file: TakenFile, faults: Sequence[Fault], refusals: Mapping[str, str]) -> Iterator[PartFate]:
    if file.passed_over:
        yield PartFate(file.name, Fate.PASSED_OVER, file.passed_over)
    elif faults:
        yield from (PartFate(file.name, Fate.REFUSED, str(fault)) for fault in faults)
    elif file.name in refusals:
        yield PartFate(file.name, Fate.REFUSED, refusals[file.name])
    else:
        yield PartFate(file.name, Fate.LIVE)
