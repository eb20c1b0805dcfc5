#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Links controlled by usocketctl, with the real daemon: over slirp, and over a
simulated modem. By the way it is shown what programs meet meanwhile."""

import json
import os
import subprocess
import sys
import unittest

import harness
import runner
import usock
from harness import eventually
from modem_support import ModemCase
from quecpython_support import Manual, MicroPythonFfi, MicroPythonModule
from runner import rows

OK, FAILED, USAGE, UNREACHABLE, DENIED = range(5)


class _Control:
    def ctl(self, *args, expected=OK, text=None):
        if not os.path.exists(harness.program("usocketctl")):
            raise unittest.SkipTest("built without usocketctl")
        done = subprocess.run([harness.program("usocketctl"), *map(str, args)],
                              env=harness.child_env(USOCKETD_SOCKET=self.daemon.socket),
                              capture_output=True, text=True, input=text,
                              timeout=60 * harness.time_scale())
        self.assertEqual(done.returncode, expected, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def json(self, *args):
        return json.loads(self.ctl(*args, "--json"))

    def wait(self, *name):
        self.ctl("link", "wait", *name, "--timeout", 20 * harness.time_scale())


class Slirp(_Control, harness.StackCase):
    link_name = "net0"

    @classmethod
    def make_link(cls):
        harness.need_slirp()
        return {"link net0": {"driver": "slirp"}, "limits": {"control_group": harness.OTHER_UID}}

    def setUp(self):
        super().setUp()
        self.addCleanup(self.wait, "net0")
        self.addCleanup(self.ctl, "link", "up", "net0")

    @rows("G11")
    def test_down_stays_down_until_up(self):
        self.ctl("link", "down", "net0")
        link = self.json("link", "net0")
        self.assertEqual((link["state"], link["reason"], link["retry_ms"], link["refused"]),
                         ("down", "command", None, False))
        self.assertIn("taken down by usocketctl", link["cause"])
        self.assertIn('not before "usocketctl link up"', self.ctl("link"))
        with self.fails(113):
            self.tcp().connect(("10.0.2.2", 9))
        text = self.ctl("link", "wait", "net0", "--timeout", 1.5, expected=FAILED)
        self.assertIn("link net0 is not up: down: taken down by", text)
        self.assertIn("no link is up", self.ctl("link", "wait", "--timeout", 0, expected=FAILED))
        self.ctl("link", "up", "net0")
        self.wait("net0")
        self.assertEqual(self.json("link", "net0")["state"], "up")

    def test_reset_is_one_more_try(self):
        before = self.json("link", "net0")["redials"]
        self.ctl("link", "reset", "net0")
        self.wait("net0")
        self.assertEqual(self.json("link", "net0")["redials"], before + 1)
        self.ctl("link", "down", "net0")
        self.assertIn("bring it up first", self.ctl("link", "reset", "net0", expected=FAILED))

    def test_monitor_tells_reasons(self):
        process = subprocess.Popen(
            [harness.program("usocketctl"), "monitor", "--json"], stdout=subprocess.PIPE,
            env=harness.child_env(USOCKETD_SOCKET=self.daemon.socket), text=True)
        self.keep(process.stdout)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        self.assertEqual(json.loads(process.stdout.readline())["state"], "up")
        self.ctl("link", "down", "net0")
        event = json.loads(process.stdout.readline())
        self.assertEqual((event["state"], event["reason"], event["refused"]),
                         ("down", "command", False))

    def test_set_takes_what_may_change(self):
        self.ctl("link", "set", "net0", "dns", "192.0.2.53")
        self.wait("net0")
        self.assertEqual(self.json("link", "net0")["dns"], ["192.0.2.53"])
        self.ctl("link", "set", "net0", "dns", "-", text="192.0.2.54\n")
        self.wait("net0")
        self.assertEqual(self.json("link", "net0")["dns"], ["192.0.2.54"])
        for args, words in ((("dns", "x"), "dns is a list of up to 4 IP addresses"),
                            (("mtu", "1400"), "mtu is set in the configuration only"),
                            (("apn", "x"), "no key of this name; what can be set is dns")):
            self.assertIn(words, self.ctl("link", "set", "net0", *args, expected=FAILED))
        self.assertIn("'apn' has no value",
                      self.ctl("link", "set", "net0", "dns", "192.0.2.1", "apn", expected=USAGE))

    def test_log_has_the_states(self):
        self.ctl("link", "reset", "net0")
        self.wait("net0")
        text = self.ctl("link", "log")
        self.assertRegex(text, r"(?m)^\d{4}-\d\d-\d\d [\d:.]{12} up -> down \(reset by usocketctl")
        for line in self.ctl("link", "log", "net0", "--json").splitlines():
            self.assertEqual(set(json.loads(line)), {"time_ms", "level", "text"})

    def test_log_is_followed(self):
        process = subprocess.Popen(
            [harness.program("usocketctl"), "link", "log", "-f"], stdout=subprocess.PIPE,
            env=harness.child_env(USOCKETD_SOCKET=self.daemon.socket), text=True)
        self.keep(process.stdout)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        while "-> up" not in process.stdout.readline():
            pass
        self.ctl("link", "down", "net0")
        while "-> down (taken down by usocketctl" not in process.stdout.readline():
            pass

    def test_names_that_are_wrong(self):
        for command in (("link", "down", "lan"), ("link", "set", "lan", "dns", "192.0.2.1")):
            self.assertIn("there is no link lan", self.ctl(*command, expected=FAILED))
        for command in (("link", "log", "lan"), ("link", "wait", "lan"), ("link", "lan")):
            text = self.ctl(*command, expected=FAILED)
            self.assertIn("there is no link 'lan'", text)
            self.assertIn("Links: net0", text)
        self.assertIn("link net0 has no modem", self.ctl("at", "AT", expected=FAILED))

    @rows("G13")
    def test_right_is_needed_to_control_and_none_to_look(self):
        harness.need_other_users()

        def work():
            for command in (("link", "down", "net0"), ("link", "up", "net0"),
                            ("link", "reset", "net0"), ("link", "log"),
                            ("link", "set", "net0", "dns", "192.0.2.1"), ("at", "AT")):
                self.assertIn("members of control_group", self.ctl(*command, expected=DENIED))
            self.assertEqual(self.json("link", "net0")["state"], "up")
            self.ctl("link", "wait", "net0", "--timeout", 5)
        harness.in_child(work, uid=harness.OTHER_UID, gid=harness.OTHER_UID + 1)

    def test_members_of_the_group_may_control(self):
        harness.need_other_users()

        def work():
            self.ctl("link", "down", "net0")
            self.ctl("link", "up", "net0")
            self.wait("net0")
        harness.in_child(work, uid=harness.OTHER_UID, gid=harness.OTHER_UID + 1,
                         groups=(harness.OTHER_UID,))


class Modem(_Control, ModemCase):
    options = ("--apn", "internet", "--family", "quectel")
    keys = {"cmux": "yes"}

    def test_what_the_modem_says_is_shown(self):
        self.wait("wan")
        modem = self.json("link", "wan")["modem"]
        self.assertEqual((modem["sim_status"], modem["registration"], modem["apn"]),
                         (1, 1, "internet"))
        self.assertTrue(modem["imei"].isdigit())
        text = self.ctl("link", "wan")
        self.assertIn(f"IMEI {modem['imei']}", text)
        self.assertIn("home network", text)

    def test_at_while_data_flows(self):
        self.wait("wan")
        lines = self.ctl("at", "AT+CSQ").splitlines()
        self.assertEqual(lines, ["+CSQ: 20,99", "OK"])
        self.assertEqual(self.json("at", "AT+CSQ"), {"lines": ["+CSQ: 20,99"], "result": "OK"})
        self.assertIn("ERROR", self.ctl("at", "--link", "wan", "AT+NONSENSE", expected=FAILED))
        self.assertTrue(self.is_up())

    def test_at_that_does_harm_is_refused(self):
        self.wait("wan")
        for command in "ATD112;", "ATH", "AT+CMUX=0", "AT+CSQ;O":
            self.ctl("at", command, expected=FAILED)
        self.assertIn("begins with AT", self.ctl("at", "+++", expected=FAILED))
        self.assertTrue(self.is_up())
        self.assertEqual(self.json("link", "wan")["redials"], 0)

    def test_apn_is_changed_and_changed_back(self):
        self.wait("wan")
        self.ctl("link", "set", "wan", "apn", "elsewhere")
        eventually(lambda: self.json("link", "wan")["reason"] == "dial", 20)
        self.ctl("link", "set", "wan", "apn", "internet")
        self.wait("wan")
        self.assertEqual(self.json("link", "wan")["modem"]["apn"], "internet")

    def test_log_has_the_dialogue(self):
        self.wait("wan")
        text = self.ctl("link", "log", "wan")
        self.assertIn("> ATD*99", text)
        self.assertNotIn(self.json("link", "wan")["modem"]["imsi"], text)


class Refused(_Control, ModemCase):
    """A SIM that is locked, and no PIN."""
    options = ("--pin", "4711")

    def test_refusal_ends_with_the_pin_and_leaves_no_trace_of_it(self):
        eventually(lambda: self.json("link", "wan")["refused"], 20)
        link = self.json("link", "wan")
        self.assertEqual((link["reason"], link["modem"]["sim_status"]), ("sim-pin", 2))
        self.assertIn("refused", self.ctl("link", "wan"))
        self.ctl("link", "set", "wan", "pin", "-", text="4711\n")
        self.wait("wan")
        self.assertNotIn("4711", self.ctl("link", "log", "wan"))
        self.assertNotIn("4711", self.daemon.log())

    def test_up_tries_again(self):
        eventually(lambda: self.json("link", "wan")["refused"], 20)
        before = self.json("link", "wan")["redials"]
        self.ctl("link", "up", "wan")
        eventually(lambda: self.json("link", "wan")["redials"] > before, 20)


class Type(_Control, ModemCase):
    """A network that refuses calls for both IPv4 and IPv6, and says so."""
    options = ("--pdp", "ip", "--strict-pdp")

    def asked(self):
        lines = self.ctl("link", "log", "wan").splitlines()
        return [line.split('"')[1] for line in lines if "> AT+CGDCONT=" in line]

    def test_another_apn_is_asked_for_both_again(self):
        self.wait("wan")
        self.assertEqual(self.asked(), ["IPV4V6", "IP"])
        self.ctl("link", "set", "wan", "apn", "elsewhere")
        eventually(lambda: self.asked()[2:], 20)
        self.assertEqual(self.asked()[2], "IPV4V6")
        self.wait("wan")


class Password(_Control, ModemCase):
    options = ("--auth", "chap", "--user", "me", "--password", "right-one")
    keys = {"user": "me", "password": "wrong-one"}

    def test_password_is_mended_at_run_time(self):
        eventually(lambda: self.json("link", "wan")["reason"] == "authentication", 30)
        self.ctl("link", "set", "wan", "password", "-", text="right-one\n")
        self.wait("wan")
        log = self.ctl("link", "log", "wan") + self.daemon.log()
        self.assertNotIn("right-one", log)
        self.assertNotIn("wrong-one", log)


class Scripts(Manual, ModemCase):
    """QuecPython's setters. The tests' user is the daemon's, so it may."""

    @rows("module-dataCall")
    def test_bearer_is_set_and_the_link_taken_down_and_up(self):
        self.wait_up()
        out = self.run_script("""
            import dataCall
            print(dataCall.setPDPContext(1, 2, 'internet', '', '', 0), dataCall.getPDPContext(1))
            print(dataCall.deactivate(1), dataCall.getInfo(1, 0)[2][0])
            print(dataCall.start(1, 0, 'private', '', '', 0), dataCall.getPDPContext(1))
            print(dataCall.getInfo(1, 0)[2][0], dataCall.setPDPContext(1, 0, '\\"', '', '', 0))
            """)
        self.assertEqual(out.splitlines(), [
            "0 (2, 'internet', '', '', 0)", "0 0", "0 (0, 'private', '', '', 0)",
            "WARNING:dataCall:setPDPContext refused: "
            'apn is up to 100 printable characters without "', "1 -1"])


class ScriptsFfi(Scripts):
    runtime = MicroPythonFfi


class ScriptsModule(Scripts):
    runtime = MicroPythonModule


class Pin(Manual, ModemCase):
    options = ("--pin", "4711")

    @rows("module-sim")
    def test_pin_is_verified(self):
        self.wait_cause("PIN")
        out = self.run_script("""
            import checkNet, sim
            print(sim.getStatus(), sim.verifyPin('4711'), sim.getStatus())
            print(checkNet.wait_network_connected(30))
            print(sim.verifyPin('4711'))
            """)
        self.assertEqual(out.splitlines(), ["2 0 1", "(3, 1)", "WARNING:sim:verifyPin refused: "
                                            "the SIM asks for no PIN", "-1"])


class Failure(_Control, ModemCase):
    sections = {"daemon": {"log_level": "notice"}}

    def test_log_of_the_night_is_in_the_journal(self):
        """The AT dialogue, which the log's level hides, is told when the link fails."""
        self.wait("wan")
        self.assertNotIn("> ATD*99", self.daemon.log())
        self.modem.tell("carrier")
        eventually(lambda: "> ATD*99" in self.daemon.log(), 20)


class ThreeWire(_Control, ModemCase):
    """A serial line without DTR: a modem that is not told goes on calling."""

    options = ("--three-wire",)

    def calls(self):
        words = self.modem.tell("status").split()
        return words[words.index("calling") + 1] == "1"

    def hangs_up(self):
        eventually(lambda: not self.calls(), 10, "hung up")

    def test_down_hangs_up(self):
        self.wait_up()
        self.assertTrue(self.calls())
        self.ctl("link", "down", "wan")
        self.hangs_up()
        self.ctl("link", "up", "wan")
        self.wait("wan")
        self.passes_data()
        self.assertNotIn("does not end", self.daemon.log())

    def test_end_of_the_daemon_hangs_up(self):
        self.wait_up()
        self.daemon.stop()
        self.hangs_up()
        self.daemon.start()


class ThreeWireWithoutMultiplexer(ThreeWire):
    options = ("--three-wire", "--no-cmux")


if __name__ == "__main__":
    runner.main(sys.modules[__name__])
