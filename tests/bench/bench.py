#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
Measures usocketd beside its references: `make bench`.

One module a question; each group of a question is measured in rounds in which
every contender has its turn. The table at the end has medians, ± half the
distance of the quartiles, and behind each reference's figure how many times it
usocketd reaches (xN, of the usocketd line above). All of it happens in network
namespaces of this process: nothing leaves the machine.

usage: bench.py [--quick] [--rounds N] [--only QUESTION]... [--match TEXT] [--json FILE]
                [--doc]
"""

import argparse
import contextlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))

import docpart
import harness

harness.adopt_build_settings()

import bindings
import board
import bulk
import connections
import control
import frame
import latency
import line
import must
import paths
import processes
import scale

QUESTIONS = (bulk, latency, connections, control, scale, processes, line, board,
             bindings)
DESCRIPTORS = 65536
ROUNDS, QUICK_ROUNDS = 5, 2


def parse_arguments():
    parser = argparse.ArgumentParser(prog="bench.py", description="Measures usocketd.")
    parser.add_argument("--quick", action="store_true", help="less of each, under 3 minutes")
    parser.add_argument("--rounds", type=int, metavar="N", help="turns of each, at least 2")
    parser.add_argument("--only", action="append", choices=[q.NAME for q in QUESTIONS],
                        metavar="QUESTION", help=", ".join(q.NAME for q in QUESTIONS))
    parser.add_argument("--match", default="", metavar="TEXT",
                        help="groups with TEXT in their title only")
    parser.add_argument("--json", metavar="FILE", help="adds a line with all figures to FILE")
    parser.add_argument("--doc", action="store_true", help="writes doc/performance.md")
    arguments = parser.parse_args()
    if arguments.rounds is None:
        arguments.rounds = QUICK_ROUNDS if arguments.quick else ROUNDS
    if arguments.rounds < 2:
        parser.error("taking turns needs two rounds")
    return arguments


def allow_many_descriptors():
    """Ten thousand connections at both ends; where it is forbidden they are left out."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(hard, DESCRIPTORS),) * 2)
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def measure(arguments, made):
    results = []
    for question in QUESTIONS:
        if arguments.only and question.NAME not in arguments.only:
            continue
        for group in question.groups(made, arguments.quick):
            if arguments.match not in group.title:
                continue
            frame.progress(f"{question.NAME}: {group.title}")
            results.append(frame.run_group(group, arguments.rounds))
    return results


def write_doc(about, rounds, shown, results):
    text = "\n".join([
        f"{frame.machine_line(about)}; {rounds} rounds.", "", "## What must be reached", "",
        *must.lines(must.judge(results)), "", "## All figures", "", "```", *frame.table(shown)[1:], "```", ""])
    path = os.path.join(os.environ["USOCKETD_SRCDIR"], "doc", "performance.md")
    docpart.Part("figures", text, "bench-doc").write(path)


def report(arguments, about, results, took_s):
    titles = {q.NAME: q.TITLE for q in QUESTIONS}
    shown = [{**r, "question": titles[r["question"]]} for r in results]
    print(frame.machine_line(about))
    print("\n".join(frame.table(shown)))
    rows = must.judge_measured(results)
    if rows:
        print("\n== what must be reached\n")
        print("\n".join(must.lines(rows)))
    print(f"\n{arguments.rounds} rounds in turn, {took_s:.0f} s")
    if arguments.doc:
        write_doc(about, arguments.rounds, shown, results)
    if arguments.json:
        with open(arguments.json, "a") as f:
            json.dump({"machine": about, "quick": arguments.quick, "rounds": arguments.rounds,
                       "results": results}, f)
            f.write("\n")


def on_terminate(number, _frame):
    """Ended from outside it cleans up, too; nothing is to interrupt that."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def main():
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, on_terminate)
    about, began = frame.machine(), time.monotonic()
    folder = tempfile.mkdtemp(prefix="usocketd-bench.")
    os.chmod(folder, 0o755)
    os.environ[harness.TMP_ENV] = folder
    made = paths.Paths()
    try:
        allow_many_descriptors()
        harness.need_tun()
        harness.private_network()
        results = measure(arguments, made)
    except unittest.SkipTest as e:
        raise SystemExit(f"bench: {e}")
    finally:
        made.close()
        harness.end_leftovers(folder)
        shutil.rmtree(folder)
    report(arguments, about, results, time.monotonic() - began)


if __name__ == "__main__":
    main()
