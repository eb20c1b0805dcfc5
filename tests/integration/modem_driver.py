#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The modem driver against the simulated modem (tests/modem-sim), whose network
is the host's loopback: from the serial port to the bytes of a socket."""

import errno
import fcntl
import os
import signal
import time

import harness
import runner
import usock
from harness import Daemon, eventually
from modem_support import ModemCase
from runner import deadline


class ColdStart(ModemCase):
    def test_link_comes_up_and_tells_of_the_network(self):
        self.wait_up()
        self.passes_data()
        link = self.link()
        self.assertEqual((link.driver, link.operator_name, link.radio),
                         (b"modem", b"Sim Mobile", b"LTE"))
        self.assertEqual((link.rssi_dbm, link.rsrp_dbm, link.rsrq_db), (-73, -91, -10))
        for state in ("opening -> sim", "sim -> registering", "registering -> dialing",
                      "dialing -> negotiating", "negotiating -> up"):
            self.assertIn(state, self.daemon.log())

    def test_bytes_arrive_as_they_were_sent(self):
        self.wait_up()
        data = os.urandom(300000)
        s, peer = self.connected()
        sending = harness.Call(s.send, data)
        got = b""
        while len(got) < len(data):
            got += peer.recv(1 << 16)
        self.assertEqual(got, data)
        self.assertEqual(sending.result(), len(data))
        answering = harness.Call(peer.sendall, data)
        self.assertEqual(s.recv_exactly(len(data)), data)
        answering.result()

    def test_helper_has_no_rights(self):
        self.wait_up()
        with open(f"/proc/{self.helper_pid()}/status") as f:
            status = dict(line.split(":", 1) for line in f)
        self.assertEqual(int(status["CapEff"], 16), 0)
        self.assertEqual(status["NoNewPrivs"].strip(), "1")
        if harness.is_real_root():
            self.assertEqual(status["Uid"].split(), [str(harness.NOBODY)] * 4)

    def test_port_is_ours_alone(self):
        self.wait_up()
        second = Daemon({"link wan": {"driver": "modem", "device": self.modem.device}},
                        name="second")
        self.addCleanup(second.close)
        second.start()
        eventually(lambda: "in use by another program" in second.log(), 10, "refused")
        second.stop()
        self.passes_data()


class BusyAtFirst(ModemCase):
    """A program that looks at new ports, as ModemManager does."""

    def prepare(self):
        # Not as this session's terminal: the modem's end would be the session's.
        fd = os.open(self.modem.device, os.O_RDWR | os.O_NOCTTY)
        self.port = self.keep(open(fd, "rb+", buffering=0))
        fcntl.flock(self.port, fcntl.LOCK_EX)

    def test_is_waited_for(self):
        eventually(self.children, what="the helper")
        time.sleep(0.3)
        self.port.close()
        self.wait_up()
        self.passes_data()
        self.assertNotIn("in use by another program", self.daemon.log())


class LeftInACall(ModemCase):
    options = ("--start", "data")

    def test_escapes_and_comes_up(self):
        self.wait_up(30)
        self.passes_data()
        self.assertIn("may be multiplexing or in a call", self.daemon.log())


class Silent(ModemCase):
    options = ("--start", "silent")

    @deadline(150)
    def test_is_reset_after_failures_and_status_answers_meanwhile(self):
        self.wait_cause("does not answer", 40)
        begin = time.monotonic()
        usock.status()
        self.assertLess(time.monotonic() - begin, 0.1 * harness.time_scale())
        self.wait_up(90)
        self.passes_data()
        self.assertEqual(self.modem.counts()[1], 1)


class Pin(ModemCase):
    options = ("--pin", "1234")
    keys = {"pin": "1234"}

    def test_unlocks_the_sim_and_is_not_logged(self):
        self.wait_up()
        self.passes_data()
        self.assertIn("AT+CPIN=****", self.daemon.log())
        self.assertNotIn("1234", self.daemon.log())


class WrongPin(ModemCase):
    options = ("--pin", "1234")
    keys = {"pin": "9999"}

    def test_is_tried_once_and_never_again(self):
        self.wait_down("refuses this PIN")
        time.sleep(2)
        # The port may have been taken for one that has been plugged in anew.
        eventually(lambda: self.link().is_refused, 10, "refused")
        self.assertEqual(self.daemon.log().count("AT+CPIN=****"), 1)


class FewTries(ModemCase):
    options = ("--pin", "1234", "--tries", "2")
    keys = {"pin": "1234"}

    def test_pin_is_not_tried(self):
        self.wait_down("has been wrong before")
        self.assertNotIn("AT+CPIN=", self.daemon.log())


class PukNeeded(ModemCase):
    options = ("--pin", "1234", "--tries", "0")
    keys = {"pin": "1234"}

    def test_is_final(self):
        self.wait_down("PUK")
        self.assertNotIn("AT+CPIN=", self.daemon.log())


class NoPin(ModemCase):
    options = ("--pin", "1234")

    def test_is_final(self):
        self.wait_down("needs its PIN")


class NoSim(ModemCase):
    options = ("--no-sim",)

    def test_is_final(self):
        self.wait_down("no SIM")


class Pap(ModemCase):
    options = ("--auth", "pap", "--user", "ada", "--password", "love-lace")
    keys = {"user": "ada", "password": "love-lace"}

    def test_is_accepted_and_the_password_is_not_logged(self):
        self.wait_up(30)
        self.passes_data()
        self.assertNotIn("love-lace", self.daemon.log())


class Chap(Pap):
    options = ("--auth", "chap", "--user", "ada", "--password", "love-lace")


class WrongPassword(ModemCase):
    options = ("--auth", "pap", "--user", "ada", "--password", "love-lace")
    keys = {"user": "ada", "password": "wrong"}

    def test_is_given_up_after_three_refusals(self):
        self.wait_down("refused 3 times", 60)
        calls = self.modem.counts()[0]
        time.sleep(3)
        self.assertEqual((calls, self.modem.counts()[0]), (3, 3))


class Registration(ModemCase):
    def test_roaming_is_forbidden_unless_permitted(self):
        self.wait_up()
        self.modem.do("registration 5")
        self.modem.do("carrier")
        self.wait_cause("roaming = no")
        self.modem.do("registration 1")
        self.wait_up()
        self.passes_data()

    def test_searching_takes_its_time(self):
        self.wait_up()
        self.modem.do("registration 2")
        self.modem.do("carrier")
        self.wait_cause("searching")
        self.modem.do("registration 1")
        self.wait_up()


class Faults(ModemCase):
    def comes_back(self, fault, within=30):
        """With the same address: sockets and listeners live on."""
        self.wait_up()
        s, peer = self.passes_data()
        restarts = self.link().restarts
        fault()
        eventually(lambda: self.is_up() and self.link().restarts > restarts, within, "up again")
        self.passes_data()
        s.send(b"still here")
        self.assertEqual(peer.recv(100), b"still here")

    def test_carrier_lost(self):
        self.comes_back(lambda: self.modem.do("carrier"))

    def test_ppp_terminated_by_the_network(self):
        self.comes_back(lambda: self.modem.do("terminate"))

    def test_helper_killed(self):
        self.comes_back(lambda: os.kill(self.helper_pid(), signal.SIGKILL))

    def test_helper_hung(self):
        self.comes_back(lambda: os.kill(self.helper_pid(), signal.SIGSTOP))

    def test_unplugged_and_plugged_in_again(self):
        def fault():
            self.modem.do("plug off")
            self.wait_cause("is not there")
            self.modem.do("plug on")
        self.comes_back(fault)

    def test_no_carrier_at_dialing(self):
        def fault():
            self.modem.do("dial off")
            self.modem.do("carrier")
            self.wait_cause("the call failed: NO CARRIER (")
            self.modem.do("dial on")
        self.comes_back(fault)

    def test_another_address_ends_connections(self):
        self.wait_up()
        s, _ = self.passes_data()
        self.modem.do("address 10.0.2.16")
        self.modem.do("carrier")
        eventually(lambda: self.is_up() and "10.0.2.16" in self.link().cause.decode(), 30,
                   "the other address")
        with self.assertRaises(OSError) as caught:
            s.recv(1)
        self.assertEqual(caught.exception.errno, errno.ECONNABORTED)
        self.passes_data()


if __name__ == "__main__":
    runner.main()
