#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The benchmark itself: that it measures, with the least it can do, in seconds."""

import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "integration"))

import harness
import runner
import unittest


def needs_namespaces():
    harness.need_tun()
    harness.private_network()


class Bench(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        harness.adopt_build_settings()
        needs_namespaces()

    def bench(self, *arguments):
        """What a run has said, and its line of JSON."""
        with tempfile.TemporaryDirectory() as folder:
            history = os.path.join(folder, "history.json")
            # A folder of its own: the run ends what carries it in its environment.
            done = subprocess.run(
                [sys.executable, os.path.join(HERE, "bench.py"), "--quick", "--json", history,
                 *arguments], env=dict(os.environ), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(history) as f:
                return done.stdout, json.loads(f.readline())

    def contender(self, result, name):
        return next(c for c in result["contenders"] if c["name"] == name)

    def test_bulk(self):
        said, history = self.bench("--only", "bulk", "--match", "1 stream out of it, IPv4")
        result, = history["results"]
        for name in ("usocketd, offload", "usocketd, no offload", "kernel, veth",
                     "kernel, 2 TUNs"):
            figures = self.contender(result, name)["figures"]
            self.assertEqual(len(figures["Gbit/s"]["values"]), 2)
            self.assertGreater(figures["Gbit/s"]["median"], 0)
            self.assertGreater(figures["all s/GB"]["median"], 0)
        self.assertIn("offload, one stream out of it: of the kernel's over veth", said)

    def test_connections_as_server(self):
        _, history = self.bench("--only", "connections", "--match", "as server, one")
        figures = self.contender(history["results"][0], "usocketd, offload")["figures"]
        self.assertGreater(figures["1/s"]["median"], 0)

    def test_state(self):
        _, history = self.bench("--only", "control", "--match", "state")
        ours = self.contender(history["results"][0], "getsocketsta")["figures"]
        memory = self.contender(history["results"][0], "memory read")["figures"]
        self.assertGreater(ours["p50 ns"]["median"], memory["p50 ns"]["median"])

    def test_ten_connections(self):
        _, history = self.bench("--only", "scale", "--match", "10 connections")
        figures = self.contender(history["results"][0], "usocketd, offload")["figures"]
        self.assertGreater(figures["messages/s"]["median"], 0)


if __name__ == "__main__":
    runner.main()
