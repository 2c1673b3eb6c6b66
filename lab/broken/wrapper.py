"""Runs inside a container as its first process: starts the real daemon and breaks it, in the way that is named.

    python3 -I wrapper.py WAY [ARGUMENT] -- COMMAND...

What a candidate does wrong only once it serves it does on SIGUSR2, which the test sends. Uses nothing but the standard
library of whichever Python the image has.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

PASSED_ON = (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGWINCH)
LISTENS = "0A"


def main(words: list[str]) -> None:
    at = words.index("--")
    way, arguments, command = words[0], words[1:at], words[at + 1 :]
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    getattr(Broken(command), way.replace("-", "_"))(*arguments)


class Broken:
    def __init__(self, command: list[str]) -> None:
        self.command = command
        self.child = 0

    # ------------------------------------------------------------ before it serves

    def exit(self, code: str) -> None:
        say("broken: exits at once")
        os._exit(int(code))

    def wait(self) -> None:
        say("broken: never starts the daemon")
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        while True:
            signal.pause()

    def late(self, seconds: str) -> None:
        say("broken: starts slowly")
        time.sleep(float(seconds))
        self.run()
        self.attend()

    def stutter(self, sign: str) -> None:
        """From the moment it is up: stands still for three seconds and works for a moment, so answers come too late."""
        self.run()
        while not is_up(sign):
            time.sleep(0.001)
        while True:
            everybody(signal.SIGSTOP)
            time.sleep(3.0)
            everybody(signal.SIGCONT)
            time.sleep(0.002)

    def fork(self) -> None:
        """As many processes as the limit allows, and then the daemon."""
        while True:
            try:
                if os.fork() == 0:
                    while True:
                        signal.pause()
            except BlockingIOError as error:
                say(f"cannot start {self.command[0]}: {error.strerror}")
                os._exit(1)

    def corrupt(self, path: str) -> None:
        """The daemon finds something else where its state was. Lines that it cannot read it would pass over."""
        Path(path).unlink(missing_ok=True)
        Path(path).mkdir()
        self.run()
        self.attend()

    # ------------------------------------------------------------ while it serves

    def leave_after(self, seconds: str) -> None:
        self.run()
        signal.signal(signal.SIGALRM, lambda *_: os._exit(4))
        signal.setitimer(signal.ITIMER_REAL, float(seconds))
        self.attend()

    def crash(self) -> None:
        self.on_signal(lambda: os._exit(9))

    def hang(self) -> None:
        self.on_signal(lambda: everybody(signal.SIGSTOP))

    def leak(self) -> None:
        held: list[bytearray] = []

        def take() -> None:
            while True:
                held.append(bytearray(b"x" * (4 << 20)))

        self.on_signal(take)

    def deafen(self) -> None:
        """The daemon is gone, its container stays and heeds no signal."""

        def deafen() -> None:
            for number in PASSED_ON:
                signal.signal(number, signal.SIG_IGN)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            everybody(signal.SIGKILL)
            while True:
                signal.pause()

        self.on_signal(deafen)

    def die_when_called(self) -> None:
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

    def die_when_it_says(self, pattern: str) -> None:
        """At the first line of the daemon's log that tells of a request."""
        reading, writing = os.pipe()
        self.run(output=writing)
        os.close(writing)
        with open(reading, encoding="utf-8", errors="replace") as log:
            for line in log:
                if re.search(pattern, line):
                    self.die(line.strip())
                sys.stderr.write(line)
        os._exit(1)

    # ------------------------------------------------------------ parts

    def die(self, cause: str) -> None:
        say(f"broken: dies of {cause}")
        os._exit(7)

    def on_signal(self, act: Callable[[], object]) -> None:
        self.run()
        signal.signal(signal.SIGUSR2, lambda *_: act())
        self.attend()

    def run(self, output: int | None = None) -> None:
        self.child = os.fork()
        if self.child == 0:
            signal.signal(signal.SIGUSR2, signal.SIG_DFL)
            if output is not None:
                os.dup2(output, 1)
                os.dup2(output, 2)
            os.execv(self.command[0], self.command)
        for number in PASSED_ON:
            signal.signal(number, lambda got, _: os.kill(self.child, got))

    def attend(self) -> None:
        """End as the daemon ends; what it leaves behind is collected on the way."""
        while True:
            with contextlib.suppress(InterruptedError):
                gone, status = os.wait()
                if gone == self.child:
                    os._exit(os.waitstatus_to_exitcode(status) & 255)


def everybody(number: int) -> None:
    """All processes of the container but this one: a daemon may have workers."""
    os.kill(-1, number)


def is_up(sign: str) -> bool:
    """Return whether the daemon is up, by a sign.

    `listening`: it has any TCP port, in a namespace of its own. A path: its socket is there. `port of PATH`: it has the
    UDP port that this file names.
    """
    if sign == "listening":
        return bool(listening())
    if sign.startswith("/"):
        return Path(sign).exists()
    port = re.search(r"(?m)^port=(\d+)", Path(sign.removeprefix("port of ")).read_text())
    return port is not None and any(line.split()[1].endswith(f":{int(port[1]):04X}") for line in lines("/proc/net/udp"))


def listening() -> set[str]:
    rows = [line.split() for line in lines("/proc/net/tcp")]
    return {row[1].split(":")[1] for row in rows if row[3] == LISTENS}


def lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="ascii").splitlines()[1:]


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
