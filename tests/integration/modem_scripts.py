#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Scripts on a modem's link: Quectel's example and the companion modules.

The way of every byte is simulated modem, AT, PPP, lwIP, usocket. What checkNet,
net, sim, dataCall and modem say is what the modem has said of itself.
"""

import fakedns
import runner
from modem_support import GUEST, HOST, ModemCase
from quecpython_support import MANUAL_HOST, Manual, MicroPythonFfi, MicroPythonModule
from runner import rows

WAIT = """
    import checkNet, utime
    begin = utime.ticks_ms()
    print(checkNet.wait_network_connected({seconds}))
    print(utime.ticks_diff(utime.ticks_ms(), begin) // 1000)
    """


class _ScriptCase(Manual, ModemCase):
    def wait_network(self, seconds):
        """checkNet's stage and sub code, and after how many whole seconds."""
        result, took = self.run_script(WAIT.format(seconds=seconds)).splitlines()
        return eval(result), int(took)


class Online(_ScriptCase):
    """A name server behind the modem knows the example's host."""

    def prepare(self):
        dns = self.keep(fakedns.FakeDns())
        dns.zone[MANUAL_HOST, fakedns.A] = [HOST]
        self.sections = {"resolver": {"servers": f"{HOST}:{dns.port}", "hosts": "none"}}

    def test_example_of_the_manual(self):
        """It waits for the network itself: the daemon has only just started."""
        self.runs_the_manuals_example()

    @rows("N3", "N4", "N5", "N6")
    def test_wait_passes_all_stages(self):
        self.assertEqual(self.wait_network(30)[0], (3, 1))

    @rows("N7")
    def test_wait_returns_at_once_when_up(self):
        self.wait_up()
        self.assertEqual(self.wait_network(30), ((3, 1), 0))

    @rows("module-net", "module-sim", "module-dataCall")
    def test_getters_tell_what_the_modem_says(self):
        self.wait_up()
        out = self.run_script("""
            import dataCall, net, sim
            print(net.operatorName(), net.csqQueryPoll(), net.getSignal())
            print(sim.getStatus())
            print(dataCall.getInfo(1, 0))
            """)
        self.assertEqual(out.splitlines(), [
            "('Sim Mobile', '', '', '') 20 ([99, 99, 255, 255], [-73, -91, -10, 255])",
            "1",
            f"(1, 0, [1, 0, '{GUEST}', '10.0.2.3', '10.0.2.3'])"])

    def test_setters_name_who_sets_the_modem(self):
        self.wait_up()
        out = self.run_script("""
            import dataCall, sim
            print(dataCall.setPDPContext(1, 0, 'apn', '', '', 0), sim.verifyPin('1234'))
            """)
        why = "refused: the modem of link wan is set by usocketd's configuration"
        self.assertEqual(out.splitlines(), [f"WARNING:dataCall:setPDPContext {why}",
                                            f"WARNING:sim:verifyPin {why}", "-1 -1"])

    @rows("module-dataCall")
    def test_callback_follows_the_call(self):
        self.wait_up()
        child = self.start(self.script("""
            import dataCall, sys
            print(dataCall.setCallback(lambda args: print('changed', args)))
            sys.stdin.readline()
            """))
        self.assertEqual(child.stdout.readline(), "0\n")
        self.modem.do("carrier")
        self.assertEqual(child.stdout.readline(), "changed (1, 0)\n")
        self.assertEqual(child.stdout.readline(), "changed (1, 1)\n")
        out, err = child.communicate("\n", timeout=20)
        self.assertEqual((child.returncode, out, err), (0, "", ""))


class Searching(_ScriptCase):
    def prepare(self):
        self.modem.do("registration 2")

    @rows("N5")
    def test_wait_ends_with_the_search(self):
        self.wait_cause("searching")
        self.assertEqual(self.wait_network(2), ((2, 2), 2))


class OnlineFfi(Online):
    runtime = MicroPythonFfi


class OnlineModule(Online):
    runtime = MicroPythonModule


if __name__ == "__main__":
    runner.main()
