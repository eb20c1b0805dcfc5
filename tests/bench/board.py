# SPDX-License-Identifier: MIT
"""
Question 8: what it costs a small board. Instructions are the daemon's alone, as
callgrind counts them: the difference of two runs, so that starting is not in it.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time

import harness
import paths
from frame import Contender, Group, Unavailable

NAME = "board"
TITLE = "cost on a small board"
SETTLE_S = 0.3
FEW_BYTES, MANY_BYTES = 1 << 20, 9 << 20
FEW_REQUESTS, MANY_REQUESTS = 200, 1200


def resident_kb(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"^VmRSS:\s+(\d+)", f.read(), re.M).group(1))


def stripped_kb(program):
    with tempfile.NamedTemporaryFile() as f:
        subprocess.run(["strip", "-o", f.name, program], check=True)
        return os.path.getsize(f.name) / 1024


def daemon_memory():
    with contextlib.closing(paths.Usocketd(True)) as path:
        start_ms = path.start_s * 1000
        time.sleep(SETTLE_S)
        idle = resident_kb(path.daemon.pid)
        with path.many(100, ["-t", "10"]) as steps:
            steps.next()
            time.sleep(SETTLE_S)
            return {"idle KB": idle, "100 connections KB": resident_kb(path.daemon.pid),
                    "start ms": start_ms,
                    "stripped KB": stripped_kb(harness.program("usocketd"))}


def helper_memory(made, kind):
    def one():
        path = made.get(kind)
        return {"idle KB": resident_kb(path.process.pid),
                "stripped KB": stripped_kb(shutil.which(path.PROGRAM))}
    return one


def _instructions(offload, what, options):
    """What the daemon has executed in its life with one such client."""
    out = os.path.join(harness.temporary_folder(), "callgrind.out")
    prefix = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
    with contextlib.closing(paths.Usocketd(offload, prefix)) as path:
        path.run(what, 4, options)
        path.daemon.stop()
    with open(out) as f:
        return int(re.search(r"^(?:totals|summary): (\d+)", f.read(), re.M).group(1))


def instructions(offload):
    def one():
        if not shutil.which("valgrind"):
            raise Unavailable("valgrind is not installed")
        figures = {}
        for what, words in (("in", "into the stack"), ("out", "out of it")):
            few, many = (_instructions(offload, what, ["-t", "60000", "-l", str(n)])
                         for n in (FEW_BYTES, MANY_BYTES))
            figures[f"instructions/KB {words}"] = (many - few) / ((MANY_BYTES - FEW_BYTES) / 1024)
        few, many = (_instructions(offload, "ping", ["-t", "60000", "-l", str(n)])
                     for n in (FEW_REQUESTS, MANY_REQUESTS))
        figures["instructions/request"] = (many - few) / (MANY_REQUESTS - FEW_REQUESTS)
        return figures
    return one


def groups(made, quick):
    yield Group(NAME, "memory, size, start-up", [
        Contender("usocketd", daemon_memory, ours=True),
        Contender("slirp4netns", helper_memory(made, paths.Slirp4netns)),
        Contender("pasta", helper_memory(made, paths.Pasta))])
    yield Group(NAME, "instructions of the daemon", [
        Contender("offload", instructions(True), ours=True),
        *([] if quick else [Contender("no offload", instructions(False))])])
