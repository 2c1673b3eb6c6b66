"""Manifests for tests: a service in a namespace of its own, and one in the router's."""

from __future__ import annotations

from typing import Any

import yaml

ISOLATED = """\
schema: 2
name: web
summary: Serves guests over HTTP
network: isolated
strategy: overlap
command: [/usr/sbin/webd, -f, /config/web.conf]
user: {uid: 101, gid: 102}
limits: {memory: 64MiB, pids: 32, nofile: 1024, cpu: 50%, cpu_weight: 50}
seccomp: {syscalls: [setuid], families: [netlink]}
capabilities: [NET_BIND_SERVICE]
environment: {LANG: C.UTF-8}
ports: {http: 80}
config:
  - {template: web.conf.j2, target: web.conf, on_change: reload}
  - {template: guest.j2, target: "guests/{{ item.address }}", each: router.metadata, on_add: live, on_remove: live}
  - template: user-data.raw
    target: "data/{{ item.address }}"
    each: router.metadata
    when: item.user_data is not none
  - {template: password.j2, target: "offers/{{ item.address }}", each: router.passwords, secret: true}
state:
  - {name: store, mount: /state/store, sharing: shared, user: {uid: 5, gid: 6}}
  - {name: leases, mount: /state/leases, sharing: copied}
runtime:
  - {name: run, mount: /run/web}
tmpfs:
  - {mount: /tmp, size: 8MiB, mode: "1777"}
checks:
  - {command: [/usr/sbin/webd, -t], timeout: 5s}
reload: {signal: SIGHUP}
frontends:
  - name: "web-{{ item.interface }}"
    each: router.networks
    address: item.gateway
    protocol: tcp
    port: 80
    inside: 8000 + index
readiness:
  probes:
    - http: {port: 80, path: /, header_Host: example.org, status: 200, timeout: 250ms}
    - socket: {runtime: run, path: control.sock, send: "status", expect: "^ok"}
  interval: 100ms
  threshold: 2
  deadline: 10s
liveness: {probes: [{tcp: {port: 80}}], interval: 5, threshold: 3}
stop: {signal: SIGTERM, timeout: 5s}
drain: {deadline: 2.5m, signal: SIGUSR1}
soak: 0
masquerades: true
requires: [names]
"""

ROUTER = """\
schema: 2
name: names
summary: Answers questions for names
network: router
strategy: overlap
command: [/usr/sbin/named]
user: {uid: 0, gid: 0}
limits: {memory: 1GiB, pids: 8, nofile: 512}
capabilities: [NET_ADMIN, NET_RAW]
devices: [/dev/net/tun]
ports: {dns: null}
frontends:
  - name: dns
    protocol: udp
    port: "53"
    inside: dns
    interfaces: "router.networks | map(attribute='interface') | list"
readiness:
  probes:
    - dns: {port: "{{ instance.port('dns') }}", name: data-server, expect: 10.1.1.1}
    - dhcp: {address: 10.1.1.1, port: 67, mac: "02:00:00:00:00:01", each: router.networks, when: item.mtu is none}
    - vici: {runtime: run, path: charon, connections: "a,b"}
    - exec: {command: "true -a 'b c'"}
  interval: 0.1
  threshold: 1
liveness: {probes: [], interval: 1m, threshold: 3}
runtime: [{name: run, mount: /run/names, user: {uid: 1, gid: 2}}]
drain: {deadline: 0}
"""

TEMPLATES = {
    "templates/web.conf.j2": b"name {{ router.name | token }}\n",
    "templates/guest.j2": b"""\
{% for key, value in item['items'] %}
{{ key | token }}={{ value | default('', true) | line }}
{% endfor %}
""",
    "templates/user-data.raw": b"item.user_data\n",
    "templates/password.j2": b"{{ item.offer | token }}\n{{ item.secret | reveal | line }}\n",
}


def files(text: str) -> dict[str, bytes]:
    return {"manifest.yaml": text.encode(), **TEMPLATES}


def document(text: str = ISOLATED) -> dict[str, Any]:
    """A fresh dictionary, for tests that break one thing in it."""
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded
