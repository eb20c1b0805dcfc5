#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Four interpreters on one daemon, mixed traffic, one of them killed now and then.

MicroPython with the modules in C and over ffi, CPython and Lua each run a script
that connects, listens, sends datagrams, looks names up and is refused, without
an end. Every moment one of them is killed as a crash would, and started again;
the others must notice nothing, and the daemon must be as before in the end.

$MIXED_SECONDS is how long (default 10).
"""

import os
import random
import socket
import subprocess
import sys
import threading
import time
import unittest

import harness
import lua_support
import micropython_support
import runner
import usock
from slirp_support import HOST, SlirpCase, echo

HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = float(os.environ.get("MIXED_SECONDS", "10"))
KILL_EVERY_S = 2


def cpython():
    folder = os.path.join(os.environ["USOCKETD_BUILDDIR"], "client/python")
    if not os.path.exists(os.path.join(folder, "usocket/_core.abi3.so")):
        raise unittest.SkipTest("built without the CPython module")
    return [sys.executable, os.path.join(HERE, "mixed_worker.py")], {
        **os.environ, "PYTHONPATH": folder, "PYTHONUTF8": "1"}


def micropython(kind):
    command, env = micropython_support.interpreter(kind)
    options = os.environ.get("ASAN_OPTIONS", "") + micropython_support.COLLECTOR_OPTIONS
    return ([*command, os.path.join(HERE, "mixed_worker.py")],
            harness.child_env(**{**env, "ASAN_OPTIONS": options}))


def lua():
    scripts = lua_support.Scripts
    if not lua_support.has_module(scripts.interpreter):
        raise unittest.SkipTest("built without the Lua module")
    return [scripts.interpreter, os.path.join(HERE, "mixed_worker.lua")], scripts.environment()


class UdpEcho:
    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while True:
            data, peer = self.socket.recvfrom(2048)
            if data == b"over":
                return
            self.socket.sendto(data, peer)

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"over", ("127.0.0.1", self.port))
        self.thread.join()
        self.socket.close()


class Worker:
    def __init__(self, name, command, env, arguments):
        self.name = name
        self.command, self.env = [*command, *arguments], env
        self.n_kills = 0
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            self.command, env=self.env, stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def kill(self):
        self.process.kill()
        self.process.communicate()
        self.n_kills += 1

    def ended(self):
        """What it said, if it has ended by itself."""
        if self.process.poll() is None:
            return None
        return f"{self.name} ended with {self.process.returncode}: " \
               f"{self.process.communicate()[0]}"

    def result(self):
        out, _ = self.process.communicate(timeout=60 * harness.time_scale())
        if self.process.returncode != 0 or not out.startswith("done "):
            raise AssertionError(f"{self.name} ended with {self.process.returncode}: {out}")
        return int(out.split()[1])


class Mixed(SlirpCase):
    slow = True
    deadline_s = SECONDS + 60

    def workers(self, *arguments):
        made = []
        for name, interpreter in (
                ("MicroPython, C", lambda: micropython("c")),
                ("MicroPython, ffi", lambda: micropython("ffi")),
                ("CPython", cpython),
                ("Lua", lua)):
            try:
                command, env = interpreter()
            except unittest.SkipTest as e:
                print(f"without {name}: {e}")
                continue
            worker = Worker(name, command, dict(env, USOCKETD_SOCKET=self.daemon.socket),
                            [str(a) for a in arguments])
            self.addCleanup(worker.kill)
            made.append(worker)
        return made

    def resident_kb(self):
        with open(f"/proc/{self.daemon.pid}/status") as f:
            for line in f:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
        raise AssertionError("no RssAnon")

    def test_others_notice_nothing(self):
        usock.set_socket_path(self.daemon.socket)
        usock.status()
        stop = os.path.join(harness.temporary_folder(), "stop")
        before = self.daemon.fds()
        workers = self.workers(HOST, self.server(echo).port, self.keep(UdpEcho()).port, stop)
        order = random.Random(7)
        end = time.monotonic() + SECONDS
        early = None
        while time.monotonic() < end:
            time.sleep(KILL_EVERY_S)
            for worker in workers:
                self.assertIsNone(worker.ended())
            victim = order.choice(workers)
            victim.kill()
            victim.start()
            early = early or self.resident_kb()
        with open(stop, "w"):
            pass
        rounds = [worker.result() for worker in workers]
        print("rounds since the last start:",
              ", ".join(f"{w.name} {n} ({w.n_kills} kills)" for w, n in zip(workers, rounds)))
        self.eventually(lambda: usock.status().sockets == 0)
        self.eventually(lambda: self.daemon.fds() <= before + 1)
        late = self.resident_kb()
        print(f"the daemon's own memory: {early} kB, then {late} kB")
        if not harness.is_sanitized():
            # Connections in TIME-WAIT are part of it; a leak would go on for ever.
            self.assertLess(late, early + 8192)


if __name__ == "__main__":
    runner.main()
