"""The probes of an active instance, rendered for the configuration that its daemon has, and what they find.

Probes are rendered from the configuration, as files are. While that fails nothing can be asked, and `blind` holds the
reason. If it is not known which configuration the daemon has, a probe that does not hold says nothing until it has
held once: perhaps it never could.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from supervisor.decisions import asking, health
from supervisor.ports.files import Renderer
from supervisor.ports.probes import Prober
from supervisor.ports.system import Clock
from supervisor.values.errors import SupervisorError
from supervisor.values.manifest import Probe, ServiceManifest
from supervisor.values.router import RouterConfig
from supervisor.values.state import Instance, ProbeResult, ProbeTarget, ResolvedProbe

RENDER_AGAIN_SECONDS = 5.0  # while the probes cannot be rendered
LATE_SECONDS = 0.2  # a probe never takes longer than its time-out by itself


class Question(StrEnum):
    """A question that probes answer."""

    READINESS = "readiness"
    LIVENESS = "liveness"
    ADMISSION = "admission"  # where clients cannot crowd it out


def probes_of(manifest: ServiceManifest, question: Question) -> tuple[Probe, ...]:
    """Return the probes by which a manifest answers a question; empty: it has none."""
    match question:
        case Question.READINESS:
            return manifest.readiness.probes
        case Question.LIVENESS:
            return manifest.liveness.probes
        case Question.ADMISSION:
            return manifest.admission.probes if manifest.admission else ()


@dataclass(frozen=True, slots=True)
class _Rendered:
    target: ProbeTarget
    probes: Mapping[Question, tuple[ResolvedProbe, ...]]


class ProbeSet:
    """The probes of one active instance, as they are rendered now.

    Lives on the worker's thread; `blind` is read by others.
    """

    def __init__(
        self,
        instance: Instance,
        manifest: ServiceManifest,
        renderer: Renderer,
        prober: Prober,
        clock: Clock,
        target: Callable[[], ProbeTarget],
    ) -> None:
        """`target` returns where the instance is asked. Raises SupervisorError: when that cannot be worked out yet."""
        self.blind = "it has no configuration yet"
        self._instance, self._manifest = instance, manifest
        self._renderer, self._prober, self._clock, self._find_target = renderer, prober, clock, target
        self._router = RouterConfig()
        self._rendered_at = 0.0
        self._rendered: _Rendered | None = None
        self._is_doubtful = False
        self._unproven: set[ResolvedProbe] = set()

    def configure(self, router: RouterConfig) -> None:
        """Render the probes for this configuration; if that fails, probing stops and `blind` holds the reason."""
        self._router, self._is_doubtful = router, False
        self.render()

    def doubt(self) -> None:
        """Take the configuration for a guess: probes say nothing until they have held."""
        self._is_doubtful = True
        probes = self._rendered.probes if self._rendered else {}
        self._unproven = {probe for asked in probes.values() for probe in asked}

    def render(self) -> None:
        """Render the probes once more for the same configuration."""
        self._rendered_at = self._clock.monotonic()
        try:
            target = self._find_target()
            probes = {question: self._render(probes_of(self._manifest, question)) for question in Question}
        except SupervisorError as error:
            self._rendered, self.blind = None, f"cannot watch {self._instance.container_name}: {error}"
        else:
            self._rendered, self.blind = _Rendered(target, probes), ""
        self._unproven = set()
        if self._is_doubtful:
            self.doubt()

    def _render(self, probes: tuple[Probe, ...]) -> tuple[ResolvedProbe, ...]:
        return self._renderer.probes(self._manifest, probes, self._router, self._instance)

    @property
    def render_due(self) -> float:
        """The time when probes that cannot be rendered are to be rendered once more, in monotonic seconds."""
        return self._rendered_at + RENDER_AGAIN_SECONDS

    def ask(self, question: Question) -> ProbeResult | None:
        """Ask until the answer is settled; None: nothing that was asked said anything. Only while it is not blind."""
        assert self._rendered, "nothing is asked while it is blind"
        target, probes = self._rendered.target, self._rendered.probes[question]
        asked: list[tuple[ResolvedProbe, ProbeResult]] = []
        for probe in probes:
            if not asking.is_needed(probe, asked):
                continue
            result = self._prober.ask(probe, target)
            is_late = result.seconds > probe.timeout + LATE_SECONDS  # we were, not the daemon: that says nothing
            if not result.is_good and (is_late or probe in self._unproven):
                continue
            if result.is_good:
                self._unproven.discard(probe)
            asked.append((probe, result))
            if asking.is_settled(asked):
                break
        needs_asking = bool(probes) or question is Question.ADMISSION  # what nobody asks there proves nothing
        return health.merge(asking.results(asked), is_asked=needs_asking)
