"""What cannot be rendered or read: refused before it gets traffic, and never a reason to leave alone what runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from supervisor.edges.render import TemplateRenderer
from supervisor.loop.world import ReadDefinition
from supervisor.ports.files import Renderer
from supervisor.values.errors import Fault, ManifestError, RenderError
from supervisor.values.manifest import Probe, ServiceDefinition, ServiceManifest
from supervisor.values.names import ServiceName
from supervisor.values.router import RouterConfig
from supervisor.values.settings import Settings
from supervisor.values.state import Instance, RenderedFile, ResolvedProbe
from tests.kit.simulation.router import RENDERER
from tests.kit.simulation.samples import CONFIGURATIONS, SERVICES, read_definition
from tests.kit.simulation.scenarios import swap
from tests.kit.simulation.service import SimulatedService, simulated_service
from tests.kit.simulation.supervisor import SteppedSupervisor

each = pytest.mark.parametrize("service", SERVICES)


class Speechless(TemplateRenderer):
    """Finds no words for the liveness of a release, nor, if it is told so, for its files."""

    def __init__(self, release: str, *, has_files: bool) -> None:
        super().__init__()
        self._release, self._has_files = release, has_files

    def files(
        self, definition: ServiceDefinition, router: RouterConfig, instance: Instance
    ) -> tuple[RenderedFile, ...]:
        if instance.release == self._release and not self._has_files:
            raise RenderError("cannot render main.j2: 'uplink' is undefined")
        return super().files(definition, router, instance)

    def probes(
        self, manifest: ServiceManifest, probes: Sequence[Probe], router: RouterConfig, instance: Instance
    ) -> tuple[ResolvedProbe, ...]:
        asks = [dict(probe.arguments).get("command") for probe in probes]
        if instance.release == self._release and "is it alive" in asks:
            raise RenderError("cannot word a probe: 'uplink' is undefined")
        return super().probes(manifest, probes, router, instance)


def next_life(subject: SimulatedService, renderer: Renderer = RENDERER, read: ReadDefinition = read_definition) -> None:
    subject.router.die()
    subject.router.supervisor = SteppedSupervisor(subject.machine, Settings(), CONFIGURATIONS, renderer, read)


def only_newer(name: str, found: Mapping[str, bytes]) -> ServiceDefinition:
    """A supervisor that has forgotten how to read manifests of version 1.0."""
    if b"version 1.0 " in found["manifest.yaml"]:
        raise ManifestError(f"manifest of {name}", [Fault("checks", "is of an older kind")])
    return read_definition(name, found)


@each
def test_a_candidate_that_nobody_could_watch_gets_no_traffic(service: ServiceName) -> None:
    with simulated_service(service, has_clients=True) as subject:
        next_life(subject, Speechless("2.0", has_files=True))
        subject.wait(5.0)
        before = subject.last
        swap(subject.router, service)
        subject.wait(20.0)
        assert subject.story(before) == [("swap", "failed")]
        assert "'uplink' is undefined" in subject.machine.store.history(service, 1)[0].reason
        assert subject.runs == "1.0"
        assert subject.machine.served == [(service, subject.keeper.instance.image)]


@each
def test_what_runs_and_cannot_be_rendered_any_more_is_looked_after_and_can_be_replaced(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before = subject.last
        next_life(subject, Speechless("1.0", has_files=False))
        subject.wait(20.0)
        assert subject.status.state == "degraded"
        assert "'uplink' is undefined" in subject.status.message
        subject.crash()
        subject.wait(5.0)
        assert subject.machine.engine.runs(subject.keeper.instance.container_name)
        swap(subject.router, service)
        subject.wait(20.0)
        assert subject.story(before) == [("swap", "succeeded")]
        assert (subject.runs, subject.status.state, subject.status.message) == ("2.0", "running", "")


@each
def test_what_runs_and_whose_manifest_cannot_be_read_any_more_can_be_replaced(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before, serves = subject.last, subject.keeper.instance.container_name
        next_life(subject, read=only_newer)
        subject.wait(20.0)
        assert "is of an older kind" in subject.status.message
        assert subject.machine.engine.runs(serves)
        assert subject.story(before) == []
        swap(subject.router, service)
        subject.wait(20.0)
        assert subject.story(before) == [("swap", "succeeded")]
        assert [container.name for container in subject.machine.engine.containers()] == [
            subject.keeper.instance.container_name
        ]
        assert (subject.runs, subject.status.state) == ("2.0", "running")


@each
def test_what_runs_is_never_started_beside_itself(service: ServiceName) -> None:
    with simulated_service(service) as subject:
        before, generation = subject.last, subject.keeper.instance.generation
        subject.worker.parts.keeper_slot.let_go()
        subject.worker.parts.agenda.is_dirty = True
        subject.wait(10.0)
        assert subject.story(before) == []
        assert (subject.status.is_ready, subject.keeper.instance.generation) == (True, generation)
