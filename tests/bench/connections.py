# SPDX-License-Identifier: MIT
"""Question 3: connections a second, each with one exchange."""

import paths
from frame import Contender, Group

NAME = "connections"
TITLE = "connections a second (connect, one exchange, close), CPU microseconds each"


def measure(made, kind, args, n, reverse, time_ms):
    def one():
        r = made.get(kind, *args).run("connects", 4, ["-n", str(n), "-t", str(time_ms)],
                                      reverse=reverse)
        return {"1/s": r["count"] / r["seconds"], "CPU µs": r["cpu_all"] / r["count"] * 1e6}
    return one


def groups(made, quick):
    time_ms = 200 if quick else 1000
    for title, n, reverse in (("as client, one after the other", 1, False),
                              ("as client, 8 at a time", 8, False),
                              ("as server, one after the other", 1, True),
                              ("as server, 8 at a time", 8, True)):
        if quick and n > 1:
            continue
        yield Group(NAME, title, [
            Contender(name, measure(made, kind, args, n, reverse, time_ms),
                      ours=kind is paths.Usocketd)
            for name, kind, args in paths.WITH_OFFLOAD])
