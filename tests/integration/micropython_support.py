# SPDX-License-Identifier: MIT
"""Runs scripts in a MicroPython with our modules, against the real daemon.

An interpreter is one of two kinds: "c", built with the modules in C, and "ffi",
Debian's own with the modules in Python over its ffi. A case's script prints
what it found; it ends with the line "done", so that one that stopped half-way
is no success.
"""

import os
import subprocess
import sys
import unittest

import harness
from slirp_support import SlirpCase

DONE = "done"
# A script that hangs is a failure, not a reason to wait for ever.
TIMEOUT_S = 60
# MicroPython's collector reads what other stacks have left, and never frees at exit.
COLLECTOR_OPTIONS = ":detect_leaks=0:detect_stack_use_after_return=0"


def interpreter(kind):
    """Command and environment of an interpreter, or SkipTest."""
    build = os.environ["USOCKETD_BUILDDIR"]
    source = os.environ["USOCKETD_SRCDIR"]
    quecpython = os.path.join(source, "client/quecpython")
    if kind == "c":
        program = os.path.join(build, "micropython/unix/micropython-usocket")
        command, env = [program], {"MICROPYPATH": ":.frozen:" + quecpython}
    else:
        if harness.is_sanitized():
            raise unittest.SkipTest(
                "the stock interpreter cannot load the library of a sanitizer's build")
        program = os.path.join(source, ".fetched/micropython-stock/run")
        command = ["sh", os.path.join(build, "client/mpffi/usocket-micropython")]
        env = {"USOCKET_MICROPYTHON": program,
               "USOCKET_MICROPYTHON_MODULES": os.path.join(source, "client/mpffi"),
               "USOCKET_QUECPYTHON": quecpython}
    if not os.path.exists(program):
        raise unittest.SkipTest("MicroPython is not there: tools/get-micropython fetches it")
    return command, env


def start(kind, *arguments, **env):
    command, more = interpreter(kind)
    options = os.environ.get("ASAN_OPTIONS", "") + COLLECTOR_OPTIONS
    return subprocess.Popen(
        [*command, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, errors="replace",
        env=harness.child_env(**{**more, "ASAN_OPTIONS": options, **env}))


class ScriptCase(SlirpCase):
    """Cases that run in both interpreters: `kind` says which."""

    kind = "c"

    @classmethod
    def setUpClass(cls):
        harness.adopt_build_settings()
        interpreter(cls.kind)
        super().setUpClass()

    def start_script(self, code, *arguments, **env):
        path = os.path.join(self.daemon.folder, self._testMethodName + ".py")
        with open(path, "w") as f:
            f.write(code)
        env.setdefault("USOCKETD_SOCKET", self.daemon.socket)
        process = start(self.kind, path, *map(str, arguments), **env)
        self.addCleanup(self.end_script, process)
        return process

    @staticmethod
    def end_script(process):
        if process.poll() is None:
            process.kill()
        process.communicate()

    def result_of(self, process, timeout_s=TIMEOUT_S):
        out, err = process.communicate(timeout=timeout_s * harness.time_scale())
        report = harness.REPORTS.search(err)
        if report or process.returncode != 0 or not out.endswith(DONE + "\n"):
            self.fail(f"ended with {process.returncode}\n{out}\n{err}")
        return out[:-len(DONE) - 1].splitlines()

    def run_script(self, code, *arguments, **env):
        """The lines that a script printed before "done"."""
        return self.result_of(self.start_script(code + f"\nprint({DONE!r})\n",
                                                *arguments, **env))


def both_kinds(case):
    """Makes X and XFfi out of the class X."""
    module = sys.modules[case.__module__]
    ffi = type(case.__name__ + "Ffi", (case,), {"kind": "ffi", "__module__": case.__module__})
    setattr(module, ffi.__name__, ffi)
    return case
