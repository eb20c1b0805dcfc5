# SPDX-License-Identifier: MIT
"""Starts `load`, the C program of the tests, and talks with it by lines."""

import contextlib
import os
import select
import subprocess
import tempfile
import time

import harness
import usock

DEADLINE_S = 60


def path_of_load():
    """The program itself: libtool's wrapper would be one process more."""
    folder = os.path.join(os.environ["USOCKETD_BUILDDIR"], "tests", "integration")
    real = os.path.join(folder, ".libs", "load")
    return real if os.path.exists(real) else os.path.join(folder, "load")


class Load:
    """
    One run. Keywords are the program's NAME=VALUE words; @kernel runs it on
    the kernel's sockets, @daemon names the daemon of the others.
    """

    def __init__(self, command, *, daemon=None, kernel=False, deadline_s=DEADLINE_S,
                 prefix=(), **words):
        words.setdefault("timeout", int(deadline_s * harness.time_scale()))
        self.name = f"load {'-k ' if kernel else ''}{command} {words}"
        self.deadline_s = deadline_s * harness.time_scale()
        self.errors = tempfile.TemporaryFile("w+", dir=harness.temporary_folder())
        env = {"USOCKETD_SOCKET": daemon.socket} if daemon else {}
        self.process = subprocess.Popen(
            [*prefix, path_of_load(), *(["-k"] if kernel else []), command,
             *(f"{name}={value}" for name, value in words.items())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
            env=harness.child_env(**env), bufsize=0)
        self.unread = b""

    @property
    def pid(self):
        return self.process.pid

    def error_text(self):
        self.errors.seek(0)
        return self.errors.read().strip()

    def fail(self, what):
        raise AssertionError(f"{self.name}: {what}\n{self.error_text()}")

    def line(self, wanted=""):
        """The next line, which must begin with @wanted; returns what follows."""
        end = time.monotonic() + self.deadline_s
        while b"\n" not in self.unread:
            ready, _, _ = select.select([self.process.stdout], [], [],
                                        max(end - time.monotonic(), 0))
            if not ready:
                self.fail(f"no \"{wanted}\" in {self.deadline_s} s")
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                code = self.process.wait(10)
                self.fail(f"ended with {code} before \"{wanted}\", said {self.unread!r}")
            self.unread += more
        line, self.unread = self.unread.split(b"\n", 1)
        text = line.decode()
        if not text.startswith(wanted):
            self.fail(f"said \"{text}\", not \"{wanted}\"")
        return text[len(wanted):].strip()

    def port(self):
        """Of a command that listens."""
        return int(self.line("listening"))

    def go(self):
        self.process.stdin.write(b"go\n")

    def end_input(self):
        self.process.stdin.close()

    def wait(self, code=0):
        """Waits for the end; returns the lines that were not read yet."""
        end = time.monotonic() + self.deadline_s
        rest = self.unread
        while True:
            ready, _, _ = select.select([self.process.stdout], [], [],
                                        max(end - time.monotonic(), 0))
            if not ready:
                self.fail(f"did not end in {self.deadline_s} s, said {rest!r}")
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                break
            rest += more
        got = self.process.wait(10)
        if got != code:
            self.fail(f"ended with {got}, said {rest!r}")
        return rest.decode().splitlines()

    def kill(self):
        """As a crash: nothing is given back by the program itself."""
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process.poll() is None:
            self.kill()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.errors.close()


class Holding:
    """For a test case that compares what the daemon holds before and after."""

    def statistics(self):
        """What of the daemon must come back to where it was."""
        status = usock.status()
        return {"descriptors": self.daemon.fds(), "sockets": status.sockets,
                "records": len(usock.sockets()), "sessions": status.sessions,
                "lookups": status.lookups}

    def comes_back_to(self, before, timeout_s=5):
        """The daemon holds what it held: told with what it holds if not."""
        end = time.monotonic() + timeout_s * harness.time_scale()
        while True:
            now = self.statistics()
            if now == before:
                return
            if time.monotonic() > end:
                self.fail(f"the daemon holds {now}, and held {before}\n{self.records()}")
            time.sleep(0.005)

    @staticmethod
    def records():
        return "\n".join(f"{s.id:#x} type {s.type} state {s.state} flags {s.flags:#x} "
                         f"pid {s.pid} {s.program.decode()}" for s in usock.sockets())


class Loading(Holding):
    """What a test case needs whose clients, and often peers, are runs of load."""

    def setUp(self):
        """What the last test left TCP to deliver is not this one's."""
        super().setUp()
        self.eventually(lambda: not usock.sockets(), 60)

    def load(self, command, **words):
        """On usockets, against this class's daemon."""
        return self.keep(Load(command, daemon=self.daemon, **words))

    def kernel_load(self, command, **words):
        return self.keep(Load(command, kernel=True, **words))


class LoadCase(Loading, harness.TunCase):
    """Against the kernel's own stack."""

    def kernel_echo(self):
        """An echo server on the kernel's side: its port."""
        echo = self.kernel_load("echo", host=self.kernel)
        return echo.port()


def memory_of(pid, field="VmRSS"):
    """In KiB."""
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith(field + ":"):
                return int(line.split()[1])
    raise KeyError(field)


def switches_of(pid):
    """How often the process has gone to sleep, and so been woken."""
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith("voluntary_ctxt_switches:"):
                return int(line.split()[1])
    raise KeyError("voluntary_ctxt_switches")
