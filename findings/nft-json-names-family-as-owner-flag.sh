#!/usr/bin/env bash
# nft 1.0.6 writes the JSON of a table with the flag `owner` with another word as the flag.
#
# Seen with: nftables 1.0.6-2+deb12u2 (Debian 12); not with 1.1.3-1 (Debian 13).
# `nft list table` shows `flags owner`. `nft -j list table` of the same table has another word in "flags"; here it
# was the name of the table's family. 1.1.3 writes "owner".
# `nft -j list sets` shows no table and is right in both.
# Why it matters to a router: a table that a daemon owns goes away with the daemon, so a program that reads the rules
# must tell such tables from others; with 1.0.6 it cannot from JSON, and it must read sets by `list sets`.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Unpack one exact version of a Debian package with the libraries of its release; apt's own state is left alone.
unpack() {
    local release=$1 package=$2 version=$3 into=$4 state=$4/apt own key=/usr/share/keyrings/debian-archive-keyring.gpg
    own=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    mkdir -p "$state"/{lists,cache/archives}/partial && touch "$state/status"
    apt-get update --print-uris |
        sed -nE "s#^'(.+)dists/$own(-security)?/InRelease'.*#deb [signed-by=$key] \\1 $release\\2 main#p" >"$state/sources"
    cat >"$state/conf" <<-END
	Dir::State "$state"; Dir::State::status "$state/status"; Dir::Cache "$state/cache";
	Dir::Etc::sourcelist "$state/sources"; Dir::Etc::sourceparts "/dev/null"; Dir::Etc::preferencesparts "/dev/null";
	Acquire::Languages "none"; APT::Sandbox::User ""; APT::Install-Recommends "false"; pkgCacheGen::Essential "none";
	END
    (
        cd "$into"
        export APT_CONFIG=$state/conf
        apt-get -qq update
        apt-get -q install --simulate "$package=$version" >apt/plan ||
            { echo "cannot show it: the archive does not have $package $version" && exit 2; }
        sed -nE 's/^Inst (\S+) \((\S+) .*/\1=\2/p' apt/plan | grep -E "^(lib|zlib1g=|$package=)" | xargs apt-get -qq download
        for deb in *.deb; do dpkg-deb -x "$deb" .; done
        rm -r apt ./*.deb
    )
}

show() {
    timeout 60 unshare --net --pid --fork --kill-child python3 - "$@" <<'END'
import json, pathlib, subprocess, sys, time

root, version, right = sys.argv[1:]
loader = next(pathlib.Path(root).glob("**/*-linux-gnu/ld-linux-*.so.*"))
libraries = ":".join({str(path.parent) for path in pathlib.Path(root).glob("**/*-linux-gnu/lib*.so*")})
command = [loader, "--library-path", libraries, f"{root}/usr/sbin/nft"]


def nft(*words):
    return subprocess.run([*command, *words], capture_output=True, check=True, timeout=10).stdout.decode(errors="replace")


def objects(text, kind):
    """Return the objects of one kind, or nothing if the text is not JSON."""
    try:
        return [entry[kind] for entry in json.loads(text)["nftables"] if kind in entry]
    except ValueError:
        return []


said = nft("--version").split()[1]
owner = subprocess.Popen([*command, "-i"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
wrong = []
try:
    print(f"nftables {said}")
    for family in ("ip", "inet"):
        owner.stdin.write(f"add table {family} shop {{ flags owner; }}\nadd set {family} shop guests {{ type ipv4_addr; }}\n")
        owner.stdin.flush()
        time.sleep(1)
        plain = "flags owner" in nft("list", "table", family, "shop")
        tables = objects(nft("-j", "list", "table", family, "shop"), "table")
        flags = tables[0].get("flags") if tables else "(not JSON)"
        sets = [entry["name"] for entry in objects(nft("-j", "list", "sets", "table", family, "shop"), "set")]
        print(f"  {family:4} table: plain text has `flags owner`: {plain}; JSON has flags: {flags!r}; JSON of its sets: {sets}")
        if not plain or sets != ["guests"]:
            sys.exit("CHANGED: the plain text or the JSON of the sets is not as described")
        wrong.append(flags not in ("owner", ["owner"]))
finally:
    owner.kill()
    owner.wait()
if said != version or any(wrong) != all(wrong) or all(wrong) == (right == "right"):
    sys.exit(f"CHANGED: the JSON of nftables {version} was expected to be {right}")
END
}

unpack bookworm nftables 1.0.6-2+deb12u2 "$folder/12"
unpack trixie nftables 1.1.3-1 "$folder/13"
show "$folder/12" v1.0.6 wrong
show "$folder/13" v1.1.3 right
