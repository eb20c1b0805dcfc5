# SPDX-License-Identifier: MIT
"""Runs one of CPython's own test modules and writes down what came of each test.

usage: preload_collect.py FILE MODULE [PATTERN...]
  FILE     gets a line "ID<tab>started" when a test starts and "ID<tab>OUTCOME"
           (passed, failed, skipped) when it ends; what it names already is not run
  PATTERN  of a test's name below MODULE, or of its class or folder; one that
           starts with ! takes away from what the others choose, tests of one that
           starts with ~ wait HOPELESS_S instead of 5 s for what will not come

Why a test failed goes to standard error, below a line "==== ID". A test that takes
longer than TEST_S ends the process with a dump of its stacks; whoever started it
starts it again for the rest.
"""

import faulthandler
import fnmatch
import gc
import importlib
import os
import sys
import unittest

from test import support

# Some of asyncio's compute for half a minute on a busy machine.
TEST_S = 120
HOPELESS_S = 0.5


class Collector(unittest.TestResult):
    def __init__(self, output):
        super().__init__()
        self.output = output
        self.outcome = None

    def tell(self, test, outcome):
        self.output.write(f"{test.id()}\t{outcome}\n")
        self.output.flush()

    def startTest(self, test):
        super().startTest(test)
        self.outcome = "passed"
        faulthandler.dump_traceback_later(TEST_S, exit=True)
        print(f"==== {test.id()}", file=sys.stderr, flush=True)
        self.tell(test, "started")

    def stopTest(self, test):
        faulthandler.cancel_dump_traceback_later()
        self.tell(test, self.outcome)
        self.outcome = None
        super().stopTest(test)

    def fail(self, test, err):
        print(self._exc_info_to_string(err, test), file=sys.stderr, flush=True)
        if self.outcome is None:
            # Outside of tests: what sets a class or the module up.
            self.tell(test, "failed")
        else:
            self.outcome = "failed"

    addError = addFailure = fail

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.fail(test, err)

    def addSkip(self, test, reason):
        if self.outcome is None:
            self.tell(test, "skipped")
        elif self.outcome == "passed":
            self.outcome = "skipped"

    def addUnexpectedSuccess(self, test):
        self.outcome = "failed"

    def _exc_info_to_string(self, err, test):
        try:
            return super()._exc_info_to_string(err, test)
        except AttributeError:
            # What stands for a class that could not be set up is no test.
            return repr(err[1])


def all_tests(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from all_tests(item)
        else:
            yield item


def split_patterns(patterns):
    """By their signs: what is chosen, what is not (!), what waits less (~)."""
    signs = {sign: [p[1:] for p in patterns if p.startswith(sign)] for sign in "!~"}
    return [p for p in patterns if not p.startswith(("!", "~"))], signs["!"], signs["~"]


def fits(name, patterns):
    return any(fnmatch.fnmatchcase(name, p) or fnmatch.fnmatchcase(name, p + ".*")
               for p in patterns)


def wanted_tests(module, done, patterns):
    """Only the suite that is returned holds the tests, and frees each when it has run."""
    chosen, unwanted, hopeless = split_patterns(patterns)
    suite = unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module(module))
    wanted = unittest.TestSuite()
    for test in all_tests(suite):
        name = test.id().removeprefix(module + ".")
        if test.id() in done or fits(name, unwanted) or (chosen and not fits(name, chosen)):
            continue
        if fits(name, hopeless):
            test.fail_timeout = HOPELESS_S
        wanted.addTest(test)
    return wanted


def main(path, module, *patterns):
    done = set()
    if os.path.exists(path):
        with open(path) as f:
            done = {line.split("\t")[0] for line in f}
    # As test.regrtest does: none of the resources (network, cpu) that are asked for.
    support.use_resources = []
    support.verbose = 0
    suite = wanted_tests(module, done, patterns)
    # Asyncio's tests collect garbage at their ends: not through all that is loaded.
    gc.freeze()
    with open(path, "a") as output:
        suite.run(Collector(output))


if __name__ == "__main__":
    main(*sys.argv[1:])
    # Threads that a test has left behind must not keep the process.
    os._exit(0)
