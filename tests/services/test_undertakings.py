"""What each service has undertaken for the sample router, by name and by what is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from supervisor.edges.catalog import load_definition
from supervisor.edges.render import TemplateRenderer
from supervisor.values.errors import RenderError
from supervisor.values.manifest import ServiceManifest
from supervisor.values.router import RouterConfig, Vpn
from supervisor.values.undertaking import ResolvedUndertaking
from tests.kit.samples.router import SAMPLE, sample_instance

SERVICES = Path(__file__).parents[2] / "services"
WITH_UNDERTAKINGS = {
    "dnsmasq": ["name server 192.0.2.53", "name server 2001:db8::53"],
    "haproxy": ["certificate 203.0.113.10:443", "certificate 203.0.113.11:8443"],
    "strongswan": ["tunnel vpn-203.0.113.200", "tunnel vpn-198.51.100.9", "tunnel vpn-gw.branch--7.example"],
}


def manifest(name: str) -> ServiceManifest:
    return load_definition(SERVICES / name).manifest


def resolved(name: str, router: RouterConfig = SAMPLE) -> tuple[ResolvedUndertaking, ...]:
    found = manifest(name)
    return TemplateRenderer().undertakings(found, router, sample_instance(found))


@pytest.mark.parametrize("name", sorted(path.parent.name for path in SERVICES.glob("*/manifest.yaml")))
def test_what_is_undertaken(name: str) -> None:
    assert [f"{one.what} {one.name}" for one in resolved(name)] == WITH_UNDERTAKINGS.get(name, [])
    assert resolved(name, RouterConfig()) == ()


def test_a_split_connection_has_a_part_for_each_network() -> None:
    children = [dict(one.probe.arguments)["children"].split(",") for one in resolved("strongswan")]
    assert [[name.strip() for name in names] for names in children] == [
        ["vpn-203-0-113-200"],
        ["vpn-198-51-100-9", "vpn-198-51-100-9-2"],
        ["vpn-gw-branch--7-example"],
    ]


def test_a_passive_connection_is_not_called() -> None:
    passive = tuple(replace(tunnel, is_passive=True) for tunnel in SAMPLE.vpn.site_to_site)
    assert all(one.call for one in resolved("strongswan"))
    assert not any(one.call for one in resolved("strongswan", replace(SAMPLE, vpn=Vpn(passive))))


def test_two_of_one_name_are_refused() -> None:
    twice = replace(SAMPLE, vpn=Vpn(SAMPLE.vpn.site_to_site[:1] * 2))
    with pytest.raises(RenderError, match=r"undertakings\[0\].name of strongswan: vpn-203.0.113.200 is there already"):
        resolved("strongswan", twice)


def test_what_is_configured_is_compared_and_never_shown() -> None:
    shown = repr(resolved("strongswan"))
    assert "psk" not in shown
    assert "Secret" not in shown
