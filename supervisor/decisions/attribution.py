"""Decides which file of a call is to blame for which fault: faults of files that came before are not this call's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from supervisor.values.errors import Fault
from supervisor.values.intake import Fate, PartFate, TakenFile


def fates(
    files: Sequence[TakenFile], before: Iterable[Fault], after: Iterable[Fault], refusals: Mapping[str, str]
) -> tuple[PartFate, ...]:
    """Return what became of each file, and of parts that the call has made unusable though no file speaks of them.

    `refusals` gives the reason for files that a service refused. A file with several faults is named once for each.
    """
    known = set(before)
    blamed: dict[int, list[Fault]] = {}
    indirect: list[Fault] = []
    for fault in after:
        index = _to_blame(files, fault)
        if index is not None:
            blamed.setdefault(index, []).append(fault)
        elif fault not in known:
            indirect.append(fault)
    found = [fate for index, file in enumerate(files) for fate in _of(file, blamed.get(index, ()), refusals)]
    return (*found, *(PartFate(fault.path, Fate.LEFT_OUT, fault.problem) for fault in indirect))


def _to_blame(files: Sequence[TakenFile], fault: Fault) -> int | None:
    """The last file counts: it is what is kept of that part."""
    for index in range(len(files) - 1, -1, -1):
        if any(fault.path == part or fault.path.startswith((f"{part}.", f"{part} ")) for part in files[index].parts):
            return index
    return None


def _of(file: TakenFile, faults: Sequence[Fault], refusals: Mapping[str, str]) -> Iterator[PartFate]:
    if file.passed_over:
        yield PartFate(file.name, Fate.PASSED_OVER, file.passed_over)
    elif faults:
        yield from (PartFate(file.name, Fate.REFUSED, str(fault)) for fault in faults)
    elif file.name in refusals:
        yield PartFate(file.name, Fate.REFUSED, refusals[file.name])
    else:
        yield PartFate(file.name, Fate.LIVE)
