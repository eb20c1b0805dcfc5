#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""CPython's own tests under usocket-run, 127.0.0.1 in the stack, against the kernel.

What passes on the kernel has to pass under usocket-run. cpython_differences.txt
lists what does not, each with its reason; a line there that is no longer true is a
failure too. A reason that starts with "timing:" is of a test that only sometimes
differs. `make check` leaves out what has no sockets; USOCKETD_TEST_FULL runs all of it.

A test that differs without being listed runs once more, alone: CPython's tests have
waits of their own, which a busy machine overruns. What passed only then is printed.
"""

import os
import re
import subprocess
import threading
import unittest

import harness
import runner
from preload_support import PreloadCase, usocket_run
from runner import deadline

# Debian's, as its tests are a package of their own.
PYTHON = "/usr/bin/python3"
HERE = os.path.dirname(os.path.abspath(__file__))
LIST = os.path.join(HERE, "cpython_differences.txt")
MODULE_S = 900
LEAST_SHARE = 0.95
N_MODULES = 6
DETAIL_SHOWN = 4000


def read_differences():
    """Reasons by test."""
    with open(LIST) as f:
        lines = [line.rstrip("\n") for line in f if line.strip() and not line.startswith("#")]
    return dict(line.split("\t") for line in lines)


class Side:
    """One run of a module; its outcomes and, by test, what was printed meanwhile."""

    def __init__(self, folder, prefix, env, module, choice):
        self.outcomes = {}
        self.printed = {}
        self.timed_out = False
        self.folder = folder
        self.command = [*prefix, PYTHON, os.path.join(HERE, "preload_collect.py"),
                        os.path.join(folder, "outcomes"), module, *choice]
        self.env = env
        os.mkdir(folder)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        """Until the end; anew with the rest each time that a test has ended the process."""
        before = -1
        while len(self.outcomes) > before:
            before = len(self.outcomes)
            if self.run_once() == 0:
                break
        with open(os.path.join(self.folder, "errors"), errors="replace") as f:
            for part in f.read().split("==== ")[1:]:
                name, _, text = part.partition("\n")
                self.printed[name] = text

    def run_once(self):
        with open(os.path.join(self.folder, "errors"), "ab") as errors:
            process = subprocess.Popen(self.command, env=self.env, cwd=self.folder,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=errors, start_new_session=True)
            try:
                code = process.wait(MODULE_S)
            except subprocess.TimeoutExpired:
                self.timed_out = True
                code = 0
            finally:
                harness.end_process(process)
        with open(os.path.join(self.folder, "outcomes")) as f:
            for line in f:
                name, outcome = line.rstrip("\n").split("\t")
                self.outcomes[name] = outcome
        return code


class _Module(PreloadCase):
    """
    Compares one module. SLOW: patterns of what only USOCKETD_TEST_FULL runs, as it
    has no sockets. HOPELESS: of what waits in vain, in the stack. FOREIGN: of what has
    nothing to do with the stack, and waits long.
    """

    MODULE = None
    SLOW = ()
    HOPELESS = ()
    FOREIGN = ()
    # The machine's own name is looked up, too.
    config = {"daemon": {"log_level": "info"}, "resolver": {"hosts": "/etc/hosts"}}

    @classmethod
    def setUpClass(cls):
        found = subprocess.run([PYTHON, "-c", f"import {cls.MODULE}"], capture_output=True,
                               env={**os.environ, "PYTHONPATH": ""})
        if found.returncode:
            raise unittest.SkipTest(f"{PYTHON} has no {cls.MODULE}")
        super().setUpClass()

    def choice(self):
        slow = () if os.environ.get("USOCKETD_TEST_FULL") else self.SLOW
        return ["!" + pattern for pattern in (*self.FOREIGN, *slow)]

    def side(self, name, choice, *prefix):
        return Side(os.path.join(self.folder, name), prefix, self.environment(PYTHONPATH=None),
                    self.MODULE, choice)

    def stack_side(self, name, choice):
        return self.side(name, choice, *usocket_run("--stack-loopback"))

    def try_again(self, tests, ours):
        """Alone; which of them pass now."""
        names = [t.removeprefix(self.MODULE + ".") for t in tests]
        again = self.stack_side("again", names)
        again.thread.join()
        self.assertFalse(again.timed_out, "not done in time")
        for test in tests:
            if again.outcomes.get(test) == "passed":
                runner.note(f"{test} passed at the second try only")
                ours.outcomes[test] = "passed"

    def compare(self):
        kernel = self.side("kernel", self.choice())
        ours = self.stack_side("stack", self.choice() + ["~" + p for p in self.HOPELESS])
        for side in (kernel, ours):
            side.thread.join()
        self.assertFalse(kernel.timed_out or ours.timed_out, "not done in time")
        passed = [t for t, outcome in kernel.outcomes.items() if outcome == "passed"]
        reasons = read_differences()
        unknown = [t for t in passed if ours.outcomes.get(t) != "passed" and t not in reasons]
        if unknown:
            self.try_again(unknown, ours)
        differ = [t for t in passed if ours.outcomes.get(t) != "passed"]
        runner.note(f"{self.MODULE}: {len(passed)} pass on the kernel, "
                    f"{len(passed) - len(differ)} of them under usocket-run")
        self.assertTrue(passed)
        self.judge(kernel, ours, set(passed) - set(differ), differ)

    def judge(self, kernel, ours, same, differ):
        reasons = read_differences()
        complaints = []
        for test in differ:
            if test not in reasons:
                complaints.append(f"{test}: {ours.outcomes.get(test, 'did not run')}\n"
                                  f"{ours.printed.get(test, '')[-DETAIL_SHOWN:]}")
        for test in same:
            if test in reasons and not reasons[test].startswith("timing:"):
                complaints.append(f"{test}: is listed, but does not differ")
        if os.environ.get("USOCKETD_TEST_FULL"):
            for test in reasons:
                if test.startswith(self.MODULE + ".") and test not in kernel.outcomes:
                    complaints.append(f"{test}: is listed, but there is no such test")
        if complaints:
            self.fail("\n".join(complaints))


@deadline(1900)
class Select(_Module):
    MODULE = "test.test_select"

    def test_select(self):
        self.compare()


@deadline(1900)
class Httplib(_Module):
    MODULE = "test.test_httplib"

    def test_httplib(self):
        self.compare()


@deadline(1900)
class Ftplib(_Module):
    MODULE = "test.test_ftplib"

    def test_ftplib(self):
        self.compare()


@deadline(1900)
class Ssl(_Module):
    MODULE = "test.test_ssl"

    def test_ssl(self):
        self.compare()


@deadline(1900)
class Socket(_Module):
    MODULE = "test.test_socket"
    # For a control message that does not come.
    HOPELESS = ("Recvmsg*RFC3542AncillaryUDP6Test",)
    # A virtual machine's host may take the connection and say nothing.
    FOREIGN = ("ThreadedVSOCKSocketStreamTest",)

    def test_socket(self):
        self.compare()


@deadline(1900)
class Asyncio(_Module):
    MODULE = "test.test_asyncio"
    SLOW = ("test_base_events", "test_events.*test_*subprocess*", "test_futures*", "test_locks",
            "test_queues", "test_runners", "test_ssl*", "test_subprocess", "test_taskgroups",
            "test_tasks", "test_timeouts", "test_unix_events", "test_waitfor")

    def test_asyncio(self):
        self.compare()


def finish(notes, counts):
    """All modules together, if all of them ran as a whole."""
    found = [re.search(r": (\d+) pass on the kernel, (\d+) of", note) for note in notes]
    found = [(int(m.group(1)), int(m.group(2))) for m in found if m]
    n_kernel, n_ours = (sum(column) for column in zip(*found)) if found else (0, 0)
    print(f"together: {n_kernel} pass on the kernel, {n_ours} of them under usocket-run")
    if (os.environ.get("USOCKETD_TEST_FULL") and len(found) == N_MODULES and
            n_ours < LEAST_SHARE * n_kernel):
        print("FAIL too few of them")
        counts["failed"] += 1


if __name__ == "__main__":
    runner.main(finish=finish)
