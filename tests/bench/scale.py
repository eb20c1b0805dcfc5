# SPDX-License-Identifier: MIT
"""
Question 5: from ten to ten thousand connections. Each measure has a path of its
own, so that memory which an earlier one has left behind hides nothing. The
kernel's memory is the whole machine's slab: both ends of the connections, and
whatever else goes on meanwhile; but not what the kernel only remembers, as of
files that other programs have looked at, and gives up for the asking.
"""

import contextlib
import resource
import time

import paths
from frame import Contender, Group, Unavailable

NAME = "scale"
TITLE = ("scale: connections that are idle, one of them transferring, and all with 32-byte "
         "messages")
COUNTS = (10, 100, 1000, 10000)
SETTLE_S = 0.2
# Of fewer connections memory is what else happens.
MEMORY_FROM = 1000

KINDS = (
    ("usocketd, offload", paths.Usocketd, (True, (), 16384)),
    ("kernel, veth", paths.Veth, (True,)),
)


def drop_caches():
    """Of names and inodes that nobody has open."""
    with contextlib.suppress(OSError), open("/proc/sys/vm/drop_caches", "w") as f:
        f.write("2")


def slab_kb():
    """What the kernel has in use for objects of all kinds."""
    drop_caches()
    with open("/proc/meminfo") as f:
        return sum(int(line.split()[1]) for line in f
                   if line.startswith(("Slab:", "PageTables:", "Percpu:")))


def process_kb(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return sum(int(line.split()[1]) for line in f if line.startswith("Pss:"))


def _memory(path, client, before):
    time.sleep(SETTLE_S)
    now = {"kernel": slab_kb(), "client": process_kb(client)}
    if "daemon" in path.helpers:
        now["daemon"] = process_kb(path.helpers["daemon"])
    return {name: value - before.get(name, 0) for name, value in now.items()}


def _before(path):
    time.sleep(SETTLE_S)
    before = {"kernel": slab_kb()}
    if "daemon" in path.helpers:
        before["daemon"] = process_kb(path.helpers["daemon"])
    return before


def _measure(path, n, time_ms):
    path.server(4)
    path.run("ping", 4, ["-t", "20"])
    before = _before(path)
    with path.many(n, ["-t", str(time_ms)]) as steps:
        opened = steps.next()
        memory = _memory(path, steps.process.pid, before) if n >= MEMORY_FROM else {}
        steps.go_on()
        bulk = steps.next()
        steps.go_on()
        messages = steps.next()
        steps.go_on()
        closed = steps.next()
    figures = {"open µs each": opened["seconds"] / n * 1e6,
               "close µs each": closed["seconds"] / n * 1e6,
               "Gbit/s": bulk["bytes"] * 8 / bulk["seconds"] / 1e9,
               "messages/s": messages["count"] / messages["seconds"],
               "CPU µs/message": messages["cpu_all"] / messages["count"] * 1e6}
    if "cpu_daemon" in messages:
        figures["daemon µs/message"] = messages["cpu_daemon"] / messages["count"] * 1e6
    for name, kb in memory.items():
        figures[name + " KB each"] = kb / n
    return figures


def measure(kind, args, n, time_ms):
    def one():
        if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < n + 1000:
            raise Unavailable("too few descriptors allowed (RLIMIT_NOFILE)")
        with contextlib.closing(kind(*args)) as path:
            return _measure(path, n, time_ms)
    return one


def groups(_made, quick):
    time_ms = 200 if quick else 1000
    for n in (COUNTS[0], COUNTS[-1]) if quick else COUNTS:
        yield Group(NAME, f"{n} connections", [
            Contender(name, measure(kind, args, n, time_ms), ours=kind is paths.Usocketd)
            for name, kind, args in KINDS])
