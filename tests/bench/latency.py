# SPDX-License-Identifier: MIT
"""Question 2: how long a small request takes, pinned on one core and unpinned."""

import contextlib
import os
import time

import paths
from frame import Contender, Group

NAME = "latency"
TITLE = "latency of a request and its answer: microseconds, and CPU microseconds each"

# Until the block is over; the transfer is under way after a moment.
BACKGROUND_MS = "60000"
SETTLE_S = 0.1


def measure(made, kind, args, options, cores, beside=None):
    def one():
        path = made.get(kind, *args)
        with (path.background(beside, ["-t", BACKGROUND_MS]) if beside
              else contextlib.nullcontext()):
            if beside:
                time.sleep(SETTLE_S)
            r = path.run("ping", 4, options, cores)
        return {
            "p50 µs": r["p50"] * 1e6, "p99 µs": r["p99"] * 1e6, "p99.9 µs": r["p999"] * 1e6,
            **({} if beside else {"CPU µs": r["cpu_all"] / r["count"] * 1e6}),
        }
    return one


def groups(made, quick):
    time_ms = 200 if quick else 1000
    one_core = {min(os.sched_getaffinity(0))}
    for protocol, flags in (("TCP", []), ("UDP", ["-d"])):
        for size in (1, 1024):
            for where, cores in (("one core", one_core), ("unpinned", None)):
                if quick and size > 1:
                    continue
                options = [*flags, "-s", str(size), "-t", str(time_ms)]
                yield Group(NAME, f"{protocol}, {size} B, {where}", [
                    Contender(name, measure(made, kind, args, options, cores),
                              ours=kind is paths.Usocketd)
                    for name, kind, args in paths.WITH_OFFLOAD])
    for beside, words in (("in", "into the stack"), ("out", "out of it")):
        options = ["-s", "1", "-t", str(time_ms)]
        yield Group(NAME, f"TCP, 1 B, beside a bulk transfer {words}, unpinned", [
            Contender(name, measure(made, kind, args, options, None, beside),
                      ours=kind is paths.Usocketd)
            for name, kind, args in paths.WITH_OFFLOAD])
