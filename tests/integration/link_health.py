#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Links that seem to be up, and what is done about failures.

A simulated modem whose network drops every packet while PPP stays up, one that
only its power script wakes; a TUN whose far side goes silent. Clocks run faster
where the table of states has minutes.
"""

import errno
import os
import socket
import subprocess
import sys
import threading
import time

import fakedns
import harness
import runner
import usock
from harness import StackCase, Tun, eventually, ip
from modem_support import HOST, ModemCase, fast_environment

LINK_DEGRADED = 7
NAME_SERVER = "10.0.2.3"
REASON_SIM_MISSING, REASON_BARRED, REASON_NO_DATA, REASON_IDLE = 9, 15, 23, 24


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
        try:
            s = usock.Sock()
        except OSError:
            # The daemon has been stopped meanwhile.
            return
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


class OnDemand(_Watched, ModemCase):
    """A link that sleeps until somebody needs it, and is hung up when idle."""

    keys = {"dial": "demand", "idle_timeout": "20"}
    speed = 4

    def prepare(self):
        self.dns = self.keep(fakedns.FakeDns())
        self.dns.zone["one.example", fakedns.A] = [HOST]
        self.sections = {"resolver": {"servers": f"{HOST}:{self.dns.port}", "hosts": "none"}}

    def is_asleep(self):
        link = self.link()
        return (link.state, link.reason) == (usock.LINK_DOWN, REASON_IDLE)

    def sleeps(self, calls):
        eventually(self.is_asleep, 30, "asleep")
        self.assertEqual(self.modem.counts()[0], calls)

    def test_connect_wakes_it_and_silence_hangs_it_up(self):
        self.sleeps(0)
        self.assertEqual(self.link().retry_ns, 0)
        s, peer = self.passes_data()
        self.assertEqual(self.modem.counts()[0], 1)
        eventually(self.is_asleep, 30, "hung up")
        self.assertIn("up -> down (no packet for 20 s)", self.daemon.log())
        # The connection has outlived it, and wakes it when it has something to say.
        s.send(b"still here")
        self.assertEqual(peer.recv(100), b"still here")
        self.assertEqual(self.modem.counts()[0], 2)

    def test_packets_keep_it_up(self):
        s, peer = self.passes_data()
        for _ in range(16):
            time.sleep(0.5)
            s.send(b"x")
            self.assertEqual(peer.recv(100), b"x")
        self.assertEqual(self.modem.counts()[0], 1)

    def test_look_up_wakes_it(self):
        self.sleeps(0)
        found = usock.getaddrinfo("one.example", family=socket.AF_INET)
        self.assertEqual({entry.address[0] for entry in found}, {HOST})

    def test_connect_to_a_name_wakes_it(self):
        listener, address = self.server()
        s = self.tcp()
        with self.fails(errno.EINPROGRESS):
            s.connect_name("one.example", address[1])
        s.connect_wait(20000)
        self.keep(listener.accept()[0])

    def test_datagrams_wake_it_and_arrive_in_order(self):
        server = self.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)
        s = usock.Sock(socket.AF_INET, socket.SOCK_DGRAM)
        for i in range(5):
            s.sendto(b"reading %d" % i, (HOST, server.getsockname()[1]))
        # Whoever has written and closed has done its part.
        s.close()
        for i in range(5):
            self.assertEqual(server.recv(100), b"reading %d" % i)
        eventually(lambda: not list(usock.sockets()), what="the socket has ended")

    def test_connected_datagrams_wake_it(self):
        server = self.keep(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)
        s = self.udp()
        s.connect((HOST, server.getsockname()[1]))
        s.send(b"question")
        data, peer = server.recvfrom(100)
        server.sendto(data + b": answer", peer)
        self.assertEqual(s.recv(100), b"question: answer")

    def test_who_waits_for_a_link_wakes_it(self):
        self.sleeps(0)
        self.wait_up()
        self.assertEqual(self.modem.counts()[0], 1)

    def test_refused_link_is_not_waited_for(self):
        self.modem.do("sim out")
        s = self.tcp()
        with self.fails(errno.EHOSTUNREACH):
            s.connect_timeout((HOST, 9), 20000)
        self.assertEqual(self.link().reason, REASON_SIM_MISSING)
        with self.fails(errno.EHOSTUNREACH):
            self.udp().sendto(b"x", (HOST, 9))


class Refused(_Watched, ModemCase):
    """No SIM: no use in trying, before it may be another one."""

    options = ("--no-sim",)

    def test_is_tried_again_when_the_modem_is_plugged_in_anew(self):
        self.wait_down("no SIM")
        self.assertEqual((self.link().is_refused, self.link().retry_ns), (1, 0))
        self.modem.do("plug off")
        time.sleep(2.5)
        self.modem.do("sim ready")
        self.modem.do("plug on")
        self.wait_up()
        self.passes_data()


class Barred(_Watched, ModemCase):
    """The network denies registration: three times three minutes, then it is final."""

    speed = 40

    def prepare(self):
        self.modem.do("registration denied")

    def test_is_given_up_and_tried_again_when_asked(self):
        eventually(lambda: self.link().is_refused, 60, "given up")
        link = self.link()
        self.assertEqual((link.state, link.reason), (usock.LINK_DOWN, REASON_BARRED))
        self.assertRegex(link.cause.decode(), "^refused 3 times: ")
        self.assertEqual(self.modem.counts()[0], 0)
        self.modem.do("registration home")
        subprocess.run([harness.program("usocketctl"), "link", "up", "wan"], check=True,
                       env=harness.child_env(USOCKETD_SOCKET=self.daemon.socket))
        self.wait_up()
        self.passes_data()


class PowerScript(_Watched, ModemCase):
    """A modem that hears nothing any more, not even that it is to restart."""

    options = ("--start", "dead")
    speed = 4

    def prepare(self):
        self.script = os.path.join(self.modem.folder, "power")
        with open(self.script, "w") as f:
            f.write(f"""#!{sys.executable} -S
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.sendto(b"power cycle", {self.modem.path!r})
print("power of", *sys.argv[1:], flush=True)
# A sanitizer that is preloaded into the daemon would count Python's leaks.
os._exit(0)
""")
        os.chmod(self.script, 0o755)
        self.keys = {"power_script": self.script}

    def test_is_run_when_nothing_else_has_helped(self):
        self.wait_up(120)
        self.passes_data()
        log = self.daemon.log()
        self.assertIn(f"power script: power of wan {self.modem.device}", log)
        self.assertIn("the power script has done its work", log)
        self.assertLess(log.index("retry 2: reset"), log.index("retry 3: power"))


if __name__ == "__main__":
    runner.main()
