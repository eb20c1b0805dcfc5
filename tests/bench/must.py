# SPDX-License-Identifier: MIT
"""What must be reached, and whether a run has: ratios of figures of that one run."""

import collections

import stats

Row = collections.namedtuple("Row", "words figure bound at_most unit")

OFFLOAD, PLAIN = "usocketd, offload", "usocketd, no offload"
VETH, VETH_PLAIN = "kernel, veth", "kernel, veth, no offload"
IN, OUT = "1 stream into the stack, IPv4", "1 stream out of it, IPv4"
IN8, OUT8 = "8 streams into the stack, IPv4", "8 streams out of it, IPv4"
LINE = "150 / 50 Mbit/s, 40 ms"


class Missing(Exception):
    """A figure that this run has not measured."""


class Figures:
    def __init__(self, results):
        self.values = {
            (r["question"], r["title"], c["name"], name): figure["median"]
            for r in results for c in r["contenders"] for name, figure in c["figures"].items()}

    def get(self, question, title, contender, name):
        try:
            return self.values[question, title, contender, name]
        except KeyError:
            raise Missing(f"{question}: {title}: {contender}: {name}")


def _ratio(question, title, ours, theirs, name):
    return lambda f: stats.ratio(f.get(question, title, ours, name),
                                 f.get(question, title, theirs, name))


def _value(question, title, contender, name):
    return lambda f: f.get(question, title, contender, name)


def _eight(one, eight, contender):
    return lambda f: stats.ratio(f.get("bulk", eight, contender, "Gbit/s"),
                                 f.get("bulk", one, contender, "Gbit/s"))


def _growth(f):
    name = "daemon µs/message"
    return stats.ratio(f.get("scale", "10000 connections", OFFLOAD, name),
                       f.get("scale", "10 connections", OFFLOAD, name))


def _idle_memory(f):
    """The kernel's memory is that of both ends: the peer's, half of veth's, is not ours."""
    title = "10000 connections"
    return (f.get("scale", title, OFFLOAD, "daemon KB each") +
            f.get("scale", title, OFFLOAD, "kernel KB each") -
            f.get("scale", title, VETH, "kernel KB each") / 2)


def _least(words, figure, bound, unit="x"):
    return Row(words, figure, bound, False, unit)


def _most(words, figure, bound, unit="x"):
    return Row(words, figure, bound, True, unit)


def _bulk_rows():
    for title, words, plain in ((IN, "into the stack", 1.0), (OUT, "out of it", 0.75)):
        yield _least(f"offload, one stream {words}: of the kernel's over veth",
                     _ratio("bulk", title, OFFLOAD, VETH, "Gbit/s"), 0.6)
        yield _least(f"offload, one stream {words}: of slirp4netns",
                     _ratio("bulk", title, OFFLOAD, "slirp4netns", "Gbit/s"), 10)
        yield _least(f"no offload, one stream {words}: of the kernel's over veth without",
                     _ratio("bulk", title, PLAIN, VETH_PLAIN, "Gbit/s"), plain)
        yield _most(f"offload, CPU a gigabyte {words}: of the kernel's over veth",
                    _ratio("bulk", title, OFFLOAD, VETH, "all s/GB"), 2)
        yield _most(f"no offload, CPU a gigabyte {words}: of the kernel's over veth without",
                    _ratio("bulk", title, PLAIN, VETH_PLAIN, "all s/GB"), 1.2)
    for one, eight, words in ((IN, IN8, "into the stack"), (OUT, OUT8, "out of it")):
        yield _least(f"offload, eight streams {words}: of one", _eight(one, eight, OFFLOAD), 0.8)
        yield _least(f"no offload, eight streams {words}: of one", _eight(one, eight, PLAIN), 0.8)
        yield _least(f"offload, eight streams {words}: Jain",
                     _value("bulk", eight, OFFLOAD, "Jain"), 0.95, "")
        yield _least(f"no offload, eight streams {words}: Jain",
                     _value("bulk", eight, PLAIN, "Jain"), 0.95, "")


def _small_rows():
    yield _most("1-byte round trip, one core: of the kernel's over veth",
                _ratio("latency", "TCP, 1 B, one core", OFFLOAD, VETH, "p50 µs"), 1.7)
    yield _most("1-byte round trip, unpinned: of the kernel's over veth",
                _ratio("latency", "TCP, 1 B, unpinned", OFFLOAD, VETH, "p50 µs"), 1.0)
    for where in ("one core", "unpinned"):
        yield _most(f"smallest control request, {where}: of a message queue's round trip",
                    _ratio("control", f"smallest request, {where}", "usocketd",
                           "POSIX message queues", "p50 µs"), 1.5)
    yield _most("getsocketsta", _value("control", "state of a socket", "getsocketsta", "p50 ns"),
                100, "ns")
    for title in ("as client, one after the other", "as server, one after the other"):
        yield _least(f"connections a second, {title}: of the kernel's over veth",
                     _ratio("connections", title, OFFLOAD, VETH, "1/s"), 0.5)
    yield _most("daemon's cost of a message at 10 000 connections: of that at 10", _growth, 1.2)
    yield _most("memory of an idle connection, daemon and kernel", _idle_memory, 8, "KB")


def _line_rows():
    for direction in ("up", "down"):
        yield _least(f"share of the line of {LINE}, {direction}, no loss",
                     _value("line", f"{LINE}, 0% loss, {direction}", OFFLOAD, "share"), 0.95, "")
        yield _least(f"the same with 1 % loss, {direction}: of the kernel's reno",
                     _ratio("line", f"{LINE}, 1% loss, {direction}", OFFLOAD, "kernel, reno",
                            "Mbit/s"), 1.0)
    yield _most("daemon resident, idle",
                _value("board", "memory, size, start-up", "usocketd", "idle KB"), 4096, "KB")
    yield _most("small request beside an upload at 64 kbit/s, over idle",
                _value("line", "64 kbit/s, 300 ms, 1 B beside an upload", OFFLOAD, "over idle ms"),
                300, "ms")


ROWS = (*_bulk_rows(), *_small_rows(), *_line_rows())


def judge(results):
    """(words, figure, bound, verdict) of each row, as text; what was not measured says so."""
    figures = Figures(results)
    for row in ROWS:
        bound = f"{'≤' if row.at_most else '≥'} {row.bound:g}"
        try:
            value = row.figure(figures)
        except Missing:
            yield row.words, "-", bound, "not measured"
            continue
        reached = value <= row.bound if row.at_most else value >= row.bound
        yield (row.words, f"{stats.figure(value)} {row.unit}".strip(), bound,
               "reached" if reached else "NOT REACHED")


def judge_measured(results):
    """Without what this run was not to measure."""
    return [row for row in judge(results) if row[-1] != "not measured"]


def lines(rows):
    """The table in Markdown."""
    yield "| what | reached | must be | |"
    yield "|---|---|---|---|"
    for row in rows:
        yield f"| {' | '.join(row)} |"
