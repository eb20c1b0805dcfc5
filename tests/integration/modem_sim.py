#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The modem simulator itself, spoken to over its serial port without the daemon:
what tests of the driver rely on."""

import os
import time
import unittest

import harness
import modem_host
import runner
from modem_support import Modem

PINGS = range(1, 101)


class SimCase(unittest.TestCase):
    """A simulated modem and the host's end of its port for each test."""

    options = ()

    @classmethod
    def setUpClass(cls):
        harness.adopt_build_settings()
        if not os.path.exists(harness.program("modem-sim")):
            raise unittest.SkipTest("the simulator needs usocket-slirp (--disable-slirp?)")

    def setUp(self):
        self.modem, self.port = self.start(*self.options)

    def start(self, *options):
        modem = Modem(*options)
        self.addCleanup(modem.close)
        return modem, self.open(modem.device)

    def open(self, path, **how):
        port = modem_host.Port(path, **how)
        self.addCleanup(port.close)
        return port

    def expect(self, command, *lines):
        """The command's answer is these lines."""
        self.assertEqual(self.port.ask(command), list(lines), command)


class Line(SimCase):
    def counts(self, modem):
        """The control socket's counts: those of sent and of received packets apart."""
        words = modem.tell("status").split()
        begin, middle = words.index("sent"), words.index("received")
        pairs = [dict(zip(part[::2], map(int, part[1::2])))
                 for part in (words[:begin], words[begin:middle], words[middle:])]
        return pairs

    def pinged(self, *options, size=56):
        """(numbers of the replies, counts of sent, of received packets)"""
        modem, port = self.start(*options)
        replies = modem_host.dial(port).ping(PINGS, size=size)
        return (replies, *self.counts(modem)[1:])

    def test_without_options_nothing_is_lost(self):
        replies, sent, received = self.pinged()
        self.assertEqual(replies, list(PINGS))
        self.assertEqual((sent["sent"], received["received"]), (len(PINGS), len(PINGS)))

    def test_loss_is_counted_and_the_same_with_the_same_seed(self):
        first = self.pinged("--loss", "10", "--seed", "7")
        replies, sent, received = first
        self.assertGreater(sent["lost"], 0)
        self.assertGreater(received["lost"], 0)
        self.assertEqual(len(replies), len(PINGS) - sent["lost"] - received["lost"])
        self.assertEqual(self.pinged("--loss", "10", "--seed", "7")[0], replies)
        self.assertNotEqual(self.pinged("--loss", "10", "--seed", "8")[0], replies)

    def test_reordering_loses_nothing(self):
        replies, sent, received = self.pinged("--reorder", "10")
        self.assertEqual(sorted(replies), list(PINGS))
        self.assertNotEqual(replies, list(PINGS))
        self.assertGreater(sent["reordered"] + received["reordered"], 0)

    def test_delay_takes_its_time_each_way_and_keeps_the_order(self):
        begin = time.monotonic()
        replies, _, _ = self.pinged("--delay", "150")
        self.assertGreaterEqual(time.monotonic() - begin, 0.3)
        self.assertEqual(replies, list(PINGS))

    def test_rate_is_not_exceeded(self):
        modem, port = self.start("--rate", "64000")
        begin = time.monotonic()
        modem_host.dial(port).ping(PINGS[:10])
        took = time.monotonic() - begin
        line = self.counts(modem)[0]
        self.assertGreater(line["out"], 1000)
        self.assertGreaterEqual(took, line["out"] * 8 / 64000 - 0.02)

    def test_queue_is_bounded_and_drops_what_comes_last(self):
        replies, _, received = self.pinged("--rate", "256000", "--queue", "4000", "--delay", "1000",
                                           size=1000)
        self.assertGreater(received["dropped"], 0)
        self.assertEqual(len(replies), len(PINGS) - received["dropped"])
        self.assertEqual(replies[:3], list(PINGS)[:3])


if __name__ == "__main__":
    runner.main()
