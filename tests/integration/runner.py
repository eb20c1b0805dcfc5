# SPDX-License-Identifier: MIT
"""Runs unittest cases for `make check`.

Each class of tests runs in a worker process of its own, several at a time:
a class has its own network namespace, daemon and temporary folder, and most
tests wait more than they work. A worker that dies or overruns costs the test
it was at; another takes up the rest of its class.

Every test has a deadline. A test that overruns it is ended with a dump of all
threads' stacks. What a failed test's daemon has logged is shown with it.

A virtual machine that its host stops for seconds makes time-outs of ours expire, the
more so where tests let clocks run faster. So the machine is watched all the while: a
test that failed while it stood still says nothing, is named, and runs once more.

usage: SCRIPT [-j N] [-l] [NAME...]
  NAME  part of Class.test, or a row id of the semantics (K2); none: all
  -j N  workers at once          -l  list tests and their rows
"""

import argparse
import faulthandler
import fnmatch
import json
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import unittest

DEADLINE_S = 60
# For what is outside of tests: setting a class up and taking it down.
FIXTURE_DEADLINE_S = 120
# The machine stood still if who sleeps for GLANCE_S was held up for so much longer.
GLANCE_S = 0.1
STILL_S = 1.0
# In what is told of a failure, between what went wrong and what was logged meanwhile.
LOGS_FOLLOW = "Logged meanwhile:\n"
SUMMARY_LINES = 40
# Characters of each log file.
LOG_SHOWN = 200000
WORKER_ENV = "USOCKETD_TEST_WORKER"
TMP_ENV = "USOCKETD_TEST_TMP"


def rows(*ids):
    """Names the rows of the semantics that a test shows."""
    def mark(function):
        function.rows = ids
        return function
    return mark


def deadline(seconds):
    """A deadline other than DEADLINE_S, for a test or a class."""
    def mark(target):
        target.deadline_s = seconds
        return target
    return mark


def test_id(test):
    return f"{type(test).__name__}.{test._testMethodName}"


def method_of(test):
    return getattr(test, test._testMethodName)


def rows_of(test):
    return getattr(method_of(test), "rows", ())


def deadline_of(test):
    own = getattr(method_of(test), "deadline_s", None)
    return own or getattr(type(test), "deadline_s", DEADLINE_S)


def arm_deadline(seconds):
    """Ends the process with a dump of all stacks if it takes longer."""
    slowdown = 3 if os.environ.get("USOCKETD_SANITIZER", "none") != "none" else 1
    faulthandler.dump_traceback_later(seconds * slowdown, exit=True)


# ---- inside a worker ---------------------------------------------------------

class WorkerResult(unittest.TestResult):
    """Tells the parent of each test, one line of JSON an event."""

    def __init__(self, channel):
        super().__init__()
        self.channel = channel
        self.started = 0.0
        self.outcome = None
        self.log_mark = None

    def tell(self, **event):
        self.channel.write(json.dumps(event) + "\n")
        self.channel.flush()

    def startTest(self, test):
        super().startTest(test)
        import harness
        self.started = time.monotonic()
        self.outcome = ("passed", "")
        self.log_mark = harness.mark_logs()
        arm_deadline(deadline_of(test))
        self.tell(event="start", test=test_id(test))

    def stopTest(self, test):
        arm_deadline(FIXTURE_DEADLINE_S)
        outcome, detail = self.outcome
        self.tell(event="end", test=test_id(test), outcome=outcome, detail=detail,
                  seconds=time.monotonic() - self.started)
        super().stopTest(test)

    def describe(self, err):
        import harness
        text = "".join(traceback.format_exception(*err))
        return text + LOGS_FOLLOW + harness.logs_since(self.log_mark)

    def fail(self, test, err):
        detail = self.describe(err)
        if isinstance(test, unittest.TestCase):
            self.outcome = ("failed", (self.outcome[1] + detail))
        else:
            # setUpClass, tearDownClass: no test of its own is running.
            self.tell(event="fixture", test=str(test), detail=detail)

    def addError(self, test, err):
        self.fail(test, err)

    def addFailure(self, test, err):
        self.fail(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.fail(test, err)

    def addSkip(self, test, reason):
        if isinstance(test, unittest.TestCase):
            self.outcome = ("skipped", reason)
        else:
            self.tell(event="skip-class", reason=reason)


_channel = None


def note(text):
    """Lets @text stand in the output of the run: figures that a test has measured."""
    _channel.write(json.dumps({"event": "note", "text": text}) + "\n")
    _channel.flush()


def run_worker(cases, wanted):
    global _channel
    _channel = channel = os.fdopen(int(os.environ.pop(WORKER_ENV)), "w")
    os.set_inheritable(channel.fileno(), False)
    faulthandler.enable()
    arm_deadline(FIXTURE_DEADLINE_S)

    def on_term(_number, _frame):
        sys.exit(143)
    signal.signal(signal.SIGTERM, on_term)
    suite = unittest.TestSuite(t for t in all_tests(cases) if test_id(t) in wanted)
    suite.run(WorkerResult(channel))
    return 0


# ---- the parent --------------------------------------------------------------

class Worker:
    """One process that runs some tests of one class."""

    def __init__(self, tests):
        self.todo = list(tests)
        self.current = None
        self.started = 0.0  # the current one
        self.again = []
        self.buffer = b""
        self.tmp = tempfile.mkdtemp(prefix="usocketd-test.")
        os.chmod(self.tmp, 0o755)
        self.output = open(os.path.join(self.tmp, "worker.log"), "w+b")
        read_end, write_end = os.pipe()
        self.events = read_end
        env = dict(os.environ)
        env[WORKER_ENV] = str(write_end)
        env[TMP_ENV] = self.tmp
        # The kernel shares processors among sessions (sched(7), autogroup): a program that
        # computes in one of its own would get as much as all other tests together.
        self.process = subprocess.Popen(
            [sys.executable, sys.argv[0], *map(test_id, self.todo)],
            stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output,
            pass_fds=(write_end,), env=env, start_new_session=True)
        os.close(write_end)

    def text(self):
        self.output.seek(0)
        return self.output.read().decode(errors="replace")

    def logs(self):
        """What is left of a worker that could not tell by itself."""
        parts = [self.text() + LOGS_FOLLOW]
        for folder, _, names in os.walk(self.tmp):
            for name in sorted(names):
                if name.endswith(".log") and name != "worker.log":
                    path = os.path.join(folder, name)
                    with open(path, errors="replace") as f:
                        parts.append(f"--- {name}:\n" + f.read()[-LOG_SHOWN:])
        return "\n".join(parts)

    def close(self):
        os.close(self.events)
        self.output.close()
        shutil.rmtree(self.tmp, ignore_errors=True)


class Watchman(threading.Thread):
    """Notices when the machine stands still."""

    def __init__(self):
        super().__init__(daemon=True)
        self.stops = []
        self.start()

    def run(self):
        while True:
            begin = time.monotonic()
            time.sleep(GLANCE_S)
            held_up = time.monotonic() - begin - GLANCE_S
            if held_up > STILL_S:
                self.stops.append((begin, held_up))

    def longest_since(self, begin):
        """Seconds, 0 if it never stood still."""
        return max((s for t, s in self.stops if t + s >= begin), default=0)


class Runner:
    def __init__(self, jobs):
        self.jobs = jobs
        self.watchman = Watchman()
        self.repeated = set()
        self.queue = []
        self.workers = {}
        self.selector = selectors.DefaultSelector()
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}
        self.skips = []
        self.failures = []
        self.notes = []

    def report(self, name, ids, outcome, seconds=None, detail=""):
        self.counts[outcome] += 1
        label = {"passed": "PASS", "failed": "FAIL", "skipped": "SKIPPED"}[outcome]
        took = f" {seconds:.2f}s" if seconds is not None else ""
        print(f"{label} {name} [{' '.join(ids)}]{took}", flush=True)
        if outcome == "failed" and detail:
            print("".join(f"    {line}\n" for line in detail.splitlines()), flush=True)
        if outcome == "failed":
            self.failures.append((name, detail.partition(LOGS_FOLLOW)[0]))
        if outcome == "skipped":
            self.skips.append((name, detail))

    def start_more(self):
        while self.queue and len(self.workers) < self.jobs:
            worker = Worker(self.queue.pop(0))
            self.workers[worker.events] = worker
            self.selector.register(worker.events, selectors.EVENT_READ, worker)

    def is_to_be_repeated(self, worker, test):
        """A test of @worker has failed: whether the machine stood still meanwhile."""
        still_s = self.watchman.longest_since(worker.started)
        if not still_s or test_id(test) in self.repeated:
            return False
        print(f"AGAIN {test_id(test)}: failed, but the machine stood still for {still_s:.1f} s",
              flush=True)
        self.repeated.add(test_id(test))
        worker.again.append(test)
        return True

    def find(self, worker, name):
        for test in worker.todo:
            if test_id(test) == name:
                return test
        raise KeyError(name)

    def take_event(self, worker, event):
        kind = event["event"]
        if kind == "start":
            worker.current = self.find(worker, event["test"])
            worker.started = time.monotonic()
        elif kind == "end":
            worker.todo.remove(worker.current)
            if event["outcome"] != "failed" or not self.is_to_be_repeated(worker, worker.current):
                self.report(event["test"], rows_of(worker.current), event["outcome"],
                            event["seconds"], event["detail"])
            worker.current = None
        elif kind == "note":
            self.notes.append(event["text"])
            print(event["text"], flush=True)
        elif kind == "fixture":
            self.report(event["test"], (), "failed", None, event["detail"])
        elif kind == "skip-class":
            for test in worker.todo:
                self.report(test_id(test), rows_of(test), "skipped", None,
                            event["reason"])
            worker.todo = []

    def read(self, worker):
        data = os.read(worker.events, 65536)
        worker.buffer += data
        *lines, worker.buffer = worker.buffer.split(b"\n")
        for line in lines:
            self.take_event(worker, json.loads(line))
        return bool(data)

    def finish(self, worker):
        import harness
        self.selector.unregister(worker.events)
        del self.workers[worker.events]
        code = worker.process.wait()
        left = harness.end_leftovers(worker.tmp)
        if worker.current is not None:
            if not self.is_to_be_repeated(worker, worker.current):
                self.report(test_id(worker.current), rows_of(worker.current), "failed",
                            None, f"the worker ended with {code} in this test\n{worker.logs()}")
            worker.todo.remove(worker.current)
            if worker.todo:
                self.queue.append(worker.todo)
        elif worker.todo:
            for test in worker.todo:
                self.report(test_id(test), rows_of(test), "failed", None,
                            "not run: the class could not be set up")
            print(worker.text())
        elif code != 0:
            self.report("worker", (), "failed", None,
                        f"a worker ended with {code}\n{worker.logs()}")
        elif left:
            self.report("worker", (), "failed", None, "left over: " + "; ".join(left))
        if worker.again:
            self.queue.append(worker.again)
        worker.close()

    def finish_ended(self):
        """A child that a worker has left behind may hold its pipe open."""
        readable = {key.data for key, _ in self.selector.select(0)}
        for worker in list(self.workers.values()):
            if worker.process.poll() is not None and worker not in readable:
                self.finish(worker)

    def run(self, groups, finish=None):
        self.queue = list(groups)
        self.start_more()
        while self.workers:
            for key, _ in self.selector.select(1.0):
                if not self.read(key.data):
                    self.finish(key.data)
            self.finish_ended()
            self.start_more()
        self.report_skips()
        self.report_failures()
        if finish:
            finish(self.notes, self.counts)
        print("{passed} passed, {failed} failed, {skipped} skipped".format(**self.counts))
        return 1 if self.counts["failed"] else 0

    def report_skips(self):
        """A line for each reason, with the classes it kept from running."""
        reasons = {}
        for name, reason in self.skips:
            reasons.setdefault(reason, []).append(name)
        for reason, names in reasons.items():
            classes = sorted({name.split(".")[0] for name in names})
            print(f"SKIP {reason}: {len(names)} tests of {', '.join(classes)}")

    def report_failures(self):
        """Once more and without the logs, for who sees only the end of the output."""
        for name, detail in self.failures:
            print(f"Failed: {name}")
            for line in detail.splitlines()[-SUMMARY_LINES:]:
                print(f"    {line}")

    def stop(self):
        import harness
        for worker in self.workers.values():
            worker.process.terminate()
        for worker in self.workers.values():
            try:
                worker.process.wait(5)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            harness.end_leftovers(worker.tmp)
            shutil.rmtree(worker.tmp, ignore_errors=True)


# ---- which tests -------------------------------------------------------------

def all_tests(cases):
    loader = unittest.TestLoader()
    for case in cases:
        yield from loader.loadTestsFromTestCase(case)


def cases_of(*modules):
    """The test classes of modules, bases with names in _ left out."""
    found = []
    for module in modules:
        for name, item in vars(module).items():
            if (isinstance(item, type) and issubclass(item, unittest.TestCase) and
                    item.__module__ == module.__name__ and not name.startswith("_")):
                found.append(item)
    return found


def is_wanted(test, names):
    if not names:
        return True
    ids = rows_of(test)
    for name in names:
        if name in ids or name in test_id(test) or fnmatch.fnmatch(test_id(test), name):
            return True
    return False


def row_key(row):
    letters, digits = re.fullmatch(r"(\D*)(\d*)", row).groups()
    return letters, int(digits or 0)


def list_tests(tests):
    shown = set()
    for test in tests:
        print(f"{test_id(test)} [{' '.join(rows_of(test))}]")
        shown.update(rows_of(test))
    print("rows:", " ".join(sorted(shown, key=row_key)))
    return 0


def preload_sanitizer():
    """Libraries of a sanitizer's build load only beside its run-time."""
    import harness
    harness.adopt_build_settings()
    wanted = os.environ.get("USOCKETD_SANITIZER_PRELOAD")
    if not wanted or os.environ.get("LD_PRELOAD") == wanted:
        return
    env = dict(os.environ, LD_PRELOAD=wanted, PYTHONMALLOC="malloc")
    # Python itself leaks; the daemon, which is looked at, gets its own options.
    env["USOCKETD_TEST_ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "")
    env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    os.execve(sys.executable, [sys.executable, *sys.argv], env)


def main(*modules, finish=None):
    """
    Runs the tests of @modules, without any those of the script itself. At the
    end finish(notes, counts) has what tests have noted; it may add to the counts.
    """
    cases = cases_of(*(modules or (sys.modules["__main__"],)))
    if WORKER_ENV in os.environ:
        sys.exit(run_worker(cases, set(sys.argv[1:])))
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-j", type=int, default=6, metavar="N")
    parser.add_argument("-l", action="store_true")
    parser.add_argument("names", nargs="*", metavar="NAME")
    args = parser.parse_args()
    wanted = [t for t in all_tests(cases) if is_wanted(t, args.names)]
    if args.l:
        sys.exit(list_tests(wanted))
    preload_sanitizer()
    groups = {}
    for test in wanted:
        groups.setdefault(type(test), []).append(test)
    runner = Runner(args.j)

    def on_term(number, _frame):
        runner.stop()
        os._exit(128 + number)
    signal.signal(signal.SIGTERM, on_term)
    signal.signal(signal.SIGINT, on_term)
    # Nothing waits for a straggler at the end: those that wait long come first.
    ordered = sorted(groups.values(), reverse=True,
                     key=lambda g: (getattr(type(g[0]), "slow", False), len(g)))
    sys.exit(runner.run(ordered, finish))
