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

    @rows("module-net", "module-sim", "module-dataCall", "module-modem")
    def test_getters_tell_what_the_modem_says(self):
        self.wait_up()
        out = self.run_script("""
            import dataCall, modem, net, sim
            print(net.operatorName(), net.csqQueryPoll(), net.getSignal())
            print(net.getState(), net.getModemFun())
            print(sim.getStatus(), sim.getImsi(), sim.getIccid())
            print(modem.getDevModel(), modem.getDevProductId(), modem.getDevFwVersion(),
                  modem.getDevImei())
            print(dataCall.getInfo(1, 0))
            """)
        place = f"1, {0x1A2B}, {0x01C3D4E5}, 7, -1, -1"
        self.assertEqual(out.splitlines(), [
            "('Sim Mobile', '', '001', '01') 20 ([99, 99, 255, 255], [-73, -91, -10, 255])",
            f"([{place}], [{place}]) 1",
            "1 001010123456789 8988211000000123456",
            "modem-sim usocketd 1 004999010640000",
            f"(1, 0, [1, 0, '{GUEST}', '10.0.2.3', '0.0.0.0'])"])

    def test_setters_name_who_sets_the_modem(self):
        self.wait_up()
        out = self.run_script("""
            import dataCall, sim
            print(dataCall.setAutoConnect(1, 0), sim.enablePin('1234'))
            """)
        why = "refused: the modem of link wan is set by usocketd's configuration"
        self.assertEqual(out.splitlines(), [f"WARNING:dataCall:setAutoConnect {why}",
                                            f"WARNING:sim:enablePin {why}", "-1 -1"])

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


class NoSim(_ScriptCase):
    options = ("--no-sim",)

    @rows("N4")
    def test_wait_ends_at_once(self):
        self.wait_down("no SIM")
        self.assertEqual(self.wait_network(30), ((1, 0), 0))


class Locked(_ScriptCase):
    options = ("--pin", "1234")

    @rows("N4")
    def test_wait_ends_at_once(self):
        self.wait_down("needs its PIN")
        self.assertEqual(self.wait_network(30), ((1, 2), 0))


class Blocked(_ScriptCase):
    options = ("--pin", "1234", "--tries", "0")

    @rows("N4")
    def test_wait_ends_at_once(self):
        self.wait_down("PUK")
        self.assertEqual(self.wait_network(30), ((1, 3), 0))


class Denied(_ScriptCase):
    def prepare(self):
        self.modem.do("registration 3")

    @rows("N5")
    def test_wait_ends_with_what_the_network_says(self):
        self.wait_cause("refuses this SIM")
        self.assertEqual(self.wait_network(2), ((2, 3), 2))


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


class NoSimModule(NoSim):
    runtime = MicroPythonModule


class DeniedModule(Denied):
    runtime = MicroPythonModule


if __name__ == "__main__":
    runner.main()
