#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nginx with four workers on one listener of the stack's, one killed every second.

Clients in the kernel's stack ask all the while. A request may fail only because
its worker was killed, so each kill costs no more than there are clients. In the
end nothing may be left: no descriptor of the master's or of the daemon's, no
socket, and no memory to speak of. WORKERS_SECONDS=60 makes a long run of it.
"""

import contextlib
import http.client
import os
import signal
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))

import harness  # noqa: E402
import runner  # noqa: E402
from harness import Tun  # noqa: E402
from programs_support import ProgramCase, fill_in  # noqa: E402

# As USOCKETD_TEST_FULL asks for (./check --full), or a few.
SECONDS = int(os.environ.get("WORKERS_SECONDS") or
              (60 if os.environ.get("USOCKETD_TEST_FULL") else 8))
N_WORKERS = 4
N_CLIENTS = 8
REQUESTS_A_CONNECTION = 10
PAGE = "page"
PAGE_BYTES = 10000
# A sweep of the clients' last connections and of lwIP's timers.
QUIET_S = 30
# What the allocator may keep; one leaked socket a request would be far more.
GROWTH_KIB = 8192
# A session's socket and its two message queues.
SESSION_DESCRIPTORS = 3


class Client(threading.Thread):
    """Asks until it is told to stop; counts."""

    def __init__(self, port, wanted):
        super().__init__(daemon=True)
        self.port, self.wanted = port, wanted
        self.ended = threading.Event()
        self.good = self.failed = 0
        self.wrong = None
        self.start()

    def run(self):
        while not self.ended.is_set() and not self.wrong:
            try:
                self.connection()
            except (OSError, http.client.HTTPException):
                self.failed += 1

    def connection(self):
        c = http.client.HTTPConnection(Tun.STACK[4], self.port, timeout=10)
        with contextlib.closing(c):
            for _ in range(REQUESTS_A_CONNECTION):
                c.request("GET", "/" + PAGE)
                answer = c.getresponse()
                body = answer.read()
                if answer.status != 200 or body != self.wanted:
                    self.wrong = f"status {answer.status}, {len(body)} bytes"
                    return
                self.good += 1


def n_fds(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def rss_kib(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))


def started(pid):
    """When: in a minute of tests the kernel may give a process id again."""
    try:
        return harness.stat_of(pid)[19]
    except (FileNotFoundError, ProcessLookupError):
        return None


def children(pid):
    """Process ids, each with its start."""
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [(int(n), started(n)) for n in f.read().split()]


class Workers(ProgramCase):
    def start_nginx(self):
        port = self.free_port()
        with open(os.path.join(HERE, "nginx.conf")) as f, \
                open(os.path.join(self.folder, "nginx.conf"), "w") as out:
            out.write(fill_in(f.read(), {"folder": self.folder, "port": port}))
        log = os.path.join(self.folder, "nginx.output")
        nginx = self.serve(f"nginx -c {self.folder}/nginx.conf -p {self.folder}", True, log)
        self.wait_for_server(nginx, port, True, log)
        self.wait_for_workers(nginx.pid, ())
        return nginx, port

    def wait_for_workers(self, master, dead):
        def there():
            workers = children(master)
            return len(workers) == N_WORKERS and not set(workers) & set(dead) and workers
        return self.eventually(there, 10, "four workers")

    def figures(self, nginx):
        return {"master's descriptors": n_fds(nginx.pid), "sockets": self.n_sockets()}

    def n_sockets(self):
        return len(self.ctl("sockets", "-a")["sockets"])

    def load(self, port, seconds, each_second):
        """Clients that ask for so long; the sums of what they had."""
        with open(os.path.join(self.folder, PAGE), "rb") as f:
            wanted = f.read()
        clients = [Client(port, wanted) for _ in range(N_CLIENTS)]
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                good = sum(c.good for c in clients)
                time.sleep(1)
                each_second()
                self.assertGreater(sum(c.good for c in clients), good, "nobody was served")
        finally:
            for c in clients:
                c.ended.set()
            for c in clients:
                c.join(20)
        self.assertEqual([c.wrong for c in clients], [None] * N_CLIENTS)
        self.assertFalse(any(c.is_alive() for c in clients))
        return sum(c.good for c in clients), sum(c.failed for c in clients)

    @runner.deadline(SECONDS * 2 + 90)
    def test_workers_are_killed(self):
        with open(os.path.join(self.folder, PAGE), "wb") as f:
            f.write(os.urandom(PAGE_BYTES))
        without = self.daemon.fds()
        nginx, port = self.start_nginx()
        before, descriptors = self.figures(nginx), self.daemon.fds()
        # What a first load makes the daemon and nginx keep is no leak.
        _, failed = self.load(port, 2, lambda: None)
        self.assertEqual(failed, 0)
        self.eventually(lambda: self.figures(nginx) == before, QUIET_S, "quiet again")
        memory = rss_kib(self.daemon.pid), rss_kib(nginx.pid)
        kills = []

        def kill_one():
            worker = self.wait_for_workers(nginx.pid, kills)[len(kills) % N_WORKERS]
            os.kill(worker[0], signal.SIGKILL)
            kills.append(worker)
            self.wait_for_workers(nginx.pid, kills)

        good, failed = self.load(port, SECONDS, kill_one)
        self.assertLessEqual(failed, len(kills) * N_CLIENTS)
        self.eventually(lambda: self.figures(nginx) == before, QUIET_S, f"{before} again")
        # Each worker that lives may have got a session; those that were killed have none.
        most = descriptors + N_WORKERS * SESSION_DESCRIPTORS
        self.eventually(lambda: self.daemon.fds() <= most, QUIET_S, f"{most} descriptors")
        grown = [now - then for now, then in
                 zip((rss_kib(self.daemon.pid), rss_kib(nginx.pid)), memory)]
        runner.note(f"{SECONDS} s, {len(kills)} workers killed: {good} requests served, {failed} "
                    f"failed; memory of the daemon {grown[0]:+} KiB to {memory[0] + grown[0]}, of "
                    f"nginx's master {grown[1]:+} KiB to {memory[1] + grown[1]}; {before} as before")
        self.assertLess(max(grown), GROWTH_KIB)
        # The listener still accepts.
        _, failed = self.load(port, 1, lambda: None)
        self.assertEqual(failed, 0)
        self.end_group(nginx)
        self.eventually(lambda: self.n_sockets() == 0, QUIET_S, "no socket")
        self.eventually(lambda: self.daemon.fds() <= without, QUIET_S, f"{without} descriptors")


if __name__ == "__main__":
    runner.main()
