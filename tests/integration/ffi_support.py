# SPDX-License-Identifier: MIT
"""What the tests of MicroPython's modules over ffi share."""

import os
import signal
import subprocess
import textwrap
import unittest

import harness

# What scripts begin with.
PRELUDE = """
import gc, sys, time
import usocket, socket

def raises(kind, f, *arguments):
    try:
        f(*arguments)
    except kind as e:
        return e
    raise AssertionError("no %s of %s" % (kind, arguments))

def fails(number, f, *arguments):
    e = raises(OSError, f, *arguments)
    assert e.args[0] == number, e.args

def takes(seconds, f, *arguments):
    begin = time.ticks_ms()
    f(*arguments)
    took = time.ticks_diff(time.ticks_ms(), begin)
    assert seconds * 1000 - 1 <= took < seconds * 1000 + 3000, took

def pair(module=usocket):
    l = module.socket()
    l.bind(("127.0.0.1", 0))
    l.listen()
    s = module.socket()
    s.connect(l.getsockname())
    made = l.accept()
    l.close()
    return s, made[0]
"""


class Ffi:
    """The stock interpreter, with the launcher of the build on the modules of the source."""

    def __init__(self):
        source, build = os.environ["USOCKETD_SRCDIR"], os.environ["USOCKETD_BUILDDIR"]
        self.interpreter = os.path.join(source, ".fetched/micropython-stock/run")
        self.launcher = os.path.join(build, "client/mpffi/usocket-micropython")
        self.modules = os.path.join(source, "client/mpffi")
        self.env = {
            "USOCKET_MICROPYTHON": self.interpreter,
            "USOCKET_MICROPYTHON_MODULES": self.modules,
            "USOCKET_QUECPYTHON": os.path.join(source, "client/quecpython"),
        }

    def skip_reason(self):
        if not os.path.exists(self.interpreter):
            return "MicroPython is not there: tools/get-micropython fetches it"
        if harness.is_sanitized():
            return "the stock interpreter cannot load the library of a sanitizer's build"
        return None


class FfiCase(harness.TunCase):
    """Runs scripts against self.daemon; the kernel's stack is the peer."""

    ffi = None

    @classmethod
    def setUpClass(cls):
        harness.adopt_build_settings()
        cls.ffi = Ffi()
        reason = cls.ffi.skip_reason()
        if reason:
            raise unittest.SkipTest(reason)
        super().setUpClass()

    def script(self, code, name="script.py"):
        path = os.path.join(self.daemon.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(textwrap.dedent(code))
        return path

    def start(self, *command, cwd=None, **env):
        env = harness.child_env(**{"USOCKETD_SOCKET": self.daemon.socket,
                                   **self.ffi.env, **env})
        child = subprocess.Popen(command, text=True, env=env, cwd=cwd or self.daemon.folder,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE)
        self.addCleanup(self.end, child)
        return child

    @staticmethod
    def end(child):
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
        child.communicate()

    def launch(self, *arguments, stdin=None, **options):
        """The launcher's exit status, output and errors."""
        child = self.start(self.ffi.launcher, *arguments, **options)
        out, err = child.communicate(stdin, timeout=60)
        return child.returncode, out, err

    def run_script(self, code, *arguments, **options):
        """Its output; it must end well."""
        code, out, err = self.launch(self.script(code), *map(str, arguments), **options)
        self.assertEqual((code, err), (0, ""), out)
        return out

    def check(self, code, *arguments):
        """Runs a script of assertions: it must say nothing."""
        self.assertEqual(self.run_script(PRELUDE + code, *arguments), "")
