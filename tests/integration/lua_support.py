# SPDX-License-Identifier: MIT
"""What the tests of the Lua module share: interpreters, scripts, a daemon."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import unittest

import harness

# Interpreters and the version whose module they load.
INTERPRETERS = {"lua5.4": "5.4", "lua5.3": "5.3", "lua5.1": "5.1", "luajit": "5.1"}


def module_folder(version):
    return os.path.join(os.environ["USOCKETD_BUILDDIR"], "client/lua", version, ".libs")


def has_module(interpreter):
    folder = module_folder(INTERPRETERS[interpreter])
    return bool(shutil.which(interpreter)) and os.path.exists(f"{folder}/usocket.so")


def in_each_interpreter(case):
    """Makes XLua54, XLuajit and so on out of the class _X."""
    harness.adopt_build_settings()
    module = sys.modules[case.__module__]
    found = [i for i in INTERPRETERS if has_module(i)]
    for interpreter in found or ["lua5.4"]:
        suffix = interpreter.replace(".", "").capitalize()
        made = type(case.__name__[1:] + suffix, (case,),
                    {"interpreter": interpreter, "__module__": case.__module__})
        setattr(module, made.__name__, made)
    return case


class Scripts:
    """Runs scripts in self.interpreter against self.daemon."""

    interpreter = "lua5.4"

    @classmethod
    def setUpClass(cls):
        harness.adopt_build_settings()
        if not has_module(cls.interpreter):
            raise unittest.SkipTest("built without the Lua module")
        super().setUpClass()

    @classmethod
    def environment(cls, **more):
        source = os.environ["USOCKETD_SRCDIR"]
        daemon = getattr(cls, "daemon", None)
        env = {
            "LUA_PATH": f"{source}/client/lua/?.lua;;",
            "LUA_CPATH": f"{module_folder(INTERPRETERS[cls.interpreter])}/?.so;;",
            "USOCKETD_SOCKET": daemon.socket if daemon else None,
            "LD_PRELOAD": os.environ.get("USOCKETD_SANITIZER_PRELOAD") or None,
        }
        if cls.interpreter == "luajit":
            # Its own allocator and code generator are not the sanitizer's to judge.
            env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        return harness.child_env(**{**env, **more})

    def script(self, code, name="script.lua"):
        path = os.path.join(harness.temporary_folder(), name)
        with open(path, "w") as f:
            f.write(textwrap.dedent(code))
        return path

    def start(self, *arguments, command=None, **env):
        child = subprocess.Popen([command or self.interpreter, *arguments], text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, errors="replace",
                                 env=self.environment(**env))
        self.addCleanup(self.end, child)
        return child

    @staticmethod
    def end(child):
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
        child.communicate()

    def run_lua(self, *arguments, **env):
        """The output of a script that must end well."""
        child = self.start(*arguments, **env)
        out, err = child.communicate(timeout=50)
        self.assertEqual((child.returncode, err), (0, ""), out[-3000:])
        return out

    def run_code(self, code, *arguments, **env):
        return self.run_lua(self.script(code), *map(str, arguments), **env)

    def lines(self, code, *arguments, **env):
        return self.run_code(code, *arguments, **env).splitlines()

    def source(self, name):
        return os.path.join(os.environ["USOCKETD_SRCDIR"], "tests/integration/lua", name)


class SlirpCase(Scripts, harness.StackCase):
    """A daemon on slirp, in a network of our own; kernel peers are peer.test."""

    @classmethod
    def make_link(cls):
        harness.need_slirp()
        harness.private_network()
        hosts = os.path.join(harness.temporary_folder(), "hosts")
        with open(hosts, "w") as f:
            f.write("10.0.2.2 peer.test\n")
        return {"resolver": {"hosts": hosts, "timeout": 2, "servers": "127.0.0.1"},
                "link net0": {"driver": "slirp"}}


class TunCase(Scripts, harness.TunCase):
    """A daemon whose peer is the kernel's own stack."""
