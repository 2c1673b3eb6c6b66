"""Services, versions and router configurations of the simulated router."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

from supervisor.decisions.definition_digest import definition_digest
from supervisor.edges.catalog.definition import definition_from_files
from supervisor.values.manifest import ServiceDefinition
from supervisor.values.names import Digest, ServiceName
from supervisor.values.release import Release, Version
from supervisor.values.router import Dns, DnsRecord, GuestNetwork, RouterConfig
from tests.kit.fakes.folders import digest

WATCHES = r"""
readiness:
  probes: [{exec: {command: "is it ready", expect: "name {{ router.name }}\n", timeout: 1s}}]
  interval: 50ms
  threshold: 2
  deadline: 5s
liveness:
  probes: [{exec: {command: "is it alive", expect: "name {{ router.name }}\n", timeout: 400ms}}]
  interval: 1s
  threshold: 2
verification: {probes: [{exec: {command: "is it reachable"}}], interval: 50ms, threshold: 2, deadline: 1s}
config:
  - {template: main.j2, target: main.conf}
  - {template: again.j2, target: again.conf, on_change: reload}
  - {template: live.j2, target: "live/{{ item.name }}", each: router.dns.records, on_add: live, on_remove: live}
checks:
  - {command: [/bin/daemon, --check], timeout: 5s}
user: {uid: 0, gid: 0}
limits: {memory: 64MiB, pids: 32, nofile: 1024}
command: [/bin/daemon]
errors:
  - {name: answers, source: {exec: {command: tell}}, failed: 'bad (\d+)', total: 'all (\d+)', share: 10%, minimum: 3}
cautions:
  - {text: needs a way, reference: {exec: {command: tell}}, probe: {exec: {command: "is it reachable"}}}
runtime: [{name: run, mount: /run/daemon}]
"""

AWAITED = r"""  awaited:
    - what: "the first look at {unknown} members"
      source: {socket: {runtime: run, path: control, send: knowledge}}
      unknown: '(?m)^unknown '
      at_most: 1s
"""

MANIFESTS = {
    "isolated": r"""
schema: 2
name: isolated
summary: in a namespace of its own
network: isolated
strategy: overlap
reload: {signal: SIGHUP}
drain: {deadline: 20s, signal: SIGUSR1}
soak: 2s
ports: {http: 80}
frontends:
  - name: web
    each: router.networks
    address: item.gateway
    protocol: tcp
    port: 80
    inside: 8000 + index
    interfaces: router.sides(item.gateway)
sync_port: 7000
knowledge:
  - source: {socket: {runtime: run, path: control, send: knowledge}}
    known: '(?m)^down (?P<name>\S+)$'
    same: '(?m)^unknown (?P<name>\S+)$'
    tell: "down {name}"
counters:
  source: {socket: {runtime: run, path: control, send: counters}}
  key: [part]
  columns: [done]
  published: [done]
"""
    + WATCHES.replace("  deadline: 5s\nliveness", f"  deadline: 5s\n{AWAITED}liveness").replace(
        "uid: 0, gid: 0", "uid: 7, gid: 7"
    ),
    "router": """
schema: 2
name: router
summary: in the router's namespace, with leases
network: router
strategy: overlap
reload: {signal: SIGHUP}
drain: {deadline: 20s}
soak: 2s
receive_buffer: 8MiB
ports: {dns: null, dhcp: null}
frontends:
  - {name: dns, protocol: udp, port: 53, inside: dns, interfaces: "INTERFACES"}
  - {name: tcp, protocol: tcp, port: 53, inside: dns, interfaces: "INTERFACES"}
  - {name: dhcp, protocol: udp, port: 67, inside: dhcp, interfaces: "INTERFACES"}
state: [{name: leases, mount: /state/leases, sharing: copied}]
"""
    + WATCHES,
    "takeover": """
schema: 2
name: takeover
summary: two of it cannot run at once
network: router
strategy: takeover
reload: {command: [/bin/load, --all]}
drain: {deadline: 0}
soak: 2s
capabilities: [NET_ADMIN]
takeover: {encapsulation: {port: 4500, when: not router.vpn.userspace_data_plane}, associations: true}
undertakings:
  - name: "{{ item.name }}"
    what: tunnel
    each: router.dns.records
    probe: {exec: {command: "{{ item.name }}"}}
    call: {exec: {command: "{{ item.name }}"}}
ports: {ike: 500}
frontends:
  - {name: ike, protocol: udp, port: 500, inside: ike, interfaces: "INTERFACES"}
"""
    + WATCHES,
}
REPLAY = """
state:
  - name: leases
    mount: /state/leases
    sharing: copied
    replay: {leases: {file: all, network: 10.1.1.0/24, address: 10.1.1.1, port: "{{ instance.port('dhcp') }}"}}
"""
MANIFESTS["replayed"] = (
    MANIFESTS["router"]
    .replace("name: router", "name: replayed")
    .replace("state: [{name: leases, mount: /state/leases, sharing: copied}]\n", REPLAY)
)
OWNED = (
    "    owned: {file: all, item: '(.*) leases (.*)', owners: owners}\n"  # `GUEST leases ADDRESS`, and other records
)
for _name, _like in (("owned", "router"), ("owned-replayed", "replayed")):
    MANIFESTS[_name] = (
        MANIFESTS[_like]
        .replace(f"name: {_like}\n", f"name: {_name}\n")
        .replace(
            "state: [{name: leases, mount: /state/leases, sharing: copied}]\n",
            "state:\n  - name: leases\n    mount: /state/leases\n    sharing: copied\n",
        )
        .replace("    sharing: copied\n", f"    sharing: copied\n{OWNED}")
        .replace("config:\n", "config:\n  - {template: owners.j2, target: owners, on_change: live}\n")
    )
ADMISSION = """
admission: {probes: [{exec: {command: "is it there", timeout: 400ms}}], connections: 100, patience: 60s}
"""
for _name in ("isolated", "router", "takeover"):
    MANIFESTS[f"guarded-{_name}"] = MANIFESTS[_name].replace(f"name: {_name}\n", f"name: guarded-{_name}\n") + ADMISSION
INTERFACES = "router.networks | map(attribute='interface') | list"
OWNING = (ServiceName("owned"), ServiceName("owned-replayed"))
EXPOSED = "3.0"
GUARDED = tuple(ServiceName(name) for name in MANIFESTS if name.startswith("guarded-"))
SERVICES = tuple(ServiceName(name) for name in MANIFESTS if name not in (*OWNING, *GUARDED))

TEMPLATES = {
    "templates/main.j2": b"name {{ router.name | token }}\n",
    "templates/again.j2": b"domain {{ router.domain | token }}\n",
    "templates/live.j2": b"{{ item.address }}\n",
    "templates/owners.j2": b"{{ router.name | token }} 10.1.1.1\n",
}

ANOTHER_LAN = GuestNetwork("eth7", IPv4Interface("10.7.0.1/24"), IPv4Address("10.7.0.1"), "lan", ())
LAN = GuestNetwork("eth0", IPv4Interface("10.1.1.1/24"), IPv4Address("10.1.1.1"), "lan", ())
OFFICE, DEPOT = DnsRecord("office", IPv4Address("10.1.1.7")), DnsRecord("depot", IPv4Address("10.1.1.8"))
CONFIGURATIONS: Mapping[str, RouterConfig] = {
    "plain": RouterConfig(name="one", domain="lan", networks=(LAN,)),
    "part": RouterConfig(name="part", domain="lan"),
    "fragment": RouterConfig(name="fragment", domain="lan", networks=(ANOTHER_LAN,)),
    "instance": RouterConfig(name="two", domain="lan", networks=(LAN,)),
    "elsewhere": RouterConfig(
        name="two", domain="lan", networks=(LAN,), public_addresses=(IPv4Interface("192.0.2.1/24"),)
    ),
    "moved": RouterConfig(name="one", domain="lan", networks=(replace(LAN, interface="eth5"),)),
    "another": RouterConfig(name="three", domain="lan", networks=(LAN,)),
    "reload": RouterConfig(name="one", domain="other", networks=(LAN,)),
    "tunnels": RouterConfig(name="one", domain="lan", networks=(LAN,), dns=Dns(records=(OFFICE, DEPOT))),
    "tunnels changed": RouterConfig(
        name="one",
        domain="other",
        networks=(LAN,),
        dns=Dns(records=(OFFICE, replace(DEPOT, address=IPv4Address("10.1.1.9")))),
    ),
}


def files(service: str, number: str) -> dict[str, bytes]:
    text = MANIFESTS[service].replace("summary: ", f"summary: version {number} ").replace("INTERFACES", INTERFACES)
    if number == EXPOSED:  # clients reach what is to be the supervisor's alone
        text = text.replace('exec: {command: "is it there", timeout: 400ms}', "tcp: {port: 8000}")
    return {"manifest.yaml": text.encode(), **TEMPLATES}


def image(service: str, number: str) -> Digest:
    return Digest(digest(f"image of {service} {number}".encode()))


def version(service: str, number: str) -> Version:
    definition = definition_digest(files(service, number))
    return Version(number, f"{number}-1", image(service, number), definition)


def release(number: str, *services: ServiceName) -> tuple[Release, dict[Digest, dict[str, bytes]]]:
    versions = tuple((service, version(service, number)) for service in services)
    definitions = {one.definition: files(service, number) for service, one in versions}
    return Release(number, f"2026-01-0{number[0]}T00:00:00Z", "/media/x.iso", 0.0, versions), definitions


@functools.cache
def _read(name: str, manifest: bytes) -> ServiceDefinition:
    return definition_from_files(name, {"manifest.yaml": manifest, **TEMPLATES})


def read_definition(name: str, files_of: Mapping[str, bytes]) -> ServiceDefinition:
    """Manifests are read once for all tests: the loop does not mind, and reading is slow."""
    return _read(name, files_of["manifest.yaml"])
