# SPDX-License-Identifier: MIT
"""Question 1: bulk TCP over tun, and what it costs the processor."""

import paths
import stats
from frame import Contender, Group

NAME = "bulk"
TITLE = "bulk TCP: Gbit/s, CPU seconds a gigabyte, fairness of streams"

# Who is measured, by the name in the table: ours first.
KINDS = (
    ("usocketd, offload", paths.Usocketd, (True,)),
    ("kernel, veth", paths.Veth, (True,)),
    ("kernel, 2 TUNs, vnet headers", paths.TwoTuns, (True,)),
    ("slirp4netns", paths.Slirp4netns, ()),
    ("pasta", paths.Pasta, ()),
    ("usocketd, no offload", paths.Usocketd, (False,)),
    ("kernel, veth, no offload", paths.Veth, (False,)),
    ("kernel, 2 TUNs", paths.TwoTuns, (False,)),
    ("lwIP's sockets API", paths.LwipSockets, ()),
)
# Who is measured with eight streams, in a short run.
IN_SHORT = ("usocketd", "kernel, veth")


def measure(made, kind, args, direction, n, family, time_ms):
    def one():
        path = made.get(kind, *args)
        r = path.run(direction, family, ["-n", str(n), "-t", str(time_ms)])
        gigabytes = r["bytes"] / 1e9
        figures = {"Gbit/s": r["bytes"] * 8 / r["seconds"] / 1e9}
        if n > 1:
            figures["Jain"] = stats.jain(r["rates"])
        if "cpu_daemon" in r:
            figures["daemon s/GB"] = r["cpu_daemon"] / gigabytes
        figures["client s/GB"] = r["cpu"] / gigabytes
        figures["all s/GB"] = r["cpu_all"] / gigabytes
        return figures
    return one


def groups(made, quick):
    time_ms = 250 if quick else 1500
    for family in (4,) if quick else (4, 6):
        for n in (1, 8):
            kinds = [k for k in KINDS if n == 1 or not quick or k[0].startswith(IN_SHORT)]
            for direction, words in (("in", "into the stack"), ("out", "out of it")):
                title = f"{n} stream{'s' if n > 1 else ''} {words}, IPv{family}"
                yield Group(NAME, title, [
                    Contender(name, measure(made, kind, args, direction, n, family, time_ms),
                              ours=kind is paths.Usocketd)
                    for name, kind, args in kinds])
