"""Decides whether a candidate fails more clients than the former active did, from what is counted of both.

Each client is compared with itself and counts once, however much it asks: one that asks for what always fails says
nothing of a version. Counters only ever say "worse than before": one that cannot be read, that went backwards because
the daemon was started again, or of a part that the former active did not have, says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from supervisor.decisions import servers
from supervisor.decisions.work import Span, Work, sum_kinds
from supervisor.values.manifest import ErrorCounter

Clients = Mapping[str, Work]  # by client


def jump(counter: ErrorCounter, fresh: Span, former: Sequence[Span], *, is_former_known: bool) -> str | None:
    """Return in words which work failed too often since the cut-over; None: none that is worse than before.

    `former` are spans of the former active's work (its whole life, its last minutes): the worst of them is the base
    line. A part that it did not have has none, and is passed over, unless nothing is known of the former at all.
    """
    works, blamed = fresh.parts, ""
    if counter.servers:
        concerned = sum(work.bad > 0 for work in works.values())
        judgement = servers.judge(fresh.servers, former, concerned)
        works, blamed = _excuse(works, judgement.excused), "".join(f"; {server}" for server in judgement.blamed)
    for name in sorted({name for name, _ in works}):
        past = [_of_part(span.parts, name) for span in former]
        if is_former_known and name and not any(past):
            continue
        if text := _worse(counter, name, _of_part(works, name), past):
            return text + blamed
    return None


def base_line(source: str, past: Sequence[Clients]) -> float:
    """Return the worst share that failed of a client's work in any span; of a new client, of the others' on average."""
    own = [clients[source].share for clients in past if source in clients and clients[source].total]
    shares = [[work.share for work in clients.values() if work.total] for clients in past]
    return max(own or [sum(some) / len(some) for some in shares if some], default=0.0)


def _of_part(works: Mapping[tuple[str, str], Work], wanted: str) -> dict[str, Work]:
    return {source: work for (name, source), work in works.items() if name == wanted}


def _worse(counter: ErrorCounter, name: str, clients: Clients, past: Sequence[Clients]) -> str | None:
    judged = _judged(counter, clients, past)
    worse = {source: work for source, work in judged.items() if work.share > base_line(source, past) + counter.share}
    failed = sum(min(work.bad, counter.minimum) for work in worse.values())
    everybody = {source for some in (clients, *past) for source, work in some.items() if work.total}
    is_alone = len(worse) == 1 < len(everybody)  # one client decides nothing for others, who may ask later
    if failed < counter.minimum or is_alone or len(worse) <= counter.clients * len(judged):
        return None
    return _describe(counter, name, judged, worse, sum(base_line(source, past) for source in judged) / len(judged))


def _judged(counter: ErrorCounter, clients: Clients, past: Sequence[Clients]) -> Clients:
    """Return the clients that count: those of before if there are any, and not those that nearly always failed."""
    working = {source: work for source, work in clients.items() if work.total}
    known = {source: work for source, work in working.items() if any(_has_worked(source, some) for some in past)}
    return {source: work for source, work in (known or working).items() if base_line(source, past) + counter.share < 1}


def _has_worked(source: str, clients: Clients) -> bool:
    return source in clients and clients[source].total > 0


def _excuse(works: Mapping[tuple[str, str], Work], excused: int) -> Mapping[tuple[str, str], Work]:
    """Take failures that are other servers' off the clients that saw most of them."""
    left = dict(works)
    for key, work in sorted(works.items(), key=lambda item: -item[1].bad):
        taken = min(work.bad, excused)
        excused -= taken
        left[key] = replace(work, failed=work.bad - taken, unanswered=0, declined=0) if taken else work
    return left


def _describe(counter: ErrorCounter, name: str, judged: Clients, worse: Clients, before: float) -> str:
    bad, total = sum(work.bad for work in judged.values()), sum(work.total for work in judged.values())
    part = f" of {name}" if name else ""
    kinds = ", ".join(f"{kind} {count}" for kind, count in sum_kinds(worse.values()))
    whom = f", of {len(worse)} of {len(judged)} clients" if "" not in judged else ""
    return (
        f"{bad} of {total} {counter.name}{part} failed since the cut-over{whom}"
        f" ({_percent(bad / total)}; bound {_percent(counter.share)}, before it {_percent(before)})"
        f"{': ' if kinds else ''}{kinds}"
    )


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"
