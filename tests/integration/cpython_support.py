# SPDX-License-Identifier: MIT
"""What the cases of the CPython module share, beside slirp_support.

Pairs of the module's own sockets meet on the stack's loopback.
"""

import contextlib
import os
import subprocess
import sys
import threading
import time

import harness
import runner
from slirp_support import HOST, SlirpCase

# Before a library of the build is loaded.
runner.preload_sanitizer()
sys.path[:0] = [os.path.join(os.environ["USOCKETD_BUILDDIR"], "client/python"),
                os.path.join(os.environ["USOCKETD_SRCDIR"], "client/quecpython")]

import usocket  # noqa: E402


def run_python(*arguments, **env):
    """Runs another Python that has the modules; returns its CompletedProcess."""
    return subprocess.run([sys.executable, *arguments], text=True, encoding="utf-8",
                          capture_output=True, env=python_env(**env))


def python_env(**more):
    return dict(os.environ, PYTHONPATH=":".join(sys.path[:2]), PYTHONUTF8="1", **more)


class ModuleCase(SlirpCase):
    @classmethod
    def start_daemon(cls):
        cls.daemon.start()
        os.environ["USOCKETD_SOCKET"] = cls.daemon.socket
        usocket._wait_link(harness.READY_S)

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
        # A busy machine may hold any call up; one that misses its deadline never ends.
        self.assertTrue(least <= took <= most + 3 * harness.time_scale(), f"took {took:.3f} s")

    def later(self, seconds, function):
        timer = threading.Timer(seconds, function)
        timer.start()
        self.addCleanup(timer.join)
