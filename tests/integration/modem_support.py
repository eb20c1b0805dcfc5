# SPDX-License-Identifier: MIT
"""What the tests of the modem driver share: a simulated modem (tests/modem-sim),
whose network is the host's loopback or the kernel behind a TUN device, and a
daemon with a link over it.

With `speed` the clocks of the modem, the daemon and its helpers run so many
times faster (fastclock.c): what takes minutes by the table of the link's states
takes seconds. Times in a test are those of the daemon, as the table has them.
"""

import os
import socket
import subprocess
import tempfile
import unittest

import harness
import usock
from harness import Daemon, StackCase, Tun, eventually

HOST = "10.0.2.2"
GUEST = "10.0.2.15"
PEER_WAIT_S = 10


def fast_environment(speed):
    """For a program whose clock is to run @speed times faster."""
    if speed == 1:
        return {}
    path = os.path.join(os.environ["USOCKETD_BUILDDIR"], "tests", "integration", ".libs",
                        "fastclock.so")
    if not os.path.exists(path):
        raise unittest.SkipTest("fastclock.so is not built: make check builds it")
    before = os.environ.get("USOCKETD_SANITIZER_PRELOAD", "")
    return {"LD_PRELOAD": f"{before} {path}".strip(), "FASTCLOCK": str(speed)}


def need_modem():
    if not os.path.exists(harness.program("modem-sim")):
        raise unittest.SkipTest("the simulator needs usocket-slirp (--disable-slirp?)")


class Modem:
    """One simulator, with a control socket for its faults."""

    def __init__(self, *options, speed=1):
        self.folder = tempfile.mkdtemp(prefix="modem.", dir=harness.temporary_folder())
        self.device = os.path.join(self.folder, "tty")
        self.path = os.path.join(self.folder, "control")
        self.log = open(os.path.join(self.folder, "log"), "a+")
        self.process = subprocess.Popen(
            [harness.program("modem-sim"), "--control", self.path, *options, self.device],
            env=harness.child_env(**fast_environment(speed)), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=self.log)
        self.control = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.control.settimeout(PEER_WAIT_S)
        self.control.bind(os.path.join(self.folder, "client"))
        if self.process.stdout.readline() != b"ready\n":
            self.log.seek(0)
            raise AssertionError(f"modem-sim: {self.log.read()}")

    def tell(self, command):
        """Returns the simulator's answer, pairs of what it counts."""
        self.control.sendto(command.encode(), self.path)
        answer = self.control.recv(1000).decode()
        if answer.startswith("error"):
            raise ValueError(f"modem-sim: {command}: {answer}")
        return answer

    def do(self, command):
        """Returns how often the modem has been called, and reset."""
        words = self.tell(command).split()
        return int(words[1]), int(words[3])

    def counts(self):
        return self.do("status")

    def close(self):
        self.process.terminate()
        try:
            code = self.process.wait(PEER_WAIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.process.stdout.close()
        self.control.close()
        self.log.seek(0)
        text = self.log.read()
        self.log.close()
        if code or harness.REPORTS.search(text):
            raise AssertionError(f"modem-sim ended with {code}: {text}")


class ModemCase(StackCase):
    """
    A modem and a daemon for each test. Subclasses say what is special: @options
    of the simulator, @keys of the link, other sections of the configuration, and
    by how much time is to run faster.
    """

    options = ()
    keys = {}
    sections = {}
    speed = 1

    @classmethod
    def setUpClass(cls):
        harness.adopt_build_settings()
        need_modem()
        if os.geteuid() == 0:
            harness.private_network()

    @classmethod
    def tearDownClass(cls):
        pass

    def setUp(self):
        self.modem = Modem(*self.options, speed=self.speed)
        self.addCleanup(self.modem.close)
        self.prepare()
        link = {"driver": "modem", "device": self.modem.device, "apn": "internet", **self.keys}
        self.daemon = Daemon({"link wan": link, **self.sections},
                             env=fast_environment(self.speed))
        self.addCleanup(self.daemon.close)
        harness.let_threads_end()
        self.daemon.start()
        usock.set_socket_path(self.daemon.socket)

    def prepare(self):
        """What is to be so before the daemon starts."""

    def tearDown(self):
        self.daemon.stop()

    def link(self):
        return usock.links()[0]

    def is_up(self):
        return self.link().state == usock.LINK_UP

    def wait_up(self, within=20):
        usock.wait_link(within * 1000 * harness.time_scale())

    def wait_cause(self, words, within=20):
        eventually(lambda: words in self.link().cause.decode(), within, words)

    def wait_down(self, words, within=20):
        self.wait_cause(words, within)
        self.assertEqual(self.link().state, 0)

    def server(self):
        """A kernel listener, and its address as the stack has it."""
        s = self.keep(socket.socket())
        s.settimeout(PEER_WAIT_S)
        s.bind(("127.0.0.1", 0))
        s.listen()
        return s, (HOST, s.getsockname()[1])

    def connected(self):
        listener, address = self.server()
        s = self.tcp()
        s.connect_timeout(address, 20000)
        peer, _ = listener.accept()
        self.keep(peer)
        peer.settimeout(PEER_WAIT_S)
        return s, peer

    def passes_data(self):
        s, peer = self.connected()
        s.send(b"question")
        self.assertEqual(peer.recv(100), b"question")
        peer.sendall(b"answer")
        self.assertEqual(s.recv_exactly(6), b"answer")
        return s, peer

    def children(self):
        """The daemon's, by their process ids."""
        with open(f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/children") as f:
            return [int(pid) for pid in f.read().split()]

    def helper_pid(self):
        pid, = self.children()
        return pid


class TunModemCase(ModemCase):
    """
    The kernel is the network behind the modem: it can call the stack as well. It
    takes packets for both addresses.
    """

    ADDRESSES = Tun.STACK[4], Tun.HAND[4]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        tun = Tun()
        cls.addClassCleanup(tun.close)
        cls.options = ("--tun", tun.DEVICE, "--address", tun.STACK[4], *cls.options)

    def server(self):
        s = self.keep(socket.socket())
        s.settimeout(PEER_WAIT_S)
        s.bind((Tun.KERNEL[4], 0))
        s.listen()
        return s, s.getsockname()

    def dial_in(self, listener):
        """A kernel socket that has called a listening usocket."""
        s = self.keep(socket.socket())
        s.settimeout(PEER_WAIT_S)
        s.connect((self.link().address4.text(), listener.getsockname()[1]))
        return s
