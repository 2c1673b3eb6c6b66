#!/usr/bin/env bash
# A stick table of HAProxy counts no failure for HAProxy's own 503, and counts a request for a connection without one.
#
# Seen with: haproxy 2.6.12-1+deb12u3 (Debian 12) and 3.0.11-1+deb13u4 (Debian 13).
# When no server is left, clients get HAProxy's 503 and `http_fail_cnt` stays 0; a 503 that a server sent counts. With
# `tcp-request connection track-sc0`, a client that connects and leaves without a byte adds one to `http_req_cnt` and
# one to `http_err_cnt`.
# Why it matters to a router: a gauge of failed requests built on the table reads "no failure" through a total outage,
# and a health check that only opens a connection looks like a guest that sends requests and makes errors.
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
import pathlib, re, socket, subprocess, sys, time

root, version = sys.argv[1:]
loader = next(pathlib.Path(root).glob("**/*-linux-gnu/ld-linux-*.so.*"))
libraries = ":".join({str(path.parent) for path in pathlib.Path(root).glob("**/*-linux-gnu/lib*.so*")})
frontend = """
frontend {name}
    bind 127.0.0.1:{port}
    tcp-request connection track-sc0 src
    stick-table type ip size 1k store http_req_cnt,http_err_cnt,http_fail_cnt
    default_backend {backend}
"""
config = pathlib.Path(root, "haproxy.cfg")
config.write_text(f"""
global
    stats socket {root}/admin level admin
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
backend empty
backend failing
    server origin 127.0.0.1:8001
frontend origin
    bind 127.0.0.1:8001
    http-request return status 503
""" + "".join(
    frontend.format(name=name, port=port, backend=backend)
    for name, port, backend in (("outage", 8081, "empty"), ("answered", 8082, "failing"), ("silent", 8083, "empty"))
))


def talk(family, address, sent):
    with socket.socket(family) as connection:
        connection.settimeout(5)
        connection.connect(address)
        connection.sendall(sent)
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def counters(table):
    shown = talk(socket.AF_UNIX, f"{root}/admin", f"show table {table}\n".encode())
    return {name: int(count) for name, count in re.findall(r"http_(\w+)_cnt=(\d+)", shown)}


def three_requests(port):
    request = b"GET / HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\n\r\n"
    return [talk(socket.AF_INET, ("127.0.0.1", port), request)[9:12] for _ in range(3)]


command = [loader, "--library-path", libraries, f"{root}/usr/sbin/haproxy", "-db", "-f", config]
daemon = subprocess.Popen(command, stderr=subprocess.DEVNULL)
try:
    time.sleep(1)
    info = talk(socket.AF_UNIX, f"{root}/admin", b"show info\n")
    statuses = three_requests(8081) + three_requests(8082)
    for _ in range(3):
        socket.create_connection(("127.0.0.1", 8083), timeout=5).close()
    time.sleep(0.5)
    outage, answered, silent = (counters(table) for table in ("outage", "answered", "silent"))
finally:
    daemon.kill()
    daemon.wait()
print(re.search(r"(?m)^Version: (.+)$", info)[0].replace("Version:", "haproxy"))
print(f"  statuses that the six requests got: {statuses}")
print(f"  three 503 of haproxy's own, no server:  {outage}")
print(f"  three 503 that a server sent:           {answered}")
print(f"  three connections without a request:    {silent}")
if f"Version: {version}\n" not in info or set(statuses) != {"503"}:
    sys.exit("cannot show it: not the version that was asked for, or a request got another status than 503")
if [tuple(counts.values()) for counts in (outage, answered, silent)] != [(3, 0, 0), (3, 0, 3), (3, 3, 0)]:
    sys.exit("CHANGED: own 503, or connections without a request, are counted differently")
END
}

unpack bookworm haproxy 2.6.12-1+deb12u3 "$folder/12"
unpack trixie haproxy 3.0.11-1+deb13u4 "$folder/13"
show "$folder/12" 2.6.12-1+deb12u3
show "$folder/13" 3.0.11-1+deb13u4
