"""A hand-over as a value: its two generations, where it stands, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from supervisor.values.association import Association
from supervisor.values.names import ServiceName


class Step(StrEnum):
    """A step of a hand-over. Every step may be repeated safely."""

    STAGE = "stage"  # folders, rendered configuration, namespace, copied state
    CHECK = "check"  # the candidate's image checks the rendered configuration
    CREATE = "create"  # the candidate's container exists, not started
    START = "start"  # the candidate runs
    READY = "ready"  # its readiness probes hold
    SYNC = "sync"  # copied state is as the former active left it
    KILL_FORMER = "kill-former"  # takeover: SIGKILL, never a graceful stop
    CUT_OVER = "cut-over"  # new work goes to the candidate
    VERIFY = "verify"  # the candidate answers, now as the active
    SOAK = "soak"  # it serves under watch
    DRAIN = "drain"  # the former active finishes
    RETIRE = "retire"  # the former active and all that belongs to it alone is removed
    APPLY = "apply"  # reload: files are written, and the daemon reads them

    # the way back
    SWITCH_BACK = "switch-back"
    REVIVE_FORMER = "revive-former"
    DRAIN_CANDIDATE = "drain-candidate"  # it finishes what it was given while it had traffic
    REMOVE_CANDIDATE = "remove-candidate"
    UNSTAGE = "unstage"
    UNAPPLY = "unapply"


class Mode(StrEnum):
    """The table of steps that a hand-over goes through."""

    OVERLAP = "overlap"
    TAKEOVER = "takeover"
    RELOAD = "reload"


class Kind(StrEnum):
    """The reason of a hand-over."""

    START = "start"
    SWAP = "swap"
    UPGRADE = "upgrade"
    ROLLBACK = "rollback"
    CONFIGURE = "configure"
    RESTART = "restart"
    HEAL = "heal"  # the active hangs: a fresh generation of the same version takes its place
    FALL_BACK = "fall-back"  # the active keeps failing: the version before it serves for the time being
    RETRY = "retry"  # of the desired version, while another one serves
    MIGRATE = "migrate"  # the router moves to another container engine

    @property
    def is_anew(self) -> bool:
        """True if it is asked for although the same version runs."""
        return self in (Kind.RESTART, Kind.MIGRATE)

    @property
    def is_asked_for(self) -> bool:
        """True if an operator asked for this version: it is the desired one from the cut-over on."""
        return self in (Kind.SWAP, Kind.UPGRADE, Kind.ROLLBACK)

    @property
    def is_repair(self) -> bool:
        """True if there is nothing good to go back to, nor to wait for."""
        return self in (Kind.START, Kind.HEAL, Kind.FALL_BACK)


class Direction(StrEnum):
    """The way that a hand-over goes through its table."""

    FORWARD = "forward"
    UNDO = "undo"


class Outcome(StrEnum):
    """The end of a hand-over, or that it has not ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    REVERTED = "reverted"  # the candidate had traffic and lost it again
    FAILED = "failed"  # the candidate never had traffic


@dataclass(frozen=True, slots=True)
class Waiver:
    """Safeguards that an operator lets a hand-over go without."""

    soak: bool = False  # True: the hand-over is decided once the candidate is verified
    judgement: bool = False  # True: a candidate that runs and answers is not undone, whatever it counts

    @property
    def words(self) -> tuple[str, ...]:
        """The names of the safeguards that are waived; empty: none is."""
        given = (("soak", self.soak), ("judgement", self.judgement))
        return tuple(word for word, is_given in given if is_given)

    def __str__(self) -> str:
        texts = {
            "soak": "no soak: it is decided once the new version is verified, and nothing is undone after that",
            "judgement": "forced: failed verification, lost readiness, the memory limit and counted failures do not"
            " undo it; only a new version that ends or stops answering does",
        }
        return "; ".join(texts[word] for word in self.words)


NO_WAIVER = Waiver()


@dataclass(frozen=True, slots=True)
class Handover:
    """A hand-over and where it stands. `index` is the row in the table of its mode (`decisions/handover.py`)."""

    id: int
    service: ServiceName
    kind: Kind
    mode: Mode
    former: int | None  # generation; None at a first start
    candidate: int
    index: int = 0
    direction: Direction = Direction.FORWARD
    outcome: Outcome = Outcome.RUNNING
    reached: int = 0  # where it turned round
    reason: str = ""
    synced: str | None = None  # digest of the former active's copied state, when the candidate got it last
    associations: tuple[Association, ...] = ()  # takeover: state that killed daemons left in the kernel
    is_reconfigured: bool = False  # in its soak: the former active has not got that configuration
    waiver: Waiver = NO_WAIVER


# ---------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class StepDone:
    """The current step is complete."""


@dataclass(frozen=True, slots=True)
class StepFailed:
    """The current step cannot be completed."""

    reason: str


@dataclass(frozen=True, slots=True)
class RevertAsked:
    """An operator or a watch wants the former active back."""

    reason: str


Event = StepDone | StepFailed | RevertAsked
