#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every fault in every state of a modem's link: is it up again, and in time?

A test holds the link in a state, lets the fault happen, and lets go. A fault
that stays is taken away when the link has noticed it, or after HOLD_S. From then
on counts what the table of the link's states promises: the rest of the state it
is in (its deadline at most), the pause after so many failures, and one whole
try. Up is a link over which bytes pass.

All times are those of the link: its clock, the helper's and the modem's run
$FAULTS_SPEED times faster (10). $FAULTS=all runs the whole matrix, without it a
fault for each state; $RUNS is how often each. With $FAULTS_DOC the table is
written into doc/faults.md.
"""

import contextlib
import dataclasses
import math
import os
import re
import signal
import sys
import time

import docpart
import harness
import runner
import usock
from harness import eventually
from modem_support import ModemCase
from runner import deadline

SPEED = int(os.environ.get("FAULTS_SPEED", "10"))
RUNS = int(os.environ.get("RUNS", "1"))
ALL = os.environ.get("FAULTS") == "all"
# How long a fault that is not noticed lasts.
HOLD_S = 90
# One whole try: a modem that is reset takes its time, see netif/modem/start.c.
TRY_S = 60
# While up: echo requests of PPP and pings of the helper, until they are given up.
UP_S = 60
# netif/ladder.c
PAUSE_FIRST_S, PAUSE_MIN_S, PAUSE_MAX_S, JITTER = 0.1, 1, 300, 1.2
# A question over a link that may be dead.
ASK_MS = 500
# Beyond the link's gateway.
FAR = "192.0.2.1", 80
# What a busy machine may hold things up, on the wall's clock.
SLACK_S = 1.5

STATES = {name: number for number, name in enumerate(
    ("down", "opening", "sim", "registering", "dialing", "negotiating", "up", "degraded"))}
# What keeps the link in a state, and what lets it go on.
HOLDS = {
    "opening": {"silent": ("on", "off")},
    "sim": {"sim": ("busy", "ready")},
    "registering": {"registration": ("searching", "home")},
    # Once used up the call is not answered, whatever comes then.
    "dialing": {"fault": ("ATD silence", "clear")},
    "negotiating": {"ppp": ("off", "on")},
    "up": {},
}


@dataclasses.dataclass
class Fault:
    """What the modem or the helper is told to do, and what takes it away."""

    title: str
    set: dict = dataclasses.field(default_factory=dict)
    clear: dict = dataclasses.field(default_factory=dict)
    helper: int = 0         # a signal that the helper gets
    is_final: bool = False  # the link is not tried again before it is told to
    traffic: bool = False   # it is noticed by what programs send


def held(title, name, bad, good):
    return Fault(title, {name: bad}, {name: good})


def once(title, name, value=""):
    return Fault(title, {name: value})


FAULTS = [
    once("carrier is lost", "carrier"),
    once("PPP is ended by the network", "terminate"),
    once("network deactivates the context", "detach"),
    once("modem says 1000 bytes of noise", "noise", "1000"),
    once("modem starts anew", "power", "cycle"),
    Fault("helper is killed", helper=signal.SIGKILL),
    Fault("helper hangs", helper=signal.SIGSTOP),
    held("modem is unplugged", "plug", "off", "on"),
    held("modem is off", "power", "off", "on"),
    held("modem hears resets only", "silent", "on", "off"),
    held("every command is an ERROR", "fault", "AT error always", "clear"),
    held("answers are garbage", "fault", "AT garbage always", "clear"),
    held("answers come after 3 s", "fault", "AT late:3000 always", "clear"),
    held("SIM is busy", "sim", "busy", "ready"),
    held("network is lost", "registration", "off", "home"),
    held("network denies", "registration", "denied", "home"),
    held("calls end with NO CARRIER", "dial", "off", "on"),
    held("PPP is mute", "ppp", "off", "on"),
    Fault("no IP packet passes", {"drop": "on"}, {"drop": "off"}, traffic=True),
    Fault("SIM is taken out", {"sim": "out"}, {"sim": "ready"}, is_final=True),
]
# Of make check: for each state one that it must notice.
QUICK = {
    "opening": "modem is off",
    "sim": "modem is unplugged",
    "registering": "helper is killed",
    "dialing": "helper hangs",
    "negotiating": "PPP is mute",
    "up": "modem starts anew",
}


def read_deadlines():
    """By state, in seconds, as netif/link_state.c has them."""
    path = os.path.join(os.environ["USOCKETD_SRCDIR"], "netif", "link_state.c")
    with open(path) as f:
        table = f.read().partition("state_rows[] = {")[2].partition("};")[0]
    found = {}
    for name, row in re.findall(r"\[TABLE_LINK_(\w+)\] = \{(.*?)\},\n", table, re.S):
        numbers = re.findall(r"\b(\d{4,})\b", row)
        found[name.lower()] = int(numbers[-1]) / 1000 if numbers else 0
    if list(found) != list(STATES):
        raise AssertionError(f"{path}: the table of states is not understood: {found}")
    return {**found, "up": UP_S}


def pause_s(n_failures):
    """The longest after so many failures in a row."""
    if n_failures <= 1:
        return PAUSE_FIRST_S * JITTER
    return min(PAUSE_MIN_S * 2 ** (n_failures - 2), PAUSE_MAX_S) * JITTER


class _Faults(ModemCase):
    """In one state; subclasses name it."""

    speed = SPEED
    state = None
    slow = True

    def prepare(self):
        for name, (value, _) in HOLDS[self.state].items():
            self.modem.do(f"{name} {value}")

    def state_name(self):
        return list(STATES)[self.link().state]

    def n_downs(self):
        return self.daemon.log().count(" -> down (")

    def n_failures(self):
        """In a row, as long as it has not been up for some time."""
        tail = self.daemon.log().rpartition("-> up (")[2]
        return tail.count(" -> down (")

    def inject(self, fault):
        if fault.helper:
            os.kill(self.helper_pid(), fault.helper)
        for name, value in fault.set.items():
            self.modem.do(f"{name} {value}".strip())
        for name, (_, value) in HOLDS[self.state].items():
            if name not in fault.set:
                self.modem.do(f"{name} {value}")

    def is_noticed(self, fault, downs):
        return self.link().is_refused if fault.is_final else self.n_downs() > downs

    def clear(self, fault, downs):
        if not fault.clear:
            return
        # What is final must be found out, however long the state may last.
        hold_s = self.deadlines[self.state] + TRY_S if fault.is_final else HOLD_S
        end = time.monotonic() + hold_s / SPEED + SLACK_S
        while not self.is_noticed(fault, downs) and time.monotonic() < end:
            if fault.traffic:
                self.ask_in_vain()
            time.sleep(0.02)
        for name, value in fault.clear.items():
            self.modem.do(f"{name} {value}")
        if fault.is_final:
            self.assertTrue(self.link().is_refused)
            harness.run_quietly(harness.program("usocketctl"), "-s", self.daemon.socket,
                                "link", "up", "wan")

    def ask_in_vain(self):
        with usock.Sock() as s, contextlib.suppress(OSError):
            s.connect_timeout(FAR, ASK_MS)

    def is_usable(self):
        """Up, and again so a moment later."""
        return self.is_up() and self.passes()

    def passes(self):
        listener, address = self.server()
        try:
            with usock.Sock() as s:
                s.connect_timeout(address, ASK_MS)
                peer, _ = listener.accept()
                with peer:
                    peer.settimeout(ASK_MS / 1000)
                    peer.sendall(b"x")
                    return s.recv_timeout(1, ASK_MS) == b"x"
        except OSError:
            return False

    def promise_s(self):
        return self.deadlines[self.state_name()] + pause_s(self.n_failures() + 1) + TRY_S

    def run_fault(self, fault):
        self.deadlines = read_deadlines()
        eventually(lambda: self.state_name() == self.state, 20, self.state)
        downs = self.n_downs()
        self.inject(fault)
        self.clear(fault, downs)
        promise = self.promise_s()
        begin = time.monotonic()
        end = begin + (promise / SPEED + SLACK_S) * harness.time_scale()
        is_usable = False
        while not is_usable and time.monotonic() < end:
            is_usable = self.is_usable()
            time.sleep(0.01)
        took = (time.monotonic() - begin) * SPEED if is_usable else math.inf
        runner.note(f"{self.state} | {fault.title} | {took:.1f} | {promise:.0f}")
        self.assertTrue(is_usable, f"not up again within {promise:.0f} s")


def add_tests(case, faults):
    for fault in faults:
        def run(self, fault=fault):
            self.run_fault(fault)
        name = re.sub(r"\W+", "_", fault.title.lower())
        setattr(case, f"test_{name}", deadline(120)(run))


def add_cases():
    """A class for each state and run: classes run side by side."""
    for state in HOLDS:
        for n in range(RUNS):
            name = state.capitalize() + (f"{n + 1}" if RUNS > 1 else "")
            case = type(name, (_Faults,), {"state": state, "__module__": __name__})
            add_tests(case, [f for f in FAULTS if ALL or f.title == QUICK[state]])
            globals()[name] = case


add_cases()


# ---- the table ----------------------------------------------------------------

def as_markdown(notes):
    cells = {}
    for note in notes:
        state, title, took, promise = note.split(" | ")
        cells.setdefault((title, state), []).append((float(took), float(promise)))

    def shown(title, state):
        runs = cells.get((title, state))
        if not runs:
            return "-"
        worst = max(took for took, _ in runs)
        return "FAIL" if worst == math.inf else f"{worst:.0f} of {max(p for _, p in runs):.0f}"
    lines = ["| fault | " + " | ".join(HOLDS) + " |", "|---" * (len(HOLDS) + 1) + "|"]
    for fault in FAULTS:
        row = [shown(fault.title, state) for state in HOLDS]
        if any(cell != "-" for cell in row):
            lines.append(f"| {fault.title} | " + " | ".join(row) + " |")
    n = sum(len(runs) for runs in cells.values())
    good = sum(1 for runs in cells.values() for took, _ in runs if took < math.inf)
    return "\n".join(lines) + f"\n\n{good} of {n} were up again in time, {RUNS} of each.\n"


def finish(notes, counts):
    text = as_markdown(notes)
    print(text)
    if os.environ.get("FAULTS_DOC") and ALL and not counts["failed"]:
        docpart.Part("the faults", text, "faults-doc").write(
            os.path.join(os.environ["USOCKETD_SRCDIR"], "doc", "faults.md"))


if __name__ == "__main__":
    runner.main(sys.modules["__main__"], finish=finish)
