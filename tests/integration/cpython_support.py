# SPDX-License-Identifier: MIT
"""What the cases of the CPython module share: a daemon on slirp, kernel peers.

Kernel sockets on this machine's loopback are 10.0.2.2 behind slirp. Pairs of
the module's own sockets meet on the stack's loopback.
"""

import contextlib
import os
import socket as kernel
import subprocess
import sys
import threading
import time
import unittest

import harness
import runner

# Before a library of the build is loaded.
runner.preload_sanitizer()
sys.path[:0] = [os.path.join(os.environ["USOCKETD_BUILDDIR"], "client/python"),
                os.path.join(os.environ["USOCKETD_SRCDIR"], "client/quecpython")]

import usocket  # noqa: E402

HOST = "10.0.2.2"
# An address of slirp's network that nobody has, and of which nobody says so.
SILENT = "10.0.2.200"
HOSTS = """
10.0.2.2 peer.test
127.0.0.1 self.test
fec0::2 both.test
10.0.2.2 both.test
"""


class KernelServer:
    """A kernel listener on loopback; each connection runs @handler in a thread."""

    def __init__(self, handler=None):
        self.listener = kernel.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        self.handler = handler
        if handler:
            threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            self.handler(connection)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(kernel.SHUT_RDWR)
        self.listener.close()


def echo(connection):
    while True:
        data = connection.recv(65536)
        if not data:
            return
        connection.sendall(data)


def drain(connection):
    while connection.recv(65536):
        pass


def run_python(*arguments, **env):
    """Runs another Python that has the modules; returns its CompletedProcess."""
    return subprocess.run([sys.executable, *arguments], text=True, encoding="utf-8",
                          capture_output=True, env=python_env(**env))


def python_env(**more):
    return dict(os.environ, PYTHONPATH=":".join(sys.path[:2]), PYTHONUTF8="1", **more)


def slirp_config(folder):
    hosts = os.path.join(folder, "hosts")
    with open(hosts, "w") as f:
        f.write(HOSTS)
    # Nobody answers at the server: names are those of the file.
    return {"resolver": {"hosts": hosts, "timeout": 2, "servers": "127.0.0.1"},
            "link net0": {"driver": "slirp"}}


class ModuleCase(harness.StackCase):
    @classmethod
    def make_link(cls):
        if not os.path.exists(harness.program("usocket-slirp")):
            raise unittest.SkipTest("built without the slirp driver")
        return slirp_config(harness.temporary_folder())

    @classmethod
    def start_daemon(cls):
        cls.daemon.start()
        os.environ["USOCKETD_SOCKET"] = cls.daemon.socket
        usocket._wait_link(harness.READY_S)

    def other_daemon(self, config=None, **options):
        """Another daemon, which only the test's child processes use."""
        daemon = harness.Daemon(config or slirp_config(harness.temporary_folder()),
                                name="other", **options)
        self.addCleanup(daemon.close)
        daemon.start()
        return daemon

    def server(self, handler=None):
        return self.keep(KernelServer(handler))

    def socket(self, *args, **more):
        return self.keep(usocket.socket(*args, **more))

    def udp(self):
        return self.socket(usocket.AF_INET, usocket.SOCK_DGRAM)

    def connect(self, handler):
        """A connected socket whose kernel peer runs @handler."""
        s = self.socket()
        s.settimeout(10)
        s.connect((HOST, self.server(handler).port))
        return s

    def pair(self):
        """Two connected sockets of the module, on the stack's loopback."""
        listener = self.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client = self.socket()
        client.connect(listener.getsockname())
        server = self.keep(listener.accept()[0])
        listener.close()
        for s in client, server:
            s.settimeout(10)
        return client, server

    @contextlib.contextmanager
    def raises(self, number, kind=OSError):
        """The block must raise exactly this class, with the number in args[0]."""
        with self.assertRaises(OSError) as caught:
            yield caught
        self.assertEqual(caught.exception.args[0], number, caught.exception)
        self.assertIs(type(caught.exception), kind)
        self.assertEqual(caught.exception.errno, number)

    @contextlib.contextmanager
    def takes(self, least, most):
        begin = time.monotonic()
        yield
        took = time.monotonic() - begin
        # A busy machine may hold any call up.
        self.assertTrue(least <= took <= most + 0.2 * harness.time_scale(), f"took {took:.3f} s")

    def later(self, seconds, function):
        timer = threading.Timer(seconds, function)
        timer.start()
        self.addCleanup(timer.join)
