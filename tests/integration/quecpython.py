#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""QuecPython's companion modules and usocket-python.

The cases of quecpython_cases.py play the links; the others run scripts against
the real daemon, on slirp and on a link that the test plays.
"""

import os
import sys
import time
import unittest

import fakelink
import harness
import quecpython_cases
import quecpython_http
import quecpython_mqtt
import quecpython_tls
import runner
from quecpython_support import (CPython, MicroPython, MicroPythonFfi, MicroPythonModule,
                                Scripts, SlirpCase, page_server)
from runner import rows


# ---- played links ------------------------------------------------------------

class Cases(unittest.TestCase):
    """Those of quecpython_cases.py, each in a process of its own."""

    runtime = CPython

    def run_case(self, name):
        harness.adopt_build_settings()
        run_time = self.runtime()
        if run_time.skip_reason():
            self.skipTest(run_time.skip_reason())
        folder = os.path.dirname(os.path.abspath(__file__))
        with run_time.start(os.path.join(folder, "quecpython_cases.py"), name) as child:
            out, err = child.communicate(timeout=40)
        self.assertEqual((child.returncode, out, err), (0, f"done {name}\n", ""))


def add_cases(case):
    for name, ids in quecpython_cases.CASES.items():
        def run(self, name=name):
            self.run_case(name)
        setattr(case, "test_" + name, rows(*ids)(run))


add_cases(Cases)


class MicroPythonCases(Cases):
    runtime = MicroPython


# ---- slirp -------------------------------------------------------------------

class Slirp(SlirpCase):
    @rows("N1", "N2")
    def test_poweron_print_once(self):
        out = self.run_script("""
            import checkNet
            checker = checkNet.CheckNetwork("Name", "1.2.3")
            checker.poweron_print_once()
            """)
        self.assertEqual(out.splitlines(), [
            "=" * 50,
            "PROJECT_NAME     : Name",
            "PROJECT_VERSION  : 1.2.3",
            "FIRMWARE_VERSION : unknown",
            "POWERON_REASON   : unknown",
            "SIM_CARD_STATUS  : unknown",
            "=" * 50])

    @rows("N1", "N2", "N6")
    def test_without_a_daemon_nothing_fails(self):
        out = self.run_script("""
            import checkNet, dataCall, net, sim, modem
            checker = checkNet.CheckNetwork("Name", "1.2.3")
            checker.poweron_print_once()
            print(net.getState(), sim.getStatus(), modem.getDevImei(), dataCall.getInfo(1, 0))
            print(dataCall.setCallback(print), dataCall.activate(1))
            print(checker.wait_network_connected(1))
            """, USOCKETD_SOCKET="/nowhere/usocketd.sock")
        self.assertEqual(out.count("unknown"), 3)
        self.assertIn("-1 -1 -1 -1\n", out)
        self.assertIn("0 -1\n", out)
        self.assertIn("(3, 0)\n", out)
        refusal, warning = [line for line in out.splitlines() if line.startswith("WARNING")]
        self.assertTrue(refusal.startswith("WARNING:dataCall:activate refused: "), refusal)
        self.assertTrue(warning.startswith("WARNING:checkNet:no network: "), warning)

    @rows("N3", "N7")
    def test_wait_network_connected(self):
        out = self.run_script("""
            import checkNet, utime
            checker = checkNet.CheckNetwork("Name", "1")
            took = []
            for _ in range(5):
                begin = utime.ticks_ms()
                result = checker.wait_network_connected(30)
                took.append(utime.ticks_diff(utime.ticks_ms(), begin))
            # A busy machine may hold any single one up.
            print(result, min(took) < 100)
            print(checkNet.wait_network_connected(), checkNet.waitNetworkReady(1))
            for bad in 0, 3601, -5:
                try:
                    checker.wait_network_connected(bad)
                except OSError as e:
                    print(e)
            """)
        text = "timeout_s should be in [1, 3600]s!\n"
        self.assertEqual(out, "(3, 1) True\n(3, 1) (3, 1)\n" + 3 * text)

    def test_getters_tell_what_is_true_of_slirp(self):
        out = self.run_script("""
            import dataCall, modem, net, sim
            print(dataCall.getInfo(1, 0))
            print(dataCall.getInfo(2, 0))
            print(net.getState(), net.csqQueryPoll(), net.getSignal(), net.operatorName())
            print(sim.getStatus(), sim.getImsi(), modem.getDevModel())
            """)
        self.assertEqual(out.splitlines(), [
            "(1, 0, [1, 0, '10.0.2.15', '10.0.2.3', '0.0.0.0'])",
            "(2, 0, [0, 0, '0.0.0.0', '0.0.0.0', '0.0.0.0'])",
            "-1 -1 -1 -1", "-1 -1 -1"])

    def test_setters_are_refused(self):
        out = self.run_script("""
            import dataCall, net, sim
            print(dataCall.setPDPContext(1, 0, 'apn', '', '', 0))
            print(net.setModemFun(0), sim.verifyPin('1234'))
            """)
        self.assertEqual(out.splitlines(), [
            "WARNING:dataCall:setPDPContext refused: no link has a modem", "-1",
            "WARNING:net:setModemFun refused: no link has a modem",
            "WARNING:sim:verifyPin refused: no link has a modem", "-1 -1"])

    def test_example_prints_a_page(self):
        port, requests = page_server(self)
        example = os.path.join(os.environ["USOCKETD_SRCDIR"], "client/quecpython/example.py")
        out = self.run_file(example, "peer.test", str(port), "/a/page")
        self.assertIn("INFO:SOCKET:Network connection successful!\n", out)
        self.assertIn("hello", out)
        self.assertEqual(requests, [("/a/page", "peer.test")])

    def test_example_of_the_manual(self):
        """Quectel's own: its host is in the daemon's hosts file."""
        self.runs_the_manuals_example()


# ---- a link that comes and goes ----------------------------------------------

class Played(Scripts, harness.Case):
    """Each test has a daemon of its own, whose link is down."""

    def setUp(self):
        self.link = self.keep(fakelink.FakeLink())
        self.daemon = self.keep(harness.Daemon({"link net0": self.link.config()},
                                               env=self.link.env()))
        harness.let_threads_end()
        self.daemon.start()
        self.addCleanup(self.daemon.stop)
        self.link.take()

    @rows("N6")
    def test_wait_without_a_link(self):
        out = self.run_script("""
            import checkNet, utime
            begin = utime.ticks_ms()
            print(checkNet.wait_network_connected(1))
            print(utime.ticks_diff(utime.ticks_ms(), begin) // 1000)
            """)
        self.assertEqual(out, "(3, 0)\n1\n")

    @rows("N6", "N7")
    def test_wait_for_a_link(self):
        child = self.start(self.script("""
            import _thread, checkNet, utime
            count = [0]
            def work():
                while True:
                    count[0] += 1
                    utime.sleep_ms(10)
            _thread.start_new_thread(work, ())
            print('waiting')
            result = checkNet.wait_network_connected(30)
            print(result, count[0] > 5)
            """))
        self.assertEqual(child.stdout.readline(), "waiting\n")
        time.sleep(0.5)
        self.link.ready()
        self.assertEqual(child.stdout.readline(), "(3, 1) True\n")

    def test_callback(self):
        child = self.start(self.script("""
            import dataCall, sys
            print(dataCall.setCallback(lambda args: print('changed', args)))
            sys.stdin.readline()
            """))
        self.assertEqual(child.stdout.readline(), "0\n")
        self.link.ready()
        self.assertEqual(child.stdout.readline(), "changed (1, 1)\n")
        self.link.drop()
        self.assertEqual(child.stdout.readline(), "changed (1, 0)\n")
        out, err = child.communicate("\n", timeout=20)
        self.assertEqual((child.returncode, out, err), (0, "", ""))

    def test_callback_survives_the_daemon(self):
        child = self.start(self.script("""
            import dataCall, sys
            print(dataCall.setCallback(lambda args: print('changed', args)))
            sys.stdin.readline()
            """))
        self.assertEqual(child.stdout.readline(), "0\n")
        self.link.ready()
        self.assertEqual(child.stdout.readline(), "changed (1, 1)\n")
        self.daemon.kill()
        self.assertEqual(child.stdout.readline(), "changed (1, 0)\n")
        self.link.drop()
        harness.let_threads_end()
        self.daemon.start()
        self.link.take()
        self.link.ready()
        self.assertEqual(child.stdout.readline(), "changed (1, 1)\n")
        out, err = child.communicate("\n", timeout=20)
        self.assertEqual((child.returncode, out, err), (0, "", ""))

    def test_watch(self):
        """What dataCall's callback stands on."""
        child = self.start(self.script("""
            import select, sys, usocket
            fd = usocket._watch_links()
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            def take():
                while True:
                    poll.poll(20000)
                    event = usocket._watch_next(fd)
                    if event:
                        return event
            index, state = take()
            print(index, state != 'up', usocket._watch_next(fd))
            while take() != (index, 'up'):
                pass
            print('up')
            for call, bad in (usocket._watch_next, -1), (usocket._watch_next, 0), \\
                             (usocket._watch_close, -1), (usocket._watch_next, 'x'), \\
                             (usocket._watch_close, None):
                try:
                    call(bad)
                    print('no error')
                except OSError as e:
                    print(e.args[0])
                except TypeError:
                    print('TypeError')
            usocket._watch_close(fd)
            """))
        self.assertEqual(child.stdout.readline(), "0 True None\n")
        self.link.ready()
        out, err = child.communicate(timeout=20)
        self.assertEqual((child.returncode, err), (0, ""))
        self.assertEqual(out.split(), ["up", "9", "88", "9", "TypeError", "TypeError"])

    def test_get_info_follows_the_link(self):
        child = self.start(self.script("""
            import dataCall, sys
            while sys.stdin.readline():
                print(dataCall.getInfo(1, 2))
            """))

        def ask():
            child.stdin.write("\n")
            child.stdin.flush()
            return eval(child.stdout.readline())
        nothing = (1, 2, [0, 0, "0.0.0.0", "0.0.0.0", "0.0.0.0"], [0, 0, "::", "::", "::"])
        self.assertEqual(ask(), nothing)
        self.link.ready(address6=["fe80::2/64", "fd08::2/64"], dns=["10.8.0.1", "fd08::1"])
        self.eventually(lambda: ask() == (1, 2, [1, 0, "10.8.0.2", "10.8.0.1", "0.0.0.0"],
                                          [1, 0, "fd08::2", "fd08::1", "::"]))
        self.link.drop()
        self.eventually(lambda: ask() == nothing)


class SlirpFfi(Slirp):
    runtime = MicroPythonFfi


class PlayedFfi(Played):
    runtime = MicroPythonFfi


class RequestsFfi(quecpython_http.Requests):
    runtime = MicroPythonFfi


class MqttFfi(quecpython_mqtt.Mqtt):
    runtime = MicroPythonFfi


class TlsFfi(quecpython_tls.Tls):
    runtime = MicroPythonFfi


class SlirpModule(Slirp):
    runtime = MicroPythonModule


class PlayedModule(Played):
    runtime = MicroPythonModule


class RequestsModule(quecpython_http.Requests):
    runtime = MicroPythonModule


class MqttModule(quecpython_mqtt.Mqtt):
    runtime = MicroPythonModule


class TlsModule(quecpython_tls.Tls):
    runtime = MicroPythonModule


# ---- usocket-python ----------------------------------------------------------

class Launcher(unittest.TestCase):
    def setUp(self):
        harness.adopt_build_settings()
        self.run_time = CPython()
        if self.run_time.skip_reason():
            self.skipTest(self.run_time.skip_reason())
        self.folder = harness.temporary_folder()

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as f:
            f.write(text)
        return path

    def run_it(self, *arguments, stdin=""):
        with self.run_time.start(*arguments) as child:
            out, err = child.communicate(stdin, timeout=20)
        return child.returncode, out, err

    def test_is_a_script_of_its_own(self):
        path = self.write("main.py", b"import sys, helper, log\n"
                          b"print(__name__, __file__, sys.argv, sys.path[0], helper.VALUE)\n"
                          b"print(sys.modules['__main__'].helper is helper)\nsys.exit(3)\n")
        self.write("helper.py", b"VALUE = 5\n")
        self.assertEqual(self.run_it(path, "a", "-b"), (
            3, f"__main__ {path} {[path, 'a', '-b']} {self.folder} 5\nTrue\n", ""))

    def test_mixed_tabs_count_as_in_micropython(self):
        body = b"if True:\n        a = 1\n    \tb = '''x\n\ty\n    \tz'''\n\tprint(repr(b), a)\n"
        path = self.write("tabs.py", b"# caf\xe9\n".join([b"# coding: latin-1\n", body]) +
                          b"import tabbed\n")
        self.write("tabbed.py", body)
        line = "'x\\n\\ty\\n    \\tz' 1\n"
        self.assertEqual(self.run_it(path), (0, line * 2, ""))

    def test_errors_are_pythons(self):
        code, out, err = self.run_it(self.write("bad.py", b"if True\n    pass\n"))
        self.assertEqual((code, out), (1, ""))
        self.assertIn("SyntaxError", err)
        # Not even with tabs of eight.
        code, _, err = self.run_it(self.write("worse.py", b"if True:\n    a = 1\n\tb = 2\n"))
        self.assertEqual(code, 1)
        self.assertIn("IndentationError", err)
        code, _, err = self.run_it(self.write("raises.py", b"\n1 / 0\n"))
        self.assertEqual(code, 1)
        self.assertIn("raises.py\", line 2", err)

    def test_no_such_script(self):
        self.assertEqual(self.run_it("/nowhere/script.py"), (
            1, "", "usocket-python: cannot open /nowhere/script.py: "
                   "No such file or directory\n"))

    def test_options_are_pythons(self):
        self.assertEqual(self.run_it("-c", "import log; print(log.INFO)"), (0, "20\n", ""))
        self.assertEqual(self.run_it(stdin="import net; print(net.__name__)"),
                         (0, "net\n", ""))

    def test_micropythons_names(self):
        pairs = (("ubinascii", "binascii"), ("ucollections", "collections"),
                 ("uerrno", "errno"), ("uhashlib", "hashlib"), ("uio", "io"),
                 ("ujson", "json"), ("uos", "os"), ("urandom", "random"), ("ure", "re"),
                 ("ustruct", "struct"))
        code = "".join(f"import {a}, {b}\nassert {a} is {b}\n" for a, b in pairs)
        self.assertEqual(self.run_it("-c", code), (0, "", ""))

    def test_usys(self):
        code = ("import sys, usys\nassert usys.version is sys.version\n"
                "try:\n    1 / 0\nexcept Exception as e:\n    usys.print_exception(e)\n")
        _, out, err = self.run_it("-c", code)
        self.assertIn("ZeroDivisionError", out)
        self.assertEqual(err, "")

    def test_utime(self):
        code = ("import utime\nbegin = utime.ticks_ms()\nutime.sleep_ms(20)\n"
                "assert 20 <= utime.ticks_diff(utime.ticks_ms(), begin) < 20000\n"
                "utime.sleep_us(10)\nutime.sleep(0)\n"
                "assert utime.ticks_diff(utime.ticks_add(0, -5), 0) == -5\n"
                "now = utime.time()\nassert utime.mktime(utime.localtime(now)) == now\n"
                "assert len(utime.localtime()) == 8\n"
                "assert [utime.setTimeZone(n) for n in (-13, 13, 8)] == [-1, -1, 0]\n"
                "assert utime.getTimeZone() == 8\n"
                "assert utime.localtime(0) == (1970, 1, 1, 8, 0, 0, 3, 1)\n"
                "assert utime.setTimeZone(-12) == 0\n"
                "assert utime.localtime(0)[:4] == (1969, 12, 31, 12)\n")
        self.assertEqual(self.run_it("-c", code), (0, "", ""))


if __name__ == "__main__":
    runner.main(sys.modules["__main__"], quecpython_http, quecpython_mqtt,
                quecpython_tls)
