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
from tests.fakes.stepped import Life
from tests.unit.loop.ailments import Ward, ward
from tests.unit.loop.loop_samples import CONFIGURATIONS, SERVICES, read_definition
from tests.unit.loop.scenarios import RENDERER, swap

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


def next_life(patient: Ward, renderer: Renderer = RENDERER, read: ReadDefinition = read_definition) -> None:
    patient.router.die()
    patient.router.life = Life(patient.machine, Settings(), CONFIGURATIONS, renderer, read)


def only_newer(name: str, found: Mapping[str, bytes]) -> ServiceDefinition:
    """A supervisor that has forgotten how to read manifests of version 1.0."""
    if b"version 1.0 " in found["manifest.yaml"]:
        raise ManifestError(f"manifest of {name}", [Fault("checks", "is of an older kind")])
    return read_definition(name, found)


@each
def test_a_candidate_that_nobody_could_watch_gets_no_traffic(service: ServiceName) -> None:
    with ward(service, has_clients=True) as patient:
        next_life(patient, Speechless("2.0", has_files=True))
        patient.wait(5.0)
        before = patient.last
        swap(patient.router, service)
        patient.wait(20.0)
        assert patient.story(before) == [("swap", "failed")]
        assert "'uplink' is undefined" in patient.machine.store.history(service, 1)[0].reason
        assert patient.runs == "1.0"
        assert patient.machine.served == [(service, patient.keeper.instance.image)]


@each
def test_what_runs_and_cannot_be_rendered_any_more_is_looked_after_and_can_be_replaced(service: ServiceName) -> None:
    with ward(service) as patient:
        before = patient.last
        next_life(patient, Speechless("1.0", has_files=False))
        patient.wait(20.0)
        assert patient.status.state == "degraded"
        assert "'uplink' is undefined" in patient.status.message
        patient.crash()
        patient.wait(5.0)
        assert patient.machine.engine.runs(patient.keeper.instance.container_name)
        swap(patient.router, service)
        patient.wait(20.0)
        assert patient.story(before) == [("swap", "succeeded")]
        assert (patient.runs, patient.status.state, patient.status.message) == ("2.0", "running", "")


@each
def test_what_runs_and_whose_manifest_cannot_be_read_any_more_can_be_replaced(service: ServiceName) -> None:
    with ward(service) as patient:
        before, serves = patient.last, patient.keeper.instance.container_name
        next_life(patient, read=only_newer)
        patient.wait(20.0)
        assert "is of an older kind" in patient.status.message
        assert patient.machine.engine.runs(serves)
        assert patient.story(before) == []
        swap(patient.router, service)
        patient.wait(20.0)
        assert patient.story(before) == [("swap", "succeeded")]
        assert [one.name for one in patient.machine.engine.containers()] == [patient.keeper.instance.container_name]
        assert (patient.runs, patient.status.state) == ("2.0", "running")


@each
def test_what_runs_is_never_started_beside_itself(service: ServiceName) -> None:
    with ward(service) as patient:
        before, generation = patient.last, patient.keeper.instance.generation
        patient.worker.parts.keeping.let_go()
        patient.worker.parts.agenda.is_dirty = True
        patient.wait(10.0)
        assert patient.story(before) == []
        assert (patient.status.is_ready, patient.keeper.instance.generation) == (True, generation)
