# SPDX-License-Identifier: MIT
"""Question 4: what a request to the daemon costs, and a look into shared memory."""

import json
import os
import subprocess

import paths
from frame import Contender, Group

NAME = "control"
TITLE = "control: round trips of the smallest request (a TTL set), getsocketsta()"


def measure(made, what, time_ms, cores):
    def one():
        daemon = made.get(paths.Usocketd, True).daemon
        os.environ["USOCKETD_SOCKET"] = daemon.socket
        paths.pin(daemon.pid, cores or os.sched_getaffinity(0))
        process = paths.start([paths.built_program("control"), what, str(time_ms)], cores,
                              stdout=subprocess.PIPE)
        out, _ = process.communicate(timeout=paths.PATIENCE_S)
        if process.returncode:
            raise RuntimeError(f"control {what} ended with {process.returncode}")
        r = json.loads(out)
        if what in ("script", "state", "memory"):
            return {"p50 ns": r["p50"] * 1e9}
        return {"1/s": r["count"] / r["seconds"], "p50 µs": r["p50"] * 1e6,
                "p99 µs": r["p99"] * 1e6}
    return one


def groups(made, quick):
    time_ms = 200 if quick else 1000
    for where, cores in (("one core", {min(os.sched_getaffinity(0))}), ("unpinned", None)):
        yield Group(NAME, f"smallest request, {where}", [
            Contender("usocketd", measure(made, "request", time_ms, cores), ours=True),
            Contender("POSIX message queues", measure(made, "queue", time_ms, cores)),
            Contender("AF_UNIX pair", measure(made, "unix", time_ms, cores))])
    yield Group(NAME, "state of a socket", [
        Contender("getsocketsta", measure(made, "script", time_ms, None), ours=True),
        Contender("by descriptor alone", measure(made, "state", time_ms, None)),
        Contender("memory read", measure(made, "memory", time_ms, None))])
