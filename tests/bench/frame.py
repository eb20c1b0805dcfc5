# SPDX-License-Identifier: MIT
"""
The benchmark's frame: contenders that are measured in turn, and the table.

A question yields groups. A group's contenders, ours and its references, answer
the same question; each round measures every one of them once, so that whatever
the machine does meanwhile hits all alike. A measure returns figures by name.
"""

import os
import platform
import sys
import time

import stats


class Unavailable(Exception):
    """A reference that this machine does not have; its text says why."""


class Contender:
    """@measure returns a dict of figures. @ours: the references are beside it."""

    def __init__(self, name, measure, ours=False):
        self.name, self.measure, self.ours = name, measure, ours


class Group:
    def __init__(self, question, title, contenders):
        self.question, self.title, self.contenders = question, title, contenders


def _summary(values):
    return {"median": stats.median(values), "spread": stats.spread(values), "values": values}


def run_group(group, rounds):
    """What all contenders of @group have reached in @rounds rounds."""
    if rounds < 2:
        raise ValueError("taking turns needs two rounds")
    series = [{} for _ in group.contenders]
    missing = {}
    for _ in range(rounds):
        for i, contender in enumerate(group.contenders):
            if i in missing:
                continue
            try:
                figures = contender.measure()
            except Unavailable as e:
                missing[i] = str(e)
                continue
            except RuntimeError as e:
                # A reference that fails is said to; what is ours must not.
                if contender.ours:
                    raise
                missing[i] = str(e)
                continue
            for name, value in figures.items():
                series[i].setdefault(name, []).append(value)
    return {
        "question": group.question, "title": group.title,
        "contenders": [
            {"name": c.name, "ours": c.ours, "missing": missing.get(i),
             "figures": {} if i in missing else {k: _summary(v) for k, v in series[i].items()}}
            for i, c in enumerate(group.contenders)],
    }


def _cell(figure, ours):
    text = f"{stats.figure(figure['median'])} ±{figure['spread'] * 100:.0f}%"
    if ours:
        share = stats.ratio(ours["median"], figure["median"])
        text += f" x{share:.2f}" if share is not None else ""
    return text


def _rows(result):
    """Cells of a group: a line of names, then one a contender."""
    ours, rows = {}, []
    names = []
    for contender in result["contenders"]:
        names += [n for n in contender["figures"] if n not in names]
    rows.append([result["title"], *names])
    for contender in result["contenders"]:
        figures = contender["figures"]
        if contender["missing"]:
            rows.append(["  " + contender["name"], contender["missing"]])
            continue
        reference = None if contender["ours"] else ours
        rows.append(["  " + contender["name"],
                     *(_cell(figures[n], (reference or {}).get(n)) if n in figures else "-"
                       for n in names)])
        if contender["ours"]:
            ours = figures
    return rows


def table(results):
    """Lines: the references follow what is ours; xN is ours divided by theirs."""
    lines = []
    question = None
    for result in results:
        if result["question"] != question:
            question = result["question"]
            lines += ["", f"== {question}"]
        rows = _rows(result)
        widths = {}
        for row in rows:
            if len(row) == 2 and len(rows[0]) > 2:
                continue
            for i, cell in enumerate(row):
                widths[i] = max(widths.get(i, 0), len(cell))
        lines.append("")
        for row in rows:
            lines.append("  ".join(cell.ljust(widths.get(i, 0))
                                   for i, cell in enumerate(row)).rstrip())
    return lines


def _cpu_model():
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith(("model name", "Model", "Hardware")):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def machine():
    return {"cpu": _cpu_model(), "cores": len(os.sched_getaffinity(0)),
            "kernel": platform.release(), "arch": platform.machine(),
            "load": os.getloadavg()[0], "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def machine_line(about):
    return (f"{about['cpu']}, {about['cores']} cores, {about['arch']}, Linux {about['kernel']}, "
            f"load {about['load']:.1f} at the start, {about['time']}")


def progress(text):
    print(text, file=sys.stderr, flush=True)
