#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A link that flaps: is it always back, and is nothing left behind?

The faults come in turn, each after the link has been up for so long that it
counts as stable, so that its first retry is quick. After each the listener must
accept and the old connection must carry bytes; where the network has given
another address, the old connection must have ended with 103 and a new one works.
In the end the daemon holds what it held at first.

$FLAPS is how many (12); the clocks run $FLAPS_SPEED times faster (20), so that
a thousand take a quarter of an hour.
"""

import errno
import os
import signal
import time

import harness
import loads
import runner
import usock
from harness import eventually
from modem_support import TunModemCase
from runner import deadline

FLAPS = int(os.environ.get("FLAPS", "12"))
SPEED = int(os.environ.get("FLAPS_SPEED", "20"))
# netif/link.c: a link that was up for so long starts over with the quick retry.
STABLE_S = 10
SLACK_KIB = 2048
WARM_UP = 8
# The listener and the old connection.
HELD = 2


@deadline(FLAPS * 5 + 60)
class Flaps(loads.Holding, TunModemCase):
    speed = SPEED
    slow = True

    def setUp(self):
        super().setUp()
        self.wait_up()
        self.faults = (self.lose_carrier, self.terminate, self.kill_helper, self.unplug,
                       self.move)
        self.listener = self.tcp()
        self.listener.bind(("0.0.0.0", 0))
        self.listener.listen(8)
        self.s, self.peer = self.connected()

    # ---- the faults ----

    def lose_carrier(self):
        self.modem.do("carrier")

    def terminate(self):
        self.modem.do("terminate")

    def kill_helper(self):
        os.kill(self.helper_pid(), signal.SIGKILL)

    def unplug(self):
        self.modem.do("plug off")
        self.wait_cause("is not there")
        self.modem.do("plug on")

    def move(self):
        """The next call is given another address."""
        one, other = self.ADDRESSES
        self.modem.do(f"address {other if self.address() == one else one}")
        self.modem.do("carrier")

    # ---- one flap ----

    def address(self):
        return self.link().address4.text()

    def flap(self, fault):
        time.sleep((STABLE_S + 1) / SPEED)
        before, address = self.link().restarts, self.address()
        fault()
        eventually(lambda: self.is_up() and self.link().restarts > before, 20,
                   f"up again after {fault.__name__}")
        if self.address() != address:
            with self.fails(errno.ECONNABORTED):
                self.s.recv(1)
            self.hang_up()
            self.s, self.peer = self.connected()
        self.s.send(b"still here")
        self.assertEqual(self.peer.recv(100), b"still here")
        self.peer.send(b"so am I")
        self.assertEqual(self.s.recv_exactly(7), b"so am I")
        caller = self.dial_in(self.listener)
        called, _ = self.listener.accept_timeout(20000)
        caller.send(b"new")
        self.assertEqual(called.recv(100), b"new")
        called.close()
        caller.close()

    def hang_up(self):
        self.s.close()
        self.peer.close()

    def test_flaps_leave_nothing_behind(self):
        for i in range(WARM_UP):
            self.flap(self.faults[i % len(self.faults)])
        # What was closed may still have its FIN to deliver.
        eventually(lambda: len(usock.sockets()) == HELD, 20)
        before, memory = self.statistics(), loads.memory_of(self.daemon.pid, "RssAnon")
        for i in range(FLAPS):
            self.flap(self.faults[i % len(self.faults)])
        self.comes_back_to(before, 20)
        grown = loads.memory_of(self.daemon.pid, "RssAnon") - memory
        runner.note(f"{FLAPS} flaps: the daemon's own memory has grown by {grown} KiB")
        if not harness.is_sanitized():
            self.assertLess(grown, SLACK_KIB)
        self.assertEqual(len(self.children()), 1)


if __name__ == "__main__":
    runner.main()
