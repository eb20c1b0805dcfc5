# SPDX-License-Identifier: MIT
"""Programs under usocket-run, and peers of theirs in the kernel's stack."""

import contextlib
import functools
import http.server
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import unittest

import harness
from harness import Tun, TunCase

RUN_S = 40

# What scripts begin with.
PRELUDE = """
import ctypes, errno, os, select, signal, socket, struct, sys, threading, time

KERNEL, STACK, SILENT = "10.9.0.1", "10.9.0.2", "10.9.0.66"
libc = ctypes.CDLL(None, use_errno=True)

def fails(number, f, *arguments):
    try:
        f(*arguments)
    except OSError as e:
        assert e.errno == number, e
        return
    raise AssertionError("no error %d of %s%s" % (number, f, arguments))

def pair():
    l = socket.socket()
    l.bind((STACK, 0))
    l.listen()
    s = socket.socket()
    s.connect(l.getsockname())
    c, _ = l.accept()
    l.close()
    return s, c

def is_ours(s):
    # The channel's name, asked without libc's wrapper being in the way.
    with open("/proc/net/unix") as f:
        inode = os.fstat(s.fileno()).st_ino
        return any(line.split()[6] == str(inode) for line in f.readlines()[1:])
"""


def usocket_run(*options):
    return [harness.program("usocket-run"), *options, "--"]


def needs(name):
    """A test of a program that may not be there."""
    def mark(test):
        @functools.wraps(test)
        def run(self, *args):
            if not shutil.which(name):
                raise unittest.SkipTest(f"{name} is not installed")
            return test(self, *args)
        return run
    return mark


class Pages(http.server.BaseHTTPRequestHandler):
    """Any path that is a number is a page of so many bytes."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        size = int(self.path.strip("/") or 5)
        self.server.peers.append(self.client_address[0])
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        while size > 0:
            part = min(size, 1 << 20)
            self.wfile.write(b"x" * part)
            size -= part

    def log_message(self, *args):
        pass


class PreloadCase(TunCase):
    """A daemon with a TUN link; the kernel's side of it has servers."""

    @classmethod
    def setUpClass(cls):
        harness.adopt_build_settings()
        if harness.is_sanitized():
            raise unittest.SkipTest("programs that are not built with the sanitizer")
        super().setUpClass()
        cls.folder = tempfile.mkdtemp(prefix="preload.", dir=harness.temporary_folder())

    def environment(self, **more):
        build = os.environ["USOCKETD_BUILDDIR"]
        library = os.path.join(build, ".libs", "libusocket-preload.so")
        return harness.child_env(**{"USOCKETD_SOCKET": self.daemon.socket,
                                    "USOCKET_PRELOAD": library,
                                    "PYTHONDONTWRITEBYTECODE": "1", **more})

    def start(self, *argv, options=(), **more):
        """A program under usocket-run, in the background."""
        process = subprocess.Popen([*usocket_run(*options), *map(str, argv)],
                                   env=self.environment(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
        self.addCleanup(harness.end_process, process)
        return process

    def run_it(self, *argv, options=(), expected=0, **more):
        """Runs one to its end; what it printed."""
        done = subprocess.run([*usocket_run(*options), *map(str, argv)],
                              env=self.environment(**more), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=RUN_S * harness.time_scale())
        text = done.stdout.decode(errors="replace")
        self.assertEqual(done.returncode, expected, text)
        return text

    def script(self, text, *arguments, options=()):
        """Runs a script in Python; it must say nothing."""
        said = self.run_it(sys.executable, "-c", PRELUDE + textwrap.dedent(text), *arguments,
                           options=options)
        self.assertEqual(said, "")

    def page_server(self, context=None):
        """HTTP on the kernel's side; it notes who asked."""
        server = http.server.ThreadingHTTPServer((Tun.KERNEL[4], 0), Pages)
        server.daemon_threads = True
        server.peers = []
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()

        def stop():
            server.shutdown()
            server.server_close()
            thread.join()
        self.addCleanup(stop)
        server.port = server.server_address[1]
        return server

    def connect_until_served(self, port):
        """A kernel socket to a server of the stack's that may not be up yet."""
        def attempt():
            s = socket.socket()
            s.settimeout(5)
            if s.connect_ex((Tun.STACK[4], port)) == 0:
                return s
            s.close()
            return None
        return self.keep(self.eventually(attempt, 20, "a server"))

    def free_port(self):
        """One nobody uses; both stacks count alike."""
        with contextlib.closing(socket.socket()) as s:
            s.bind((Tun.KERNEL[4], 0))
            return s.getsockname()[1]
