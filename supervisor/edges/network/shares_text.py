"""The text of our nftables table of shares: what a source may have of a frontend, whatever number of sources there are.

A first packet of a connection (SYN) is looked at before its destination is translated, once. Which frontend it is for
leads to the chain of a share; who sent it, to one of four chains there, each with sets of its own that are keyed by
source: a rate (`limit`), open connections (`ct count`, which leaves out those that both ends have closed), and those
that were refused. Over its share, the packet is dropped and not answered with a reset: a client that came in a
burst sends it once more a second later and gets in, and a forged source is sent nothing.

A set that is full takes in no other source: that source is not limited by itself, and nobody is locked out.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

from supervisor.values.errors import NetworkError
from supervisor.values.manifest import Fair
from supervisor.values.names import ServiceName
from supervisor.values.shares import ServiceShare, ShareTable
from supervisor.values.state import Share

TABLE = "inet vr_supervisor_fair"
FAMILY, NAME = TABLE.split()
MOST_SOURCES = 16384  # of one set
MOST_REFUSED = 1024
RATE_REMEMBERED, REFUSED_REMEMBERED = "1m", "5m"  # after its last packet, a source begins anew
NEIGHBOURS = 4  # a whole network (/24, IPv6 /48) has so many times the share of a source
ALL_STRANGERS = 8  # all sources that are no guests together have so many times the rate of one

# Static sets and maps, with the types of their keys and, for maps, of their data.
SETS: Mapping[str, tuple[str, str | None]] = {
    "cards": ("ifname . ether_addr", None),
    "guests": ("ifname . ipv4_addr", None),
    "sides": ("ifname", None),
    "front": ("ipv4_addr . inet_service", "verdict"),
    "ports": ("ifname . inet_service", "verdict"),
}
# What a source is known by: the type of it as a key, and the expression that gives it.
_KEYS = {
    "card": ("ether_addr", "ether saddr"),
    "side": ("ifname", "iifname"),
    "net4": ("ipv4_addr", "ip saddr"),
    "net6": ("ipv6_addr", "ip6 saddr and ffff:ffff:ffff:ffff::"),
}
# The key under which a refused source is counted, where that says more.
_REFUSED_KEYS = {**_KEYS, "side": ("ifname . ether_addr", "iifname . ether saddr")}
REFUSED = tuple(_REFUSED_KEYS)

_BASE = """
    chain arrive {
        type filter hook prerouting priority -149; policy accept;
        iifname != "lo" tcp flags & (fin|syn|rst|ack) == syn ct state new jump begun
    }
    chain begun {
        ip daddr . tcp dport vmap @front
        fib daddr type local iifname . tcp dport vmap @ports
    }
"""

Key = tuple[str | int, ...]
Elements = Mapping[str, Mapping[Key, str]]  # set or map -> key -> name of a share; sets have empty data
Shares = frozenset[str]  # names, which say everything


def name_of(of: ServiceShare) -> str:
    """Return the name of a share in the kernel: two that differ in anything have different names."""
    fair = of.share.fair
    return f"{of.service}_{of.share.entry}_{fair.open}_{fair.rate}{'_guests' if fair.guests_only else ''}"


def share_of(name: str) -> ServiceShare | None:
    """Return the share that has this name; None: none of ours has."""
    found = re.fullmatch(r"([a-z][a-z0-9-]*)_(\d+)_(\d+)_(\d+)(_guests)?", name)
    if found is None:
        return None
    entry, most, rate = (int(found[group]) for group in (2, 3, 4))
    return ServiceShare(ServiceName(found[1]), Share(entry, Fair(most, rate, guests_only=bool(found[5]))))


def shares(table: ShareTable) -> Shares:
    """Return the names of the shares that the table has chains for."""
    return frozenset(map(name_of, table.shares))


def elements(table: ShareTable) -> Elements:
    """Return the elements that each static set and map must hold.

    Raises NetworkError: when an interface has a name that is none.
    """
    return {
        "cards": {(_interface(card.interface), card.mac): "" for card in table.cards},
        "guests": {(_interface(guest.interface), str(guest.address)): "" for guest in table.guests},
        "sides": {(_interface(side),): "" for side in table.sides},
        "front": {(str(shared.address), shared.port): name_of(shared.of) for shared in table.addresses},
        "ports": {(_interface(shared.interface), shared.port): name_of(shared.of) for shared in table.ports},
    }


def document(named: Shares, wanted: Elements) -> str:
    """Return one transaction that replaces the table, whatever it was."""
    sets = "".join(
        f"    {'map' if data else 'set'} {name} {{\n        type {key}{f' : {data}' if data else ''}\n    }}\n"
        for name, (key, data) in SETS.items()
    )
    mark = f'    chain structure {{\n        return comment "{fingerprint()}"\n    }}\n'
    head = f"add table {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{\n{sets}{_BASE}{mark}}}\n"
    return head + changes(frozenset(), {name: {} for name in SETS}, named, wanted)


def changes(before: Shares, former: Elements, named: Shares, wanted: Elements) -> str:
    """Return one transaction that turns one content of the table into another; empty: they are equal."""
    stale = {name: {key for key in former[name] if wanted[name].get(key) != former[name][key]} for name in SETS}
    fresh = {name: {key for key in wanted[name] if former[name].get(key) != wanted[name][key]} for name in SETS}
    lines = [line for name in sorted(named - before) for line in _addition(name)]
    for name, keys in stale.items():
        if keys:
            lines.append(f"delete element {TABLE} {name} {{ {', '.join(_key(name, key) for key in sorted(keys))} }}")
    for name, keys in fresh.items():
        if keys:
            listed = (_key(name, key) + _verdict(wanted[name][key]) for key in sorted(keys))
            lines.append(f"add element {TABLE} {name} {{ {', '.join(listed)} }}")
    lines += [line for name in sorted(before - named) for line in _removal(name)]
    return "".join(f"{line}\n" for line in lines)


def rule_counts(named: Shares) -> dict[str, int]:
    """Return how many rules each chain has, which `verify` compares with the kernel's table."""
    counts = {"arrive": 1, "begun": 2, "structure": 1}
    for name in named:
        counts |= {chain: len(rules) for chain, rules in _chains(name).items()}
    return counts


def fingerprint() -> str:
    """Return the structure's digest. A rule's comment carries it, so that a later supervisor can adopt the table."""
    samples = [*_addition("sample_0_16_1"), *_addition("sample_0_16_1_guests")]
    return hashlib.sha256(f"{SETS}{_BASE}{samples}".encode()).hexdigest()[:16]


def refused_set(name: str, kind: str) -> str:
    """Return the name of the set with the sources of one kind that were refused by a share."""
    return f"{name}_refused_{kind}"


# ---------------------------------------------------------------- a share


def _sets(name: str) -> Iterator[tuple[str, str]]:
    """Yield the sets of a share with their declarations."""
    for kind, (key, _) in _KEYS.items():
        flags = f"flags dynamic,timeout; timeout {RATE_REMEMBERED};"
        yield f"{name}_rate_{kind}", f"type {key}; size {MOST_SOURCES}; {flags}"
        yield f"{name}_open_{kind}", f"type {key}; size {MOST_SOURCES}; flags dynamic;"
    for kind in ("net4", "net6"):
        yield f"{name}_near_{kind}", f"type {_KEYS[kind][0]}; size {MOST_SOURCES}; flags dynamic;"
    for kind, (key, _) in _REFUSED_KEYS.items():
        flags = f"flags dynamic,timeout; timeout {REFUSED_REMEMBERED}; counter;"
        yield refused_set(name, kind), f"type {key}; size {MOST_REFUSED}; {flags}"


def _chains(name: str) -> dict[str, list[str]]:
    """Return the chains of a share with their rules."""
    of = share_of(name)
    if of is None:
        raise NetworkError(f"cannot make a share called {name!r}")
    fair = of.share.fair
    chains = {
        f"{name}_card": _limits(name, "card", fair),
        f"{name}_side": _limits(name, "side", fair),
        f"{name}_known": _limits(name, "net4", fair),
        f"{name}_net4": [*_limits(name, "net4", fair), *_limits_of_all(name, "net4", "255.255.255.0", fair)],
        f"{name}_net6": [*_limits(name, "net6", fair), *_limits_of_all(name, "net6", "ffff:ffff:ffff::", fair)],
    }
    for kind, (_, source) in _REFUSED_KEYS.items():
        counted = f"update @{refused_set(name, kind)} {{ {source} }}"
        chains[f"{name}_refuse_{kind}"] = [f"counter name {name}", counted, "drop"]
    strangers = f"{name}_refuse" if fair.guests_only else name
    chains[name] = [
        f"iifname . ether saddr @cards goto {name}_card",
        f"iifname . ip saddr @guests goto {name}_known",
        f"iifname @sides goto {strangers}_side",
        f"meta nfproto ipv4 goto {strangers}_net4",
        f"goto {strangers}_net6",
    ]
    return chains


def _limits(name: str, kind: str, fair: Fair) -> list[str]:
    source, over = _KEYS[kind][1], f"goto {name}_refuse_{kind}"
    rate = f"limit rate over {fair.rate}/second burst {fair.rate} packets"
    return [
        f"update @{name}_rate_{kind} {{ {source} {rate} }} {over}",
        f"add @{name}_open_{kind} {{ {source} ct count over {fair.open} }} {over}",
    ]


def _limits_of_all(name: str, kind: str, network: str, fair: Fair) -> list[str]:
    word, over = _KEYS[kind][1].split()[0], f"goto {name}_refuse_{kind}"
    together = fair.rate * ALL_STRANGERS
    return [
        f"add @{name}_near_{kind} {{ {word} saddr and {network} ct count over {fair.open * NEIGHBOURS} }} {over}",
        f"meta nfproto ipv{kind[-1]} limit rate over {together}/second burst {together} packets {over}",
    ]


def _addition(name: str) -> list[str]:
    chains = _chains(name)
    return [
        f"add counter {TABLE} {name}",
        *(f"add set {TABLE} {item} {{ {declaration} }}" for item, declaration in _sets(name)),
        *(f"add chain {TABLE} {chain}" for chain in chains),
        *(f"add rule {TABLE} {chain} {rule}" for chain, rules in chains.items() for rule in rules),
    ]


def _removal(name: str) -> list[str]:
    chains = _chains(name)  # all are emptied before one goes: they lead to each other
    return [
        *(f"flush chain {TABLE} {chain}" for chain in chains),
        *(f"delete chain {TABLE} {chain}" for chain in chains),
        *(f"delete set {TABLE} {item}" for item, _ in _sets(name)),
        f"delete counter {TABLE} {name}",
    ]


def _verdict(share: str) -> str:
    return f" : goto {share}" if share else ""


def _key(name: str, key: Key) -> str:
    parts = (f'"{key[0]}"', *key[1:]) if SETS[name][0].startswith("ifname") else key
    return " . ".join(map(str, parts))


def _interface(name: str) -> str:
    if not re.fullmatch(r"[\w.:@+-]{1,15}", name):
        raise NetworkError(f"cannot share frontends on interface {name!r}: that is no interface name")
    return name
