"""Runs inside a container as its first process: starts the real daemon and breaks it, in the way that is named.

    python3 -I wrapper.py WAY [ARGUMENT] -- COMMAND...

What a candidate does wrong only once it serves it does on SIGUSR2: the test says when. Uses nothing but the standard
library of whichever Python the image has.
"""

import contextlib
import os
import re
import signal
import sys
import time
from pathlib import Path

PASSED_ON = (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGWINCH)
LISTENS = "0A"


def main(words):
    at = words.index("--")
    way, arguments, command = words[0], words[1:at], words[at + 1 :]
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    getattr(Broken(command), way.replace("-", "_"))(*arguments)


class Broken:
    def __init__(self, command):
        self.command = command
        self.child = 0

    # ------------------------------------------------------------ before it serves

    def exit(self, code):
        say("broken: exits at once")
        os._exit(int(code))

    def wait(self):
        say("broken: never starts the daemon")
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        while True:
            signal.pause()

    def late(self, seconds):
        say("broken: starts slowly")
        time.sleep(float(seconds))
        self.run()
        self.attend()

    def stutter(self, sign):
        """From the moment it is up: stands still for three seconds and works for a moment, so answers come too late."""
        self.run()
        while not is_up(sign):
            time.sleep(0.001)
        while True:
            everybody(signal.SIGSTOP)
            time.sleep(3.0)
            everybody(signal.SIGCONT)
            time.sleep(0.002)

    def fork(self):
        """As many processes as the limit allows, and then the daemon."""
        while True:
            try:
                if os.fork() == 0:
                    while True:
                        signal.pause()
            except BlockingIOError as error:
                say(f"cannot start {self.command[0]}: {error.strerror}")
                os._exit(1)

    def corrupt(self, path):
        """The daemon finds something else where its state was. Lines that it cannot read it would pass over."""
        Path(path).unlink(missing_ok=True)
        Path(path).mkdir()
        self.run()
        self.attend()

    # ------------------------------------------------------------ while it serves

    def leave_after(self, seconds):
        self.run()
        signal.signal(signal.SIGALRM, lambda *_: os._exit(4))
        signal.setitimer(signal.ITIMER_REAL, float(seconds))
        self.attend()

    def crash(self):
        self.on_signal(lambda: os._exit(9))

    def hang(self):
        self.on_signal(lambda: everybody(signal.SIGSTOP))

    def leak(self):
        held = []

        def take():
            while True:
                held.append(bytearray(b"x" * (4 << 20)))

        self.on_signal(take)

    def deafen(self):
        """The daemon is gone, its container stays and heeds no signal."""

        def deafen():
            for number in PASSED_ON:
                signal.signal(number, signal.SIG_IGN)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            everybody(signal.SIGKILL)
            while True:
                signal.pause()

        self.on_signal(deafen)

    def die_when_called(self):
        """At the first connection of somebody who is not the supervisor (its end of the link is the gateway)."""
        self.run()
        gateway = next(line.split()[2] for line in lines("/proc/net/route") if line.split()[1] == "00000000")
        while True:
            rows = [line.split() for line in lines("/proc/net/tcp")]
            mine = listening()
            callers = {row[2].split(":")[0] for row in rows if row[3] != LISTENS and row[1].split(":")[1] in mine}
            if callers - {gateway}:
                self.die("a caller")
            time.sleep(0.002)

    def die_when_it_says(self, pattern):
        """At the first line of the daemon's log that tells of a request."""
        reading, writing = os.pipe()
        self.run(output=writing)
        os.close(writing)
        with open(reading, encoding="utf-8", errors="replace") as said:
            for line in said:
                if re.search(pattern, line):
                    self.die(line.strip())
                sys.stderr.write(line)
        os._exit(1)

    # ------------------------------------------------------------ parts

    def die(self, cause):
        say(f"broken: dies of {cause}")
        os._exit(7)

    def on_signal(self, act):
        self.run()
        signal.signal(signal.SIGUSR2, lambda *_: act())
        self.attend()

    def run(self, output=None):
        self.child = os.fork()
        if self.child == 0:
            signal.signal(signal.SIGUSR2, signal.SIG_DFL)
            if output is not None:
                os.dup2(output, 1)
                os.dup2(output, 2)
            os.execv(self.command[0], self.command)
        for number in PASSED_ON:
            signal.signal(number, lambda got, _: os.kill(self.child, got))

    def attend(self):
        """End as the daemon ends; what it leaves behind is collected on the way."""
        while True:
            with contextlib.suppress(InterruptedError):
                gone, status = os.wait()
                if gone == self.child:
                    os._exit(os.waitstatus_to_exitcode(status) & 255)


def everybody(number):
    """All processes of the container but this one: a daemon may have workers."""
    os.kill(-1, number)


def is_up(sign):
    """`listening`: in a namespace of its own. A path: that of its socket. `port of PATH`: a file says which."""
    if sign == "listening":
        return bool(listening())
    if sign.startswith("/"):
        return Path(sign).exists()
    port = int(re.search(r"(?m)^port=(\d+)", Path(sign.removeprefix("port of ")).read_text()).group(1))
    return any(line.split()[1].endswith(f":{port:04X}") for line in lines("/proc/net/udp"))


def listening():
    rows = [line.split() for line in lines("/proc/net/tcp")]
    return {row[1].split(":")[1] for row in rows if row[3] == LISTENS}


def lines(path):
    return Path(path).read_text(encoding="ascii").splitlines()[1:]


def say(text):
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
