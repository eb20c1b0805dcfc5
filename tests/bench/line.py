# SPDX-License-Identifier: MIT
"""
Question 7: the link a gateway really has. A line of our own between two TUN
devices (line.c): rate, delay, loss in both directions, a queue of one product of
rate and delay, at least ten packets. The kernel's TCP and usocketd share the
far end; behind usocketd's device its namespace forwards to the line.
"""

import collections
import contextlib
import time

import paths
from frame import Contender, Group

NAME = "line"
TITLE = "a slow line: share of it that is reached; a small request beside a bulk upload"

PACKET, PAYLOAD = 1500, 1460
LEAST_QUEUE = 10 * PACKET
SETTLE_S = 2
# About what the kernel reaches on the fast line with losses: how much is transferred.
LOSSY_BITS = 4e6

Line = collections.namedtuple("Line", "name up_bits down_bits rtt_s")
FAST = Line("150 / 50 Mbit/s, 40 ms", 50e6, 150e6, 0.040)
SLOW = Line("64 kbit/s, 300 ms", 64e3, 64e3, 0.300)

# The congestion control of who sends; what usocketd sends goes by lwIP's.
KINDS = (
    ("usocketd, offload", paths.UsocketdOnLine, "reno"),
    ("kernel, cubic", paths.KernelOnLine, "cubic"),
    ("kernel, reno", paths.KernelOnLine, "reno"),
)


def arguments(line, loss):
    """What forward is told: from the client's side to the server's, then back."""
    rates = [line.up_bits / 8, line.down_bits / 8]
    queues = [max(int(rate * line.rtt_s), LEAST_QUEUE) for rate in rates]
    return (*rates, line.rtt_s / 2, loss, *queues)


def share(kind, congestion, line, loss, direction, seconds):
    def one():
        bits = line.up_bits if direction == "out" else line.down_bits
        # Uploads are limited by their length: a slow line's queues take long to empty.
        limit = int((min(bits, LOSSY_BITS) if loss else bits) / 8 * seconds)
        options = ["-t", str(int(seconds * 2000)), "-l", str(limit), "-c", congestion]
        with contextlib.closing(kind(arguments(line, loss))) as path:
            r = path.run(direction, 4, options)
        reached = r["bytes"] * 8 * PACKET / PAYLOAD / r["seconds"]
        return {"share": reached / bits, "Mbit/s": r["bytes"] * 8 / r["seconds"] / 1e6}
    return one


def bloat(kind, congestion, line, seconds):
    def one():
        with contextlib.closing(kind(arguments(line, 0))) as path:
            ping = ["-t", str(int(seconds * 1000))]
            idle = path.run("ping", 4, ping)
            with path.background("out", ["-t", "60000", "-c", congestion]):
                time.sleep(SETTLE_S)
                busy = path.run("ping", 4, ping)
        return {"idle p50 ms": idle["p50"] * 1e3, "beside p50 ms": busy["p50"] * 1e3,
                "beside p99 ms": busy["p99"] * 1e3,
                "over idle ms": (busy["p50"] - idle["p50"]) * 1e3}
    return one


def groups(_made, quick):
    for line, losses, seconds in ((FAST, (0, 0.01, 0.05), 10), (SLOW, (0, 0.01, 0.05), 20)):
        for loss in losses:
            for direction, words in (("out", "up"), ("in", "down")):
                if quick and (loss > 0.01 or line is SLOW):
                    continue
                # Most of which is slow start: it says nothing of the share.
                first = ", the first second" if quick and not loss else ""
                yield Group(NAME, f"{line.name}, {loss:.0%} loss, {words}{first}", [
                    Contender(name, share(kind, congestion, line, loss, direction,
                                          1 if quick else seconds),
                              ours=kind is paths.UsocketdOnLine)
                    for name, kind, congestion in KINDS])
    for line in (FAST, SLOW):
        if quick and line is FAST:
            continue
        yield Group(NAME, f"{line.name}, 1 B beside an upload", [
            Contender(name, bloat(kind, congestion, line, 2 if quick else 8),
                      ours=kind is paths.UsocketdOnLine)
            for name, kind, congestion in KINDS if not quick or congestion != "cubic"])
