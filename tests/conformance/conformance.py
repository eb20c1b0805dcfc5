#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The conformance suite: every row of the semantics, in every runtime.

The rows are those of rows.txt, the cases those of cases/. Each runtime runs all
of them in a process of its own against the same daemon and the same peers. At
the end stands a table, row by runtime, which is also in doc/conformance.md.

A run of everything, in every runtime, fails if the table there is another.

usage: conformance.py [-r RUNTIME]... [--link LINK] [-l] [--doc] [NAME...]
  NAME         a row's id, or part of a case's title; none: all
  -r RUNTIME   only this one      -l  list the cases
  --link LINK  tun (if not given), modem, packet, slirp: see networks.py
  --doc        writes what has come out into doc/conformance.md if nothing has
               failed
"""

import argparse
import faulthandler
import glob
import os
import shutil
import signal
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))

import docpart  # noqa: E402
import harness  # noqa: E402
import language  # noqa: E402
import networks  # noqa: E402
import peers  # noqa: E402
import runner  # noqa: E402
import runtimes  # noqa: E402
import stages  # noqa: E402
import table  # noqa: E402
from agents import Agent  # noqa: E402
from vocabulary import Vocabulary  # noqa: E402

CASE_S = 90
LOG_SHOWN = 6000
ALL = "all"
OTHER_LINK = "the case has a daemon with a link of its own"
ON_OTHER_LINKS = ("C", "mp-c-usocket")


# ---- what there is to do -----------------------------------------------------

def read_rows():
    """Sections of rows.txt: (title, ids)."""
    sections = []
    with open(os.path.join(HERE, "rows.txt")) as f:
        for line in f:
            if line.startswith("# "):
                sections.append((line[2:].strip(), []))
            elif line.strip():
                sections[-1][1].append(line.strip())
    return sections


def read_all_cases():
    cases, absences = [], []
    for path in sorted(glob.glob(os.path.join(HERE, "cases", "*.cases"))):
        some, missing = language.read_cases(path, os.path.basename(path))
        cases += some
        absences += missing
    return cases, absences


def incomplete(rows, cases, absences):
    """What is wrong with the cases as a whole, a line each."""
    named = {row for case in cases for row in case.rows} | {a.row for a in absences}
    wrong = [f"row {row} has neither a case nor a reason" for row in rows if row not in named]
    wrong += [f"there is no row {row}" for row in sorted(named - set(rows))]
    path = os.path.join(os.environ["USOCKETD_SRCDIR"], "..", "shared", "semantics.md")
    if os.path.exists(path):
        with open(path) as f:
            specified = table.rows_of_semantics(f.read())
        wrong += [f"rows.txt lacks {row}" for row in specified if row not in rows]
        wrong += [f"rows.txt has {row}, the semantics do not" for row in rows
                  if row not in specified]
    return wrong


def reason_for(runtime, network, case):
    tags = runtime.tags | {network.tag()}
    reason = case.reason_for(tags | {ALL, runtime.name})
    if reason:
        return reason
    if case.daemon != "main" and network is not networks.Tun:
        return OTHER_LINK
    if any("become(" in text for _, text in case.steps) and not harness.is_real_root():
        return "only root can become another user"
    steps = []
    for _, text in case.steps:
        tagged = language.TAGGED.match(text)
        if not tagged:
            steps.append(text)
        elif bool(set(tagged[2].split()) & tags) != bool(tagged[1]):
            steps.append(tagged[3])
    return (runtimes.lacking(runtime.lacks, steps) or
            runtimes.lacking(network.lacks, steps))


# ---- one runtime -------------------------------------------------------------

class Lane:
    """Runs the cases in one runtime, one after the other."""

    def __init__(self, number, runtime, network, shared):
        self.number, self.runtime, self.network, self.shared = number, runtime, network, shared
        self.agents = {}

    def make_agent(self, stage):
        return Agent(self.runtime.argv, runtimes.agent_env(self.runtime, stage.daemon.socket))

    def agent_for(self, case, stage):
        if not stage.shared:
            return self.make_agent(stage)
        agent = self.agents.get(case.daemon)
        if agent is None or not agent.is_alive():
            agent = self.agents[case.daemon] = self.make_agent(stage)
        return agent

    def run(self, case):
        """Runs one case: None, or what went wrong."""
        faulthandler.dump_traceback_later(CASE_S * harness.time_scale(), exit=True)
        harness.let_threads_end()
        stage = self.shared.get(case.daemon) or stages.own_stage(case.daemon, self.number)
        log_start = stage.daemon.log_size()
        agent, trouble = None, None
        try:
            agent = self.agent_for(case, stage)
            output_start = len(agent.output())
            trouble = self.try_case(case, stage, agent)
            if trouble:
                log = stage.daemon.log()[log_start:][-LOG_SHOWN:]
                trouble += (f"\n--- the agent has printed:\n{agent.output()[output_start:]}"
                            f"\n--- the daemon's log:\n{log}")
        finally:
            if not stage.shared:
                trouble = self.end_stage(stage, agent, trouble)
        faulthandler.cancel_dump_traceback_later()
        return trouble

    def try_case(self, case, stage, agent):
        words = Vocabulary(stage, agent, self.number, self.network)
        try:
            language.Interpreter(words, self.runtime.tags | {self.network.tag()}).run(case)
            return None
        except language.Failure as e:
            return str(e)
        finally:
            try:
                words.close()
            except (language.Failure, language.RemoteError, OSError):
                agent.kill()
            if words.threads and agent.is_alive():
                agent.kill()

    def end_stage(self, stage, agent, trouble):
        if agent:
            trouble = self.end_agent(agent, trouble)
        try:
            stage.close()
        except AssertionError as e:
            trouble = trouble or str(e)
        return trouble

    @staticmethod
    def end_agent(agent, trouble):
        was_alive = agent.is_alive()
        code = agent.close()
        if not trouble and was_alive and code != 0:
            trouble = f"the agent ended with {code}\n{agent.output()[-LOG_SHOWN:]}"
        report = harness.REPORTS.search(agent.output())
        if not trouble and report:
            trouble = f"{report.group(0)}\n{agent.output()[-LOG_SHOWN:]}"
        return trouble

    def close(self):
        """What the agents that were shared left to be told."""
        found = [self.end_agent(agent, None) for agent in self.agents.values()]
        return [trouble for trouble in found if trouble]


def run_lane(number, runtime, network, shared, cases):
    """In a child: [(case's index, outcome, text)], and what is left to say."""
    lane = Lane(number, runtime, network, shared)
    peers.KernelSocket.names = network.names
    results = []
    for i, case in cases:
        reason = reason_for(runtime, type(network), case)
        if reason:
            results.append((i, "reason", reason))
            continue
        start = time.monotonic()
        trouble = lane.run(case)
        took = time.monotonic() - start
        word = "FAIL" if trouble else "PASS"
        print(f"{word} {runtime.name} {case.name} {took:.2f}s", flush=True)
        if trouble:
            print("".join(f"    {line}\n" for line in trouble.splitlines()), flush=True)
        results.append((i, "failed" if trouble else "passed", trouble or ""))
    for trouble in lane.close():
        print(f"FAIL {runtime.name}: {trouble}", flush=True)
        results.append((None, "failed", trouble))
    return results


# ---- the whole ---------------------------------------------------------------

def run_all(chosen, link, cases):
    """{runtime's name: results}. The networks and daemons are made here."""
    network = link()
    shared = {}
    try:
        shared["main"] = stages.main_stage(network)
        shared["nolink"] = stages.nolink_stage()
        network.wait()
        lanes = [(r, harness.Child(run_lane, n, r, network, shared, cases))
                 for n, r in enumerate(chosen)]
        return {r.name: child.result() for r, child in lanes}, end_stages(shared)
    finally:
        for stage in shared.values():
            stage.daemon.close()
        network.close()
        harness.end_leftovers(harness.temporary_folder())


def end_stages(shared):
    wrong = []
    for stage in shared.values():
        try:
            stage.close()
        except AssertionError as e:
            wrong.append(str(e))
    return wrong


def is_wanted(case, names):
    return not names or any(n in case.rows or n in case.name for n in names)


def parse_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-r", action="append", metavar="RUNTIME")
    parser.add_argument("--link", choices=networks.NETWORKS, default="tun")
    parser.add_argument("-l", action="store_true")
    parser.add_argument("--doc", action="store_true")
    parser.add_argument("names", nargs="*", metavar="NAME")
    return parser.parse_args(words)


def run_in_folder(chosen, link, cases):
    folder = tempfile.mkdtemp(prefix="usocketd-conformance.")
    os.chmod(folder, 0o755)
    os.environ[harness.TMP_ENV] = folder

    def on_signal(number, _frame):
        harness.end_leftovers(folder)
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(128 + number)
    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    try:
        return run_all(chosen, link, cases)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def choose(known, args):
    """The runtimes to run; on links that are not the usual one, two that differ most."""
    names = args.r
    if not names and args.link != "tun":
        names = ON_OTHER_LINKS
    return [r for r in known if not r.absent and (not names or r.name in names)]


def keep_doc(cells, link, write):
    """Brings the documentation up to date if @write; says what is not, a line each."""
    path = os.path.join(os.environ["USOCKETD_SRCDIR"], "doc", "conformance.md")
    if link is networks.Tun:
        part = docpart.Part("the table", cells.as_markdown(), "conformance-doc")
    else:
        part = docpart.Part(f"the {link.name}", cells.as_note(link, OTHER_LINK),
                            "conformance-doc")
    if write and not cells.counts()[1]:
        part.write(path)
    return part.differs(path)


def main(words):
    args = parse_arguments(words)
    runner.preload_sanitizer()
    sections = read_rows()
    rows = [row for _, ids in sections for row in ids]
    cases, absences = read_all_cases()
    wanted = [(i, c) for i, c in enumerate(cases) if is_wanted(c, args.names)]
    if args.l:
        for _, case in wanted:
            print(case.name)
        return 0
    wrong = incomplete(rows, cases, absences)
    known, link = runtimes.runtimes(), networks.NETWORKS[args.link]
    chosen = choose(known, args)
    if args.r and not chosen:
        print("the runtimes are:", *(r.name for r in known))
        return 2
    try:
        results, more = run_in_folder(chosen, link, wanted)
    except runner.unittest.SkipTest as e:
        print(f"SKIP {e}\n0 passed, 0 failed, {len(rows)} skipped")
        return 77
    cells = table.Table(sections, known, cases, absences, results)
    print(f"on {link.title}:\n{cells.as_text()}")
    if not (args.names or args.r):
        wrong += [f"row {row} has neither a case nor a reason in {runtime}"
                  for row, runtime in cells.unanswered()]
        if not any(r.absent for r in known):
            wrong += keep_doc(cells, link, args.doc)
    is_part = args.r or link is not networks.Tun
    return close(cells, wrong + more, chosen if is_part else known, args.names)


def close(cells, wrong, known, names):
    """The last lines, which the build's count reads."""
    for line in wrong:
        print(f"FAIL {line}")
    passed, failed = cells.counts()
    skipped = 0
    for runtime in known:
        if runtime.absent and not names:
            print(f"SKIP {runtime.title}: {runtime.absent}")
            skipped += 1
    failed += len(wrong)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
