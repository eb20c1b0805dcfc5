#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of fuzz_cmux: each frame, each message, each call.

Usage: make_cmux_corpus.py DIRECTORY
"""
import pathlib
import sys

RESPONDER, OPEN, LARGE, REACT, FULL = (1 << i for i in range(5))
RAW, FRAME, MESSAGE, WRITE, CALL, TIME = range(6)
SABM, UA, DM, DISC, UIH, UI = range(6)
CALLS = OPEN_DLC, CLOSE, SIGNALS, PROBE, SHUT_DOWN, START, FLUSH = range(7)
# Types of messages, as commands.
PN, PSC, CLD, TEST, FCON, FCOFF, MSC, NSC, RPN, RLS = (
    0x83, 0x43, 0xc3, 0x23, 0xa3, 0x63, 0xe3, 0x13, 0x93, 0x53)
ANSWER = 2  # less: the same as an answer


def record(kind, payload=b""):
    return bytes([kind, len(payload)]) + payload


def frame(kind, dlci, has_cr=0, info=b""):
    return record(FRAME, bytes([dlci << 2 | has_cr << 1, kind]) + info)


def message(kind, *value):
    return record(MESSAGE, bytes([kind, len(value) << 1 | 1, *value]))


def call(which, dlci=0):
    return record(CALL, bytes([dlci << 4 | which]))


def ticks(n):
    return bytes([TIME, n])


def seed(flags, *records):
    return bytes([flags]) + b"".join(records)


MESSAGES = {
    "pn": (PN, 3, 0, 7, 10, 64, 0, 3, 2), "psc": (PSC,), "test": (TEST, 97, 98),
    "fcon": (FCON,), "fcoff": (FCOFF,), "msc": (MSC, 7, 0x8d), "msc_break": (MSC, 7, 13, 1),
    "rpn": (RPN, 7), "rpn_set": (RPN, 7, 5, 3, 0, 17, 19, 255, 0), "rls": (RLS, 7, 0),
    "cld": (CLD,),
}
SEEDS = {
    "raw": seed(0, record(RAW, bytes.fromhex("0d0a4f4b0d0af9037301d7f9"))),
    "raw_noise": seed(OPEN, record(RAW, bytes.fromhex("f9f905ef0010f905ef0941540d0a58f9")),
                      ticks(20)),
    "opened": seed(0, frame(UA, 0, 1), call(OPEN_DLC, 1), frame(UA, 1, 1), call(OPEN_DLC, 2),
                   frame(DM, 2, 1), frame(UIH, 1, 0, b"\r\nOK\r\n")),
    "served": seed(RESPONDER, frame(SABM, 0, 1), frame(SABM, 1, 1), frame(SABM, 1, 1),
                   frame(UIH, 1, 1, b"AT\r"), frame(UI, 1, 1, b"AT\r"), frame(DISC, 1, 1),
                   frame(SABM, 0, 1), frame(DISC, 0, 1)),
    "unknown_dlci": seed(OPEN, *[frame(kind, 40, 0, b"x") for kind in range(6)]),
    "silent": seed(0, ticks(100), call(START), ticks(255)),
    "probe": seed(OPEN, call(PROBE), ticks(15), message(TEST - ANSWER, 104), call(PROBE),
                  ticks(100)),
    "close": seed(OPEN, call(CLOSE, 1), frame(UA, 1, 1), call(SHUT_DOWN), message(CLD - ANSWER)),
    "close_refused": seed(OPEN, call(SHUT_DOWN), message(NSC - ANSWER, CLD), frame(UA, 0, 1)),
    "signals": seed(OPEN | REACT, call(SIGNALS, 1), message(MSC, 7, 0x8d), message(MSC, 7, 13),
                    message(MSC - ANSWER, 7, 9), frame(UA, 1, 1)),
    "stopped": seed(OPEN | REACT, message(MSC, 7, 15), record(WRITE, b"\1\xff" + bytes(100)),
                    message(MSC, 7, 13)),
    "full": seed(OPEN | FULL | LARGE, record(WRITE, b"\1\xff" + bytes(100)),
                 record(WRITE, b"\2\x10" + bytes(40)), *[call(FLUSH)] * 8),
    "react": seed(OPEN | REACT, frame(UIH, 1, 0, b"echo"), frame(DISC, 1), frame(UA, 1, 1)),
    "ended": seed(OPEN, record(RAW, bytes.fromhex("f901ef05c30193f90d0a4f4b0d0a"))),
    **{f"message_{name}": seed(OPEN, message(*m)) for name, m in MESSAGES.items()},
    **{f"message_{name}_served": seed(OPEN | RESPONDER, message(*m))
       for name, m in MESSAGES.items()},
}


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in SEEDS.items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
