"""Definitions and configuration in, files, frontends and probes out; hostile texts refused."""

from __future__ import annotations

import time
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

import pytest

from supervisor.edges.render import TemplateRenderer
from supervisor.values.errors import RenderError
from supervisor.values.manifest import (
    ConfigFile,
    Drain,
    Frontend,
    GapPort,
    Limits,
    Needs,
    NetworkMode,
    Probe,
    ProbeKind,
    Protocol,
    ServiceDefinition,
    ServiceManifest,
    Strategy,
    Takeover,
    User,
    Watch,
)
from supervisor.values.names import Digest, ServiceName
from supervisor.values.router import Host, Metadata, Password, RouterConfig
from supervisor.values.secret import Secret
from supervisor.values.state import AddressFrontend, Endpoint, Instance, Link, PortFrontend, ResolvedProbe
from tests.kit.samples.router import SAMPLE

WATCH = Watch((), 1.0, 1)
ISOLATED = ServiceManifest(
    name=ServiceName("web"),
    summary="",
    network=NetworkMode.ISOLATED,
    strategy=Strategy.OVERLAP,
    command=("web",),
    user=User(0, 0),
    limits=Limits(1, 1, 1),
    readiness=WATCH,
    liveness=WATCH,
    drain=Drain(0),
)
ROUTER = replace(ISOLATED, network=NetworkMode.ROUTER)
INSTANCE = Instance(
    service=ISOLATED.name,
    generation=3,
    version="1",
    release="r",
    image=Digest("sha256:1"),
    definition=Digest("sha256:2"),
    link=Link("n", "v", IPv4Address("198.18.0.1"), IPv4Address("198.18.0.2")),
    ports=(("dns", 1053),),
)


def render(template: str, router: RouterConfig = SAMPLE, name: str = "a.j2", **entry: object) -> dict[str, bytes]:
    config = ConfigFile(template=name, target="a", **entry)  # type: ignore[arg-type]
    if "each" in entry:
        config = replace(config, target="a{{ index }}")
    definition = ServiceDefinition(replace(ISOLATED, config=(config,)), ((name, template),))
    return {file.path: file.content for file in TemplateRenderer().files(definition, router, INSTANCE)}


def hostile(text: str) -> RouterConfig:
    return RouterConfig(name=text, passwords=(Password(IPv4Address("10.0.0.1"), Secret(text), "1"),))


RENDERED = [
    pytest.param("{{ router.name }}\n", b"r-7-VM\n", id="keeps the last newline"),
    pytest.param("{% if true %}\nx\n  {% endif %}\n", b"x\n", id="trims blocks"),
    pytest.param("{{ instance.port('dns') }} {{ instance.address }}", b"1053 198.18.0.2", id="instance"),
    pytest.param("{{ router.networks[1].network.netmask }}", b"255.255.255.128", id="addresses are values"),
    pytest.param("{{ router.metadata[0].user_data | b64 }}", b"IyEvYmluL3NoCgD/e3sgNyAqIDcgfX0K", id="bytes in base64"),
    pytest.param("{{ 'a\"b\\\\' | quoted }}", b'"a\\"b\\\\"', id="quoted"),
    pytest.param('{{ "a\'$b" | shell_quoted }}', b"'a'\\''$b'", id="shell_quoted"),
    pytest.param("{{ 'a.b+' | regex_escape }}", b"a\\.b\\+", id="regex_escape"),
    pytest.param("{{ 'é' | token }}", "é".encode(), id="UTF-8"),
    pytest.param("{{ 'a b' is token }}{{ 'a b' is line }}{{ '.a' is file_name }}", b"FalseTrueFalse", id="tests"),
]


@pytest.mark.parametrize(("template", "content"), RENDERED)
def test_templates_give_bytes(template: str, content: bytes) -> None:
    assert render(template) == {"a": content}


REFUSED = [
    pytest.param("x\n{{ router.colour }}", "cannot render a.j2 line 2 of web: .*no attribute 'colour'", id="undefined"),
    pytest.param("{{ router.dns.records[9].name }}", "a.j2 line 1 of web", id="undefined item"),
    pytest.param("{% for h in router.hosts %}\n{{ h.nme }}\n{% endfor %}", "line 2", id="undefined in a loop"),
    pytest.param("{{ none }}", "nothing", id="None"),
    pytest.param("{{ router.networks[0].mtu }}", "nothing", id="None of ours"),
    pytest.param("{{ router.metadata[0].user_data }}", "bytes where a text", id="bytes"),
    pytest.param("{{ router.passwords[0].secret }}", "must pass through reveal", id="secret"),
    pytest.param("{{ router.passwords[0].secret | token }}", "must pass through reveal", id="secret in a filter"),
    pytest.param("{{ router.passwords[0].secret | reveal }}", "secret: true", id="reveal in a public file"),
    pytest.param("{{ router.passwords[0].secret.reveal() }}", "unsafe", id="reveal as a method"),
    pytest.param("{{ router.passwords[0].secret._text }}", "unsafe", id="private attribute"),
    pytest.param("{{ router.__class__ }}", "unsafe", id="class of a value"),
    pytest.param("{{ 1 // 0 }}", "ZeroDivisionError: .*division", id="arithmetic"),
    pytest.param("{{ instance.port('http') }}", "KeyError: 'http'", id="unknown port"),
    pytest.param("{{ router.metadata | pairs('__class__') | list }}", "pairs refuses", id="private pairs"),
]


@pytest.mark.parametrize(("template", "message"), REFUSED)
def test_what_would_print_wrong_is_refused(template: str, message: str) -> None:
    with pytest.raises(RenderError, match=message):
        render(template)


HOSTILE = [
    "a b",
    "a\nb",
    "a\r",
    "a\tb",
    "a\0",
    'a"',
    "a'",
    "a\\",
    "`a`",
    "",
    "a\u2028b",
    "a\x85b",
    "a\x7f",
    " ",
    "a\xa0b",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_token_refuses_what_could_end_a_word(text: str) -> None:
    with pytest.raises(RenderError, match="token refuses") as caught:
        render("{{ router.name | token }}", hostile(text))
    assert not text.strip() or text not in str(caught.value)


@pytest.mark.parametrize("text", ["a\nb", "a\r", "\0", "a\u2028b", "a\x85", "\x1b[0m", "\n"])
@pytest.mark.parametrize("name", ["line", "quoted", "shell_quoted", "regex_escape"])
def test_line_and_quoting_refuse_line_breaks(text: str, name: str) -> None:
    with pytest.raises(RenderError, match="refuses character U"):
        render(f"{{{{ router.name | {name} }}}}", hostile(text))


def test_a_template_in_a_guests_text_is_only_text() -> None:
    assert render("{{ router.name }}", hostile("{{ 7*7 }}")) == {"a": b"{{ 7*7 }}"}


def test_secrets_print_in_secret_files_and_never_in_errors() -> None:
    assert render("{{ router.passwords[0].secret | reveal }}", hostile("pass word"), is_secret=True) == {
        "a": b"pass word"
    }
    for template in (
        "{{ router.passwords[0].secret | reveal | token }}",
        "{{ [] + (router.passwords[0].secret | reveal) }}",
        "{{ '%d' | format(router.passwords[0].secret | reveal) }}",
        "{{ router.passwords[0].secret ~ none | line }}",
    ):
        with pytest.raises(RenderError) as caught:
            render(template, hostile("pass word"), is_secret=True)
        assert "pass word" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_raw_templates_give_bytes_or_text() -> None:
    assert render("router.metadata[0].user_data\n", name="a.raw") == {"a": SAMPLE.metadata[0].user_data}
    assert render("router.name", name="a.raw") == {"a": b"r-7-VM"}
    for bad in ("none", "7", "router.passwords[0].secret", "router.colour"):
        with pytest.raises(RenderError, match=r"cannot render a\.raw"):
            render(bad, name="a.raw")


def test_each_gives_one_file_for_every_item_that_when_lets_through() -> None:
    assert render("{{ item.name }}", each="router.hosts", when="item.name") == {
        "a0": b"vm-020",
        "a1": b"vm-021",
        "a2": b"vm-020",
    }
    pairs = render("{{ item[0].address }} {{ item[1][0] }}", each="router.metadata | pairs('items')")
    assert pairs["a1"] == b"10.1.1.20 availability-zone"
    assert render("x", when="router.hosts | length > 9") == {}


@pytest.mark.parametrize("each", ["router.name", "7", "none", "router.colour", "router.hosts | map('bogus')"])
def test_each_must_be_a_sequence(each: str) -> None:
    with pytest.raises(RenderError, match=r"cannot render config\[0\]\.each of web"):
        render("x", each=each)


@pytest.mark.parametrize("name", ["../a", "/a", "a/../b", "a//b", "a/", ".a", "", "a b", "a\n", "x/" + "a" * 256, "é"])
def test_targets_stay_below_the_folder(name: str) -> None:
    config = ConfigFile("a.j2", "{{ router.name }}")
    definition = ServiceDefinition(replace(ISOLATED, config=(config,)), (("a.j2", ""),))
    with pytest.raises(RenderError, match=r"cannot render config\[0\]\.target of web: .* is not a path"):
        TemplateRenderer().files(definition, RouterConfig(name=name), INSTANCE)


@pytest.mark.parametrize(
    ("targets", "message"), [(("a", "a"), "is there already"), (("a/b", "a"), "a of a/b is a file")]
)
def test_targets_do_not_collide(targets: tuple[str, str], message: str) -> None:
    config = tuple(ConfigFile("a.j2", target) for target in targets)
    definition = ServiceDefinition(replace(ISOLATED, config=config), (("a.j2", ""),))
    with pytest.raises(RenderError, match=message):
        TemplateRenderer().files(definition, SAMPLE, INSTANCE)


def test_isolated_frontends() -> None:
    frontend = Frontend(
        "web-{{ item.interface }}", Protocol.TCP, "80", "8000 + index", address="item.address", each="router.networks"
    )
    found = TemplateRenderer().frontends(replace(ISOLATED, frontends=(frontend,)), SAMPLE, INSTANCE)
    endpoints = [Endpoint(IPv4Address(text), Protocol.TCP, 80) for text in ("10.1.1.1", "10.1.2.2")]
    assert found == (
        AddressFrontend("web-eth0", endpoints[0], 8000, SAMPLE.networks[0]),
        AddressFrontend("web-eth3", endpoints[1], 8001, SAMPLE.networks[1]),
    )


def test_router_frontends() -> None:
    interfaces = "router.networks | map(attribute='interface')"
    frontend = Frontend("dns", Protocol.UDP, "53", "dns", interfaces=interfaces)
    found = TemplateRenderer().frontends(replace(ROUTER, frontends=(frontend,)), SAMPLE, INSTANCE)
    assert found == (PortFrontend("dns", Protocol.UDP, 53, 1053, ("eth0", "eth3")),)


GOOD = Frontend("web", Protocol.TCP, "80", "80", address="'192.0.2.1'")
BAD_FRONTENDS = [
    pytest.param((replace(GOOD, port="router.name"),), "is not a port", id="name as port"),
    pytest.param((replace(GOOD, port="65536"),), "is not a port", id="port too high"),
    pytest.param((replace(GOOD, inside="true"),), "is not a port", id="boolean as port"),
    pytest.param((replace(GOOD, address="router.name"),), "is not an IPv4 address", id="name as address"),
    pytest.param((replace(GOOD, name="{{ router.hosts[9] }}"),), r"frontends\[0\]\.name", id="undefined name"),
    pytest.param((replace(GOOD, name="a b"),), "token refuses", id="name of two words"),
    pytest.param((GOOD, replace(GOOD, port="81", inside="81")), "wants the name web", id="two of a name"),
    pytest.param(
        (GOOD, replace(GOOD, name="b", inside="81")), r"wants 192.0.2.1:80/tcp, which web has", id="one outside"
    ),
    pytest.param((GOOD, replace(GOOD, name="b", port="81")), "wants inside port 80/tcp", id="one inside"),
]


@pytest.mark.parametrize(("frontends", "message"), BAD_FRONTENDS)
def test_bad_frontends_are_refused(frontends: tuple[Frontend, ...], message: str) -> None:
    with pytest.raises(RenderError, match=message):
        TemplateRenderer().frontends(replace(ISOLATED, frontends=frontends), SAMPLE, INSTANCE)


def test_the_port_at_which_generations_reach_each_other_is_no_frontends() -> None:
    instance = replace(INSTANCE, sync_port=80)
    with pytest.raises(RenderError, match="web wants inside port 80/tcp, which sync_port has"):
        TemplateRenderer().frontends(replace(ISOLATED, frontends=(GOOD,)), SAMPLE, instance)


@pytest.mark.parametrize("interfaces", ["'eth0'", "7", "['eth 0']", "['']", "[router.colour]"])
def test_bad_interfaces_are_refused(interfaces: str) -> None:
    frontend = Frontend("dns", Protocol.UDP, "53", "dns", interfaces=interfaces)
    with pytest.raises(RenderError, match=r"cannot render frontends\[0\]\.interfaces of web"):
        TemplateRenderer().frontends(replace(ROUTER, frontends=(frontend,)), SAMPLE, INSTANCE)


@pytest.mark.parametrize(
    ("gap", "port"),
    [
        (None, None),
        (GapPort(4500), 4500),
        (GapPort(4500, "instance.generation == 3"), 4500),
        (GapPort(4500, "not router.networks"), None),
    ],
)
def test_the_port_of_a_gap_is_held_while_its_condition_is_true(gap: GapPort | None, port: int | None) -> None:
    assert TemplateRenderer().gap_port(replace(ROUTER, takeover=Takeover(gap)), SAMPLE, INSTANCE) == port


def test_a_condition_of_the_gap_that_cannot_be_evaluated_is_named() -> None:
    manifest = replace(ROUTER, takeover=Takeover(GapPort(4500, "router.nothing.here")))
    with pytest.raises(RenderError, match=r"takeover\.encapsulation\.when .*of web"):
        TemplateRenderer().gap_port(manifest, SAMPLE, INSTANCE)


def test_probes_are_filled_in() -> None:
    probes = (
        Probe(
            ProbeKind.DNS,
            (("port", "{{ instance.port('dns') }}"), ("name", "{{ item.name }}")),
            0.5,
            "router.hosts",
            "item.name",
        ),
        Probe(ProbeKind.TCP, (("port", "80"),), when="router.hosts | length > 99"),
    )
    found = TemplateRenderer().probes(ROUTER, probes, SAMPLE, INSTANCE)
    assert found[0] == ResolvedProbe("dns", (("port", "1053"), ("name", "vm-020")), 0.5)
    assert len(found) == 3
    with pytest.raises(RenderError, match=r"cannot render probes\[0\]\.tcp\.port line 1 of web"):
        TemplateRenderer().probes(ROUTER, (Probe(ProbeKind.TCP, (("port", "{{ item }}"),)),), SAMPLE, INSTANCE)


def test_two_thousand_hosts_render_in_a_second() -> None:
    hosts = tuple(
        Host(f"02:00:00:00:{n >> 8:02x}:{n & 255:02x}", IPv4Address(0x0A010000 + n), f"vm-{n}", None, True, "eth0")
        for n in range(2000)
    )
    metadata = tuple(Metadata(host.address, b"x", (("instance-id", host.name),)) for host in hosts)
    router = RouterConfig(hosts=hosts, metadata=metadata)
    config = (
        ConfigFile("all.j2", "all"),
        ConfigFile("one.j2", "hosts/{{ item.name }}", each="router.hosts", when="item.name is token"),
        ConfigFile("data.raw", "data/{{ item.address }}", each="router.metadata"),
    )
    templates = (
        ("all.j2", "{% for host in router.hosts %}\n{{ host.address }} {{ host.name | token }}\n{% endfor %}\n"),
        ("one.j2", "{{ item.mac }},{{ item.address }},{{ item.name | token }}\n"),
        ("data.raw", "item.user_data"),
    )
    started = time.monotonic()
    files = TemplateRenderer().files(ServiceDefinition(replace(ISOLATED, config=config), templates), router, INSTANCE)
    assert time.monotonic() - started < 1.0
    assert len(files) == 4001
    assert [file.path for file in files] == sorted(file.path for file in files)


def test_of_alternatives_one_is_enough_and_each_entry_has_its_own() -> None:
    ports = (("port", "{{ item }}"),)
    one = Probe(ProbeKind.TCP, ports, each="[1, 2]", needs=Needs.ONE)
    found = TemplateRenderer().probes(ROUTER, (Probe(ProbeKind.TCP, ports, each="[3]"), one, one), SAMPLE, INSTANCE)
    assert [probe.alternative for probe in found] == [None, 1, 1, 2, 2]


def test_the_supervisors_own_guests_have_the_addresses_of_their_networks() -> None:
    text = "{% for guest in instance.guests(router.networks) %}{{ guest.mac }} {{ guest.address }};{% endfor %}"
    router = replace(
        SAMPLE, networks=(*SAMPLE.networks, replace(SAMPLE.networks[0], address=IPv4Interface("10.9.0.0/31")))
    )
    own = replace(INSTANCE, mac="02:5e:a1:00:00:07")
    definition = ServiceDefinition(replace(ISOLATED, config=(ConfigFile("a.j2", "a"),)), (("a.j2", text),))
    (file,) = TemplateRenderer().files(definition, router, own)
    assert file.content == b"02:5e:a1:00:00:07 10.1.1.0;02:5e:a1:00:00:07 10.1.2.0;"


def test_a_frontend_is_open_unless_its_expression_says_otherwise() -> None:
    manifest = replace(ROUTER, frontends=(Frontend("dns", Protocol.UDP, "53", "dns", interfaces="['eth0']"),))
    shut = replace(manifest, frontends=(replace(manifest.frontends[0], open="router.is_backup"),))
    assert [frontend.is_open for frontend in TemplateRenderer().frontends(manifest, SAMPLE, INSTANCE)] == [True]
    assert [one.is_open for one in TemplateRenderer().frontends(shut, SAMPLE, INSTANCE)] == [False]


@pytest.mark.parametrize(
    ("expression", "sides"),
    [
        pytest.param(None, None, id="nothing is said"),
        pytest.param("none", None, id="it is not known"),
        pytest.param("[]", (), id="nobody"),
        pytest.param("router.networks | map(attribute='interface')", ("eth0", "eth3"), id="guests"),
    ],
)
def test_the_interfaces_of_a_frontend_that_nothing_is_rewritten_for_are_its_sides(
    expression: str | None, sides: tuple[str, ...] | None
) -> None:
    """They are no part of the frontend: another interface is no reason for another instance."""
    web = replace(GOOD, interfaces=expression)
    (found,) = TemplateRenderer().frontends(replace(ISOLATED, frontends=(web,)), SAMPLE, INSTANCE)
    assert found.sides == sides
    ike = Frontend("ike", Protocol.UDP, "1053", "dns", interfaces=expression)
    (kept,) = TemplateRenderer().frontends(replace(ROUTER, frontends=(ike,)), SAMPLE, INSTANCE)
    assert kept == PortFrontend("ike", Protocol.UDP, 1053, 1053, ())
    assert kept.sides == sides


def test_a_side_that_is_no_interface_is_refused() -> None:
    web = replace(GOOD, interfaces="['eth0; flush']")
    with pytest.raises(RenderError, match=r"frontends\[0\]\.interfaces.* is not the name of an interface"):
        TemplateRenderer().frontends(replace(ISOLATED, frontends=(web,)), SAMPLE, INSTANCE)
