#!/usr/bin/env bash
# dnsmasq: an infinite lease whose reservation was removed keeps the address from the card it is reserved for now.
#
# Seen with: dnsmasq-base 2.90-4~deb12u2 (Debian 12) and 2.91-1+deb13u2 (Debian 13).
# A card took its reserved address for ever. Then the hosts file gives the address to another card, and SIGHUP or even a
# restart follows: the new card gets no offer ("not using configured address ... because it is leased to ..."), and the
# address's PTR is answered with the former name.
# Why it matters to a router: a guest is destroyed without a release, the next guest gets its address and stays without
# network. Changing the hosts file is not enough: the lease must be ended too, in the lease file or by a DHCPRELEASE.
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
import pathlib, signal, socket, struct, subprocess, sys, time

root, version = sys.argv[1:]
loader = next(pathlib.Path(root).glob("**/*-linux-gnu/ld-linux-*.so.*"))
libraries = ":".join({str(path.parent) for path in pathlib.Path(root).glob("**/*-linux-gnu/lib*.so*")})
command = [loader, "--library-path", libraries, f"{root}/usr/sbin/dnsmasq"]
said = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True).stdout.split()[2]
options = (
    "-k -C /dev/null -R -h -i router --bind-interfaces --pid-file= --user=root --dhcp-range=10.9.0.0,static,infinite "
    "--dhcp-authoritative --no-ping --domain=guests.test "
    f"--dhcp-leasefile={root}/leases --dhcp-hostsfile={root}/hosts --log-facility={root}/log"
)
hosts, FORMER, NEW = pathlib.Path(root, "hosts"), bytes([2, 0, 0, 0, 0, 1]), bytes([2, 0, 0, 0, 0, 2])
links = ("link add router type veth peer name guest", "addr add 10.9.0.1/24 dev router")
for line in (*links, *(f"link set {card} up" for card in ("lo", "router", "guest"))):
    subprocess.run(["ip", *line.split()], check=True)
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
wire.bind(("guest", 0))


def dhcp(mac, kind, more=b""):
    """Send one message as a card that has no address yet; return the kind of reply within two seconds, 0 for none."""
    fixed = struct.pack("!4BIHH16x16s192xI", 1, 1, 6, 0, 7, 0, 0x8000, mac, 0x63825363)
    body = (fixed + bytes([53, 1, kind]) + more + b"\xff").ljust(300, b"\0")
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(body), 0, 0, 64, 17, 0, bytes(4), b"\xff" * 4)
    total = sum(struct.unpack("!10H", head))
    head = head[:10] + struct.pack("!H", 0xFFFF - (total + (total >> 16) & 0xFFFF)) + head[12:]
    wire.send(b"\xff" * 6 + mac + b"\x08\0" + head + struct.pack("!4H", 68, 67, 8 + len(body), 0) + body)
    wire.settimeout(2)
    try:
        while True:
            frame = wire.recv(2048)
            if frame[23] == 17 and frame[34:36] == b"\0\x43" and frame[70:76] == mac:  # from port 67, to this card
                return frame[284]
    except TimeoutError:
        return 0


def former_name_is_answered():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        name = b"\x0210\x010\x019\x0210\7in-addr\4arpa\0"
        client.sendto(struct.pack("!6H", 1, 0x0100, 1, 0, 0, 0) + name + struct.pack("!HH", 12, 1), ("10.9.0.1", 53))
        return b"\6former\6guests\4test" in client.recv(4096)


hosts.write_text(f"{FORMER.hex(':')},10.9.0.10,former,infinite\n")
daemon = subprocess.Popen([*command, *options.split()])
try:
    time.sleep(1)
    print(f"dnsmasq {said} (2 offer, 5 acknowledgement, 0 nothing)")
    request = b"\x32\4" + socket.inet_aton("10.9.0.10") + b"\x36\4" + socket.inet_aton("10.9.0.1")
    seen = [dhcp(FORMER, 1), dhcp(FORMER, 3, request)]
    print(f"  former card: discover {seen[0]}, request {seen[1]}")
    hosts.write_text(f"{NEW.hex(':')},10.9.0.10,new,infinite\n")
    for moment in ("after SIGHUP", "after a restart", "with the lease taken out"):
        daemon.send_signal(signal.SIGHUP if "SIGHUP" in moment else signal.SIGTERM)
        time.sleep(1)
        if "lease" in moment:
            pathlib.Path(root, "leases").write_text("")
        if daemon.poll() is not None:
            daemon = subprocess.Popen([*command, *options.split()])
            time.sleep(1)
        seen += [dhcp(NEW, 1), former_name_is_answered()]
        print(f"  new card {moment}: discover {seen[-2]}; the PTR has the former name: {seen[-1]}")
finally:
    daemon.kill()
    daemon.wait()
print("  log:", *[line.strip().split(": ", 1)[1] for line in open(f"{root}/log") if "not using" in line][:1])
if said != version or seen != [2, 5, 0, True, 0, True, 2, False]:
    sys.exit("CHANGED: the lease of a removed reservation no longer keeps the address")
END
}

unpack bookworm dnsmasq-base 2.90-4~deb12u2 "$folder/12"
unpack trixie dnsmasq-base 2.91-1+deb13u2 "$folder/13"
show "$folder/12" 2.90
show "$folder/13" 2.91
