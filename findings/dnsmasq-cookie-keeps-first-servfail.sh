#!/usr/bin/env bash
# dnsmasq with `strict-order`: a question with a DNS cookie gets the first upstream's SERVFAIL, one without an answer.
#
# Seen with: dnsmasq-base 2.90-4~deb12u2 (Debian 12); not with 2.91-1+deb13u2 (Debian 13).
# Two upstreams, the first answers SERVFAIL, the second knows the name. 2.90 goes on to the second for a question without
# EDNS or with empty EDNS; for one that carries a cookie it hands on the SERVFAIL and never asks the second. 2.91 asks
# the second in each case.
# Why it matters to a router: `dig` sends a cookie by default and the resolver of most guests sends none. A check with
# dig reports an outage that no guest sees, and guests that do send cookies have one that a plain check does not see.
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
    timeout 60 unshare --net --pid --fork --kill-child sh -c 'ip link set lo up && exec python3 - "$@"' - "$@" <<'END'
import pathlib, socket, struct, subprocess, sys, threading, time

root, version, *expected = sys.argv[1:]
loader = next(pathlib.Path(root).glob("**/*-linux-gnu/ld-linux-*.so.*"))
libraries = ":".join({str(path.parent) for path in pathlib.Path(root).glob("**/*-linux-gnu/lib*.so*")})
COOKIE = struct.pack("!HH8s", 10, 8, b"a cookie")  # option 10, a client's half
FORMS = {"no EDNS": None, "EDNS": b"", "EDNS and cookie": COOKIE}
asked = []


def opt(options):
    return b"" if options is None else b"\0" + struct.pack("!HHIH", 41, 1232, 0, len(options)) + options


def question(number, options):
    name = b"\4www%d\7example\4test\0" % number
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, options is not None) + name + struct.pack("!HH", 1, 1) + opt(options)


def upstream(address, answers):
    """Answer each question with one A record, or with SERVFAIL."""
    serving = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    serving.bind((address, 53))
    while True:
        message, client = serving.recvfrom(4096)
        asked.append(address)
        head = message[:2] + struct.pack("!5H", 0x8180 if answers else 0x8182, 1, answers, 0, message[11])
        record = struct.pack("!HHHIH4B", 0xC00C, 1, 1, 60, 4, 192, 0, 2, 1) * answers
        serving.sendto(head + message[12 : message.index(b"\0", 12) + 5] + record + opt(b"" if message[11] else None), client)


threading.Thread(target=upstream, args=("127.0.0.11", 0), daemon=True).start()
threading.Thread(target=upstream, args=("127.0.0.12", 1), daemon=True).start()
resolv = pathlib.Path(root, "resolv")
resolv.write_text("nameserver 127.0.0.11\nnameserver 127.0.0.12\n")
command = [loader, "--library-path", libraries, f"{root}/usr/sbin/dnsmasq"]
said = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True).stdout.split()[2]
options = ["-k", "-C", "/dev/null", "--strict-order", "--cache-size=0", "-r", resolv, "--listen-address=127.0.0.1"]
daemon = subprocess.Popen([*command, *options, "--bind-interfaces", "--pid-file=", "--user=root"], stderr=subprocess.DEVNULL)
seen = []
try:
    time.sleep(1)
    print(f"dnsmasq {said}, strict-order, the first upstream answers SERVFAIL")
    for number, (form, edns) in enumerate(2 * list(FORMS.items()), 1):
        asked.clear()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.sendto(question(number, edns), ("127.0.0.1", 53))
            answer = client.recv(4096)
        seen.append({0: "NOERROR", 2: "SERVFAIL"}.get(answer[3] & 15, "other"))
        print(f"  question with {form:16} {seen[-1]}, {answer[7]} answers; upstreams asked: {', '.join(asked)}")
finally:
    daemon.kill()
    daemon.wait()
if said != version or seen != 2 * expected:
    sys.exit(f"CHANGED: expected of dnsmasq {version}: {expected}, twice")
END
}

unpack bookworm dnsmasq-base 2.90-4~deb12u2 "$folder/12"
unpack trixie dnsmasq-base 2.91-1+deb13u2 "$folder/13"
show "$folder/12" 2.90 NOERROR NOERROR SERVFAIL
show "$folder/13" 2.91 NOERROR NOERROR NOERROR
