#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Unmodified programs over the stack: runs the lines of programs.list."""

import os
import shlex
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))

import runner  # noqa: E402
from harness import Tun, eventually  # noqa: E402
from programs_support import HERE as FILES, ProgramCase, fill_in, sha256  # noqa: E402

COLUMNS = ("name", "direction", "server", "client", "proof", "bytes")
UNITS = {"M": 1000 * 1000}


def read_list():
    """The lines, as dictionaries."""
    with open(os.path.join(FILES, "programs.list")) as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                cells = [cell.strip().replace("¦", "|") for cell in line.split(" | ")]
                yield dict(zip(COLUMNS, cells, strict=True))


def size_of(text):
    return int(text.rstrip("M")) * UNITS.get(text[-1], 1)


class _Programs(ProgramCase):
    carried = 0

    @classmethod
    def tearDownClass(cls):
        """The daemon has counted all of it as well."""
        eventually(lambda: cls.link_bytes() >= cls.carried, what="the link's statistics")
        super().tearDownClass()

    def run_line(self, line):
        in_stack = line["direction"] == "in"
        values = {**self.values, "at": (Tun.STACK if in_stack else Tun.KERNEL)[4],
                  "out": os.path.join(self.folder, line["name"] + ".out")}
        before = self.device_bytes()
        if line["server"].startswith("@"):
            values["port"] = getattr(self, "peer_" + line["server"][1:])()
        else:
            values["port"] = self.free_port()
            self.start_server(line["server"], values, in_stack)
        values["sshopts"] = shlex.join(self.ssh.client_options("-o", "LogLevel=ERROR"))
        said = self.run_client(fill_in(line["client"], values), not in_stack)
        self.prove(fill_in(line["proof"], values), said)
        carried, wanted = self.device_bytes() - before, size_of(line["bytes"])
        self.assertGreaterEqual(carried, wanted)
        type(self).carried += wanted

    def start_server(self, text, values, in_stack):
        values["sshd"] = shlex.join(self.ssh.server(values["port"]))
        for name in os.listdir(FILES):
            if name.endswith(".conf"):
                with open(os.path.join(FILES, name)) as f, \
                        open(os.path.join(self.folder, name), "w") as out:
                    out.write(fill_in(f.read(), values))
        log = values["out"] + ".server"
        process = self.serve(fill_in(text, values), in_stack, log)
        self.wait_for_server(process, values["port"], in_stack, log)

    def prove(self, proof, said):
        kind, _, rest = proof.partition(" ")
        if kind == "same":
            a, b = rest.split()
            wanted = os.path.getsize(a)
            # A server may still write what has come.
            self.eventually(lambda: os.path.exists(b) and os.path.getsize(b) >= wanted, 10, b)
            self.assertEqual(sha256(a), sha256(b))
        elif kind == "text":
            self.assertEqual(said.strip(), rest)
        elif kind == "has":
            self.assertIn(rest, said)
        else:
            raise ValueError(f"no proof: {proof}")


def test_of(line):
    def test(self):
        self.run_line(line)
    test.deadline_s = 120
    return test


class Out(_Programs):
    """Clients under usocket-run."""


class In(_Programs):
    """Servers under usocket-run."""


for _line in read_list():
    _case = {"out": Out, "in": In}[_line["direction"]]
    setattr(_case, "test_" + _line["name"], test_of(_line))

if __name__ == "__main__":
    runner.main()
