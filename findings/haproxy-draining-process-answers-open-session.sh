#!/usr/bin/env bash
# HAProxy that drains after SIGUSR1 still answers an admin session that was opened before.
#
# Seen with: haproxy 2.6.12-1+deb12u3 (Debian 12) and 3.0.11-1+deb13u4 (Debian 13).
# After SIGUSR1 the admin socket refuses each new connection at once. A session in which `prompt` was sent earlier goes
# on answering, commands such as `show stat` included, for as long as a client's connection lives.
# Why it matters to a router: a new process takes over and the former one drains for minutes. Whoever asks for the
# counters only then is refused and has to take the drained traffic for lost; whoever opened a session before the signal
# can add both processes up to the last byte.
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
import errno, pathlib, signal, socket, subprocess, sys, threading, time

root, version = sys.argv[1:]
loader = next(pathlib.Path(root).glob("**/*-linux-gnu/ld-linux-*.so.*"))
libraries = ":".join({str(path.parent) for path in pathlib.Path(root).glob("**/*-linux-gnu/lib*.so*")})
config = pathlib.Path(root, "haproxy.cfg")
config.write_text(f"""
global
    stats socket {root}/admin level admin
    stats timeout 60s
defaults
    mode tcp
    timeout connect 60s
    timeout client 60s
    timeout server 60s
listen web
    bind 127.0.0.1:8080
    server origin 127.0.0.1:8001
""")
origin = socket.create_server(("127.0.0.1", 8001))


def echo():
    connection, _ = origin.accept()
    threading.Thread(target=echo, daemon=True).start()
    while received := connection.recv(4096):
        connection.sendall(received)
    connection.close()


def ask(session, command):
    session.sendall(command.encode() + b"\n")
    answer = b""
    while not answer.endswith(b"> ") and (part := session.recv(65536)):
        answer += part
    return answer.decode().splitlines()


threading.Thread(target=echo, daemon=True).start()
command = [loader, "--library-path", libraries, f"{root}/usr/sbin/haproxy", "-db", "-f", config]
daemon = subprocess.Popen(command, stderr=subprocess.DEVNULL)
try:
    time.sleep(1)
    session = socket.socket(socket.AF_UNIX)
    session.settimeout(5)
    session.connect(f"{root}/admin")
    ask(session, "prompt")
    clients = [socket.create_connection(("127.0.0.1", 8080), timeout=5) for _ in range(2)]
    for client in clients:
        client.sendall(b"x")
        client.recv(1)
    daemon.send_signal(signal.SIGUSR1)
    time.sleep(1)
    refused = socket.socket(socket.AF_UNIX).connect_ex(f"{root}/admin") == errno.ECONNREFUSED
    clients[0].sendall(b"x" * 999)
    clients[0].recv(4096)
    clients[0].close()  # the other client stays
    time.sleep(1)
    info = dict(line.split(": ", 1) for line in ask(session, "show info") if ": " in line)
    counted = next((line.split(",")[8] for line in ask(session, "show stat") if line.startswith("web,FRONTEND")), None)
    print(f"haproxy {info.get('Version')}: Stopping {info.get('Stopping')}, CurrConns {info.get('CurrConns')}")
    print(f"  new admin connection while it drains: {'refused' if refused else 'accepted'}")
    print(f"  bytes_in by the earlier session: {counted} (one client ended while draining, after 1000 bytes)")
    clients[1].close()
    session.close()
    print(f"  exit code when the last client had left: {daemon.wait(10)}")
finally:
    daemon.kill()
    daemon.wait()
if not refused or (info.get("Version"), info.get("Stopping"), counted) != (version, "1", "1000"):
    sys.exit("CHANGED: new admin connections are not refused, or the session opened before gives no counters")
END
}

unpack bookworm haproxy 2.6.12-1+deb12u3 "$folder/12"
unpack trixie haproxy 3.0.11-1+deb13u4 "$folder/13"
show "$folder/12" 2.6.12-1+deb12u3
show "$folder/13" 3.0.11-1+deb13u4
