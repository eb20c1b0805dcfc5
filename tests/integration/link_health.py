#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Links that seem to be up, and what is done about failures.

A simulated modem whose network drops every packet while PPP stays up, one that
only its power script wakes; a TUN whose far side goes silent. Clocks run faster
where the table of states has minutes.
"""

import os
import socket
import stat
import threading

import harness
import runner
import usock
from harness import Daemon, StackCase, Tun, eventually, ip
from modem_support import ModemCase, fast_environment

LINK_DEGRADED = 7
NAME_SERVER = "10.0.2.3"
REASON_SIM_MISSING, REASON_NO_DATA, REASON_COMMAND = 9, 23, 1
STEP_REDIAL, STEP_POWER = 0, 4


class Caller:
    """A program that goes on trying to connect, to one place or several."""

    def __init__(self, *places):
        self.places = places
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.ended.is_set():
            for place in self.places:
                self._call(place)
            self.ended.wait(0.05)

    @staticmethod
    def _call(place):
        s = usock.Sock()
        try:
            s.connect_timeout(place, 300)
        except OSError:
            pass
        finally:
            s.close()

    def close(self):
        self.ended.set()
        self.thread.join()


class _Watched:
    def calls(self, *places):
        caller = Caller(*places)
        self.addCleanup(caller.close)
        return caller

    def link(self):
        return usock.links()[0]

    def wait_state(self, state, within=30):
        eventually(lambda: self.link().state == state, within, f"state {state}")
        return self.link()


class NoData(_Watched, ModemCase):
    """Every IP packet is dropped, and nobody tells."""

    keys = {"probe": NAME_SERVER}
    speed = 8

    def test_dropped_packets_are_noticed_and_the_link_dialed_anew(self):
        self.wait_up()
        self.passes_data()
        self.modem.do("drop on")
        self.calls((NAME_SERVER, 81))
        link = self.wait_state(LINK_DEGRADED)
        self.assertEqual(link.reason, REASON_NO_DATA)
        self.assertRegex(link.cause.decode(), r"no data for \d+ s: unanswered connects [1-9]")
        calls = self.modem.counts()[0]
        eventually(lambda: self.modem.counts()[0] > calls, 30, "dialed anew")
        self.assertIn("degraded -> down (no data for", self.daemon.log())
        self.modem.do("drop off")
        self.wait_up(60)
        self.passes_data()

    def test_ladder_is_climbed_until_data_passes(self):
        """A link that comes up each time, and passes nothing, proves nothing."""
        self.wait_up()
        self.modem.do("drop on")
        self.calls((NAME_SERVER, 81))
        eventually(lambda: "retry 2: pdp" in self.daemon.log(), 60, "the second step")
        eventually(lambda: "retry 3: radio" in self.daemon.log(), 60, "the third step")
        self.modem.do("drop off")
        self.wait_up(60)

    def test_data_that_passes_again_is_enough(self):
        self.wait_up()
        s, peer = self.passes_data()
        self.modem.do("drop on")
        self.calls((NAME_SERVER, 81))
        self.wait_state(LINK_DEGRADED)
        restarts = self.link().restarts
        self.modem.do("drop off")
        self.wait_state(usock.LINK_UP)
        self.assertEqual(self.link().restarts, restarts)
        self.assertIn("degraded -> up (data passes again)", self.daemon.log())
        s.send(b"still here")
        self.assertEqual(peer.recv(100), b"still here")


class SilentFarSide(_Watched, StackCase):
    """The far side of a TUN, which the kernel answers for as long as it has the address."""

    speed = 8

    @classmethod
    def make_link(cls):
        cls.tun = Tun()
        cls.addClassCleanup(cls.tun.close)
        return {"link net0": {"driver": "tun", "device": Tun.DEVICE, "health": "yes",
                              "address": Tun.STACK[4] + "/24", "probe": Tun.KERNEL[4]}}

    @classmethod
    def daemon_options(cls):
        return {"env": fast_environment(cls.speed)}

    def test_one_dead_server_costs_a_question(self):
        self.wait_state(usock.LINK_UP)
        self.calls((Tun.SILENT[4], 80))
        eventually(lambda: "asking whether data passes" in self.daemon.log(), 20, "asked")
        # For the time in which it would have been given up.
        with self.assertRaises(AssertionError):
            eventually(lambda: self.link().state != usock.LINK_UP, 60 / self.speed)
        self.assertNotIn("degraded", self.daemon.log())

    def test_silence_of_everybody_is_noticed_and_mends(self):
        self.wait_state(usock.LINK_UP)
        self.calls((Tun.SILENT[4], 80), (Tun.KERNEL[4], 9))
        ip("addr", "flush", "dev", Tun.DEVICE)
        self.wait_state(LINK_DEGRADED, 60)
        ip("addr", "add", Tun.KERNEL[4] + "/24", "dev", Tun.DEVICE)
        self.wait_state(usock.LINK_UP)


if __name__ == "__main__":
    runner.main()
