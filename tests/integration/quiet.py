#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the daemon does when there is nothing to do, and how much for a megabyte.

Events are counted, never seconds: system calls by strace, wake-ups by the
kernel's count of voluntary context switches.
"""

import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

import harness
import loads
import runner
import usock
from loads import switches_of
from runner import deadline

MB = 1000 * 1000


class Strace:
    """Counts the system calls of a running process."""

    def __init__(self, pid, path):
        if not shutil.which("strace"):
            raise unittest.SkipTest("strace is not installed")
        self.path = path
        self.process = subprocess.Popen(["strace", "-f", "-c", "-p", str(pid), "-o", path],
                                        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                        env=harness.child_env(), text=True)
        line = self.process.stderr.readline()
        if "attached" not in line:
            self.process.wait()
            raise unittest.SkipTest(f"strace: {line.strip()}")

    def stop(self):
        """Ends it; returns calls and errors by name."""
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=20)
        calls, errors = {}, {}
        with open(self.path) as f:
            for line in f:
                found = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:(\d+)\s+)?(\w+)$", line)
                if found and found.group(3) != "total":
                    calls[found.group(3)] = int(found.group(1))
                    errors[found.group(3)] = int(found.group(2) or 0)
        return calls, errors

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()


@deadline(120)
class Bulk(loads.LoadCase):
    """A transfer of 50 MB, every system call of the daemon counted."""

    SIZE = 50 * MB
    # A megabyte is 690 packets of 1500 bytes, each a read or a write of the
    # device, and half as many acknowledgements the other way.
    PACKETS_A_MB = MB / 1448
    CALLS_A_PACKET = 3

    def transfer(self, out, back):
        server = self.kernel_load("stream", listen=1, host=self.kernel, send=back, receive=out,
                                  mode="poll", deadline_s=100)
        client = self.load("stream", host=self.kernel, port=server.port(), send=out,
                           receive=back, mode="poll", hold=1, deadline_s=100)
        client.line("connected")
        strace = self.keep(Strace(self.daemon.pid, self.daemon.folder + "/strace"))
        client.go()
        client.wait()
        server.wait()
        calls, errors = strace.stop()
        a_mb = (out + back) / MB
        loops = calls["epoll_wait"] / a_mb
        failed = sum(errors.values()) / a_mb
        total = sum(calls.values()) / a_mb
        busiest = sorted(calls, key=calls.get, reverse=True)[:8]
        figures = (f"a MB: {total:.0f} calls, {failed:.0f} of them failed; " + ", ".join(
            f"{name} {calls[name] / a_mb:.0f}/{errors[name] / a_mb:.0f}" for name in busiest))
        self.assertLess(loops, self.PACKETS_A_MB / 2, figures)
        self.assertLess(total, self.PACKETS_A_MB * self.CALLS_A_PACKET, figures)
        # Some reads find nothing, as they must to know; never most calls.
        self.assertLess(failed, total / 3, figures)

    def test_sending(self):
        self.transfer(self.SIZE, 0)

    def test_receiving(self):
        self.transfer(0, self.SIZE)

    def test_both_at_once(self):
        self.transfer(self.SIZE, self.SIZE)


WINDOW_S = 5


class Watch:
    """A stretch of some seconds: wake-ups of a process, packets of the link."""

    def __init__(self, pid, seconds):
        before = switches_of(pid), self._packets()
        time.sleep(seconds)
        self.wakes = switches_of(pid) - before[0]
        self.packets = self._packets() - before[1]

    @staticmethod
    def _packets():
        return sum(harness.packets_of(harness.Tun.DEVICE))


@deadline(60)
class Stalled(loads.LoadCase):
    """A connection on which one side does not read."""

    SIZE = 50 * MB

    def test_slow_peer(self):
        """Nobody reads: the daemon waits, it does not ask again and again."""
        server = self.kernel_load("stream", listen=1, host=self.kernel, receive=self.SIZE,
                                  hold=1)
        client = self.load("stream", host=self.kernel, port=server.port(), send=self.SIZE)
        server.line("connected")
        self.settle()
        self.assert_sleeps()
        server.go()
        server.wait()
        client.wait()

    def test_slow_client(self):
        server = self.kernel_load("stream", listen=1, host=self.kernel, send=self.SIZE)
        client = self.load("stream", host=self.kernel, port=server.port(), hold=1,
                           receive=self.SIZE)
        client.line("connected")
        self.settle()
        self.assert_sleeps()
        client.go()
        server.wait()
        client.wait()

    def assert_sleeps(self):
        """TCP's clock, once a second the table, and a few for the kernel's solicitations."""
        watch = Watch(self.daemon.pid, WINDOW_S)
        self.assertLessEqual(watch.wakes, 6 * WINDOW_S + 3, f"packets: {watch.packets}")

    def settle(self):
        """Until the byte counts stand still."""
        seen = []

        def still():
            seen.append([(s.bytes_received, s.bytes_sent) for s in usock.sockets()])
            return len(seen) > 100 and all(s == seen[-1] for s in seen[-100:])
        self.eventually(still, 20)


class _Idle(loads.LoadCase):
    """
    An idle daemon sleeps. Each class has a daemon of its own: TIME-WAIT lasts
    a minute, in which TCP's clock has to run.
    """

    def settle(self):
        """The link has just come up: let most of the solicitations pass."""
        for _ in range(10):
            if Watch(self.daemon.pid, 1).packets == 0:
                return

    def assert_sleeps(self, a_second):
        """
        Not woken more often than that. A packet, which here is a solicitation
        or a report of ICMPv6, wakes it and sets a clock which does once more.
        """
        watch = Watch(self.daemon.pid, WINDOW_S)
        self.assertLessEqual(watch.wakes, a_second * WINDOW_S + 1 + 2 * watch.packets,
                             f"packets: {watch.packets}")


@deadline(60)
class IdleWithoutClients(_Idle):
    def test_wakes_once_a_second(self):
        self.settle()
        self.assert_sleeps(1)


@deadline(60)
class IdleSockets(_Idle):
    def test_100_sockets_wake_it_as_little(self):
        before = self.statistics()["descriptors"]
        held = [self.load("hold", kind=kind, count=25, host="0.0.0.0")
                for kind in ("tcp", "udp", "listen", "member")]
        for client in held:
            client.line("ready")
        self.assertGreaterEqual(self.daemon.fds(), before + 100)
        self.settle()
        self.assert_sleeps(1)


@deadline(60)
class IdleConnections(_Idle):
    """TCP's clock ticks four times a second."""

    def test_100_connections_wake_it_at_most_5_times_a_second(self):
        echo = self.kernel_load("echo", host=self.kernel)
        client = self.load("hold", kind="connected", count=100, host=self.kernel,
                           port=echo.port())
        client.line("ready")
        self.settle()
        self.assert_sleeps(5)

    def test_time_wait_wakes_it_at_most_5_times_a_second(self):
        client = self.load("many", host=self.kernel, port=self.kernel_echo(), count=100)
        client.line("open")
        client.go()
        client.wait()
        self.eventually(lambda: not usock.sockets(), 30)
        self.settle()
        self.assert_sleeps(5)


if __name__ == "__main__":
    runner.main(sys.modules[__name__])
