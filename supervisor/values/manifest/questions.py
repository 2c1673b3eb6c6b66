"""Questions to a daemon beside its probes: facts to wait for or pass on, counters, undertakings, cautions."""

from __future__ import annotations

from dataclasses import dataclass

from supervisor.values.manifest.probes import Probe


@dataclass(frozen=True, slots=True)
class Watch:
    """A set of probes asked together every `interval` seconds; `threshold` verdicts in a row change the state."""

    probes: tuple[Probe, ...]
    interval: float
    threshold: int
    deadline: float = 30.0  # readiness of a candidate only: how long it may take
    awaited: tuple[Awaited, ...] = ()  # readiness of a candidate only, once its probes hold


@dataclass(frozen=True, slots=True)
class Admission:
    """A way in of the supervisor's own, which clients cannot fill, and what an instance is like that they have filled.

    An instance that does not answer where its clients ask is full, and does not hang, if all `probes` hold and the
    daemon has at least `connections` of its clients open. Where the probes prove less than that it works on, `patience`
    is for how many seconds it may take in no connection; None: they prove that.
    """

    probes: tuple[Probe, ...]
    connections: int
    patience: float | None = None


@dataclass(frozen=True, slots=True)
class Awaited:
    """Facts that a daemon finds out by itself, and that a candidate shall know before it is given traffic.

    `unknown` and `total` are regular expressions; each match in the daemon's answer is one thing that is not known yet,
    or one of all. Readiness waits for it no longer than `at_most` seconds, and never fails because of it.
    """

    what: str  # for the progress: "the first check of {unknown} of {total} members"
    source: Probe  # where to read: without `expect`
    unknown: str
    total: str | None = None
    at_most: float = 1.0


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Knowledge of the former active that a candidate is given before it gets traffic.

    `known` and `same` are regular expressions: the first finds the facts in the former's answer, the second finds in
    the candidate's the items that facts may be about. A fact is passed on if all named groups of `same` have equal
    texts in both answers.
    """

    source: Probe  # a socket of both: without `send` it is where the lines go
    known: str
    same: str
    tell: str  # the line, with {group} of `known`


@dataclass(frozen=True, slots=True)
class Counters:
    """A daemon's table of counters, comma separated, whose first line names the columns.

    The counts of former generations in `columns` are added, row by row: the columns of `key` identify a row.
    """

    source: Probe
    key: tuple[str, ...]
    columns: tuple[str, ...]
    published: tuple[str, ...] = ()  # those of `columns` that are metrics, too
    session: tuple[str, ...] = ()  # lines that begin a session which the daemon answers while it finishes
    prompt: str = "\n> "  # ends each answer in it


@dataclass(frozen=True, slots=True)
class Count:
    """Regular expressions for one text: the numbers that their groups find are added up over all matches.

    Sums are kept apart by the texts of the groups called `name` and `source`. Other named groups are numbers, too, and
    messages use their names.
    """

    total: str
    failed: str | None = None
    answered: str | None = None
    declined: str | None = None  # servers only


@dataclass(frozen=True, slots=True)
class ErrorCounter:
    """A counter of a daemon's failed work, compared while a hand-over soaks.

    A client sees more failures than before when more than `share` of its new work failed, besides the share that
    failed with the former active. No more than `clients` of them may. See `decisions.error_rate`.
    """

    name: str  # the work that is counted, as a plural: requests
    source: Probe  # where to read: without `expect`
    failed: str | None
    total: str
    share: float  # 0 to 1
    minimum: int  # so many failures decide nothing yet; more of one client count as so many
    answered: str | None = None  # work that is neither answered nor failed after `patience` seconds has failed
    patience: float = 0.0
    clients: float = 0.1  # 0 to 1
    servers: Count | None = None  # the answers of other servers to the daemon: their failures are not its own

    @property
    def parts(self) -> Count:
        """Return the expressions for the daemon's own work."""
        return Count(self.total, self.failed, self.answered)


@dataclass(frozen=True, slots=True)
class Undertaking:
    """A state that the daemon is to bring about with others, for each item: to have loaded it is not enough.

    `probe` says whether it is up. `call` makes the daemon try again, after `pause` at first and `longest` at most
    between two calls. It is connecting until it was not up for `patience` seconds; then it is down.
    """

    name: str  # template; unique among those of its kind
    what: str  # its kind, as a singular: tunnel
    probe: Probe
    each: str | None = None
    when: str | None = None
    call: Probe | None = None
    interval: float = 5.0  # between two looks while it is up
    patience: float = 15.0
    pause: float = 5.0
    longest: float = 60.0
    most: int = 4  # associations of each of its parts; with more it is not called


@dataclass(frozen=True, slots=True)
class Caution:
    """A warning about others that this version may not get on with.

    A plan shows `text` when `reference` holds and `probe` does not.
    """

    text: str
    reference: Probe
    probe: Probe
