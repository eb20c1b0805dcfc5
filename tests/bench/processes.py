# SPDX-License-Identifier: MIT
"""Question 6: many client processes, and a small request beside all of them."""

import contextlib
import time

import paths
import stats
from frame import Contender, Group

NAME = "processes"
TITLE = "many client processes: Gbit/s together, fairness, a small request beside 63 of them"
COUNTS = (1, 8, 64)
BESIDE = 63
BACKGROUND_MS = "60000"
SETTLE_S = 0.3

KINDS = (
    ("usocketd, offload", paths.Usocketd, (True,)),
    ("kernel, veth", paths.Veth, (True,)),
    ("kernel, 2 TUNs, vnet headers", paths.TwoTuns, (True,)),
)


def together(made, kind, args, direction, n, time_ms):
    def one():
        results = made.get(kind, *args).run_many(n, direction, ["-t", str(time_ms)])
        rates = [r["bytes"] / r["seconds"] for r in results]
        return {"Gbit/s": sum(rates) * 8 / 1e9, "Jain": stats.jain(rates)}
    return one


def beside(made, kind, args, direction, time_ms):
    def one():
        path = made.get(kind, *args)
        with contextlib.ExitStack() as stack:
            for _ in range(BESIDE):
                stack.enter_context(path.background(direction, ["-t", BACKGROUND_MS]))
            time.sleep(SETTLE_S)
            r = path.run("ping", 4, ["-t", str(time_ms)])
        return {"p50 ms": r["p50"] * 1e3, "p99 ms": r["p99"] * 1e3}
    return one


def groups(made, quick):
    time_ms = 500 if quick else 2000
    for direction, words in (("in", "into the stack"), ("out", "out of it")):
        for n in COUNTS:
            if quick and n < 64:
                continue
            title = f"{n} process{'es' if n > 1 else ''} {words}"
            yield Group(NAME, title, [
                Contender(name, together(made, kind, args, direction, n, time_ms),
                          ours=kind is paths.Usocketd)
                for name, kind, args in KINDS])
        if quick and direction == "out":
            continue
        yield Group(NAME, f"1 B beside {BESIDE} bulk clients {words}", [
            Contender(name, beside(made, kind, args, direction, time_ms),
                      ours=kind is paths.Usocketd)
            for name, kind, args in KINDS])
