#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of fuzz_at: what modems answer, and when they should not.

Usage: make_at_corpus.py DIRECTORY
"""
import pathlib
import sys

COMMANDS = AT, ATI, CPIN, CEREG, COPS, CSQ, PIN, DIAL = range(8)
# The deadline passes, or the next command is sent.
MARK = b"\xff"


def lines(*texts):
    return b"".join(b"\r\n" + text.encode() + b"\r\n" for text in texts)


def seed(command, *parts):
    return bytes([command]) + b"".join(parts)


SEEDS = {
    "ok": seed(AT, lines("OK")),
    "echo": seed(AT, b"AT\r", lines("OK"), b"ATI\r", lines("Quectel", "EC25", "OK")),
    "information": seed(ATI, lines("SIMCOM_Ltd", "SIM7600E", "+CREG: 2", "Revision: 1", "OK")),
    "sim": seed(CPIN, lines("+CPIN: READY", "OK")),
    "sim_error": seed(CPIN, lines("+CME ERROR: 10")),
    "sim_text": seed(CPIN, lines("+CME ERROR: SIM busy")),
    "registration": seed(CEREG, lines('+CEREG: 2,1,"1A2B","01C0FFEE",7', "OK")),
    "registration_5g": seed(CEREG, lines('+C5GREG: 2,1,"00A1B2","0123456789",11,1,"01"', "OK")),
    "registration_bare": seed(CEREG, lines("+CEREG: 5,1A2B,01C0FFEE,9,,,", "OK")),
    "registration_large": seed(CEREG, lines("+CEREG: 1,1,1,1,9223372036854775807", "OK")),
    "operator": seed(COPS, lines('+COPS: 0,0,"Some, Operator",7', "OK")),
    "operator_broken": seed(COPS, lines('+COPS: (0,"unended', "OK")),
    "signal": seed(CSQ, lines("+CSQ: 20,99", "OK")),
    "signal_extended": seed(CSQ, lines("+CSQ: 99,99", "OK"), lines("+CESQ: 99,99,255,255,20,61")),
    "pin": seed(PIN, b'AT+CPIN="1234"\r', lines("OK")),
    "pin_wrong": seed(PIN, lines("+CME ERROR: 16")),
    "dial": seed(DIAL, lines("CONNECT 150000000"), b"\x7e\xff\x7d\x23"),
    "dial_fails": seed(DIAL, lines("NO CARRIER"), MARK, lines("BUSY")),
    "unsolicited": seed(CSQ, lines("RING", "+CREG: 1", "+CSQ: 9,99", "+QIND: SMS DONE", "OK"),
                        lines("+CMTI: \"SM\",1", "NO CARRIER", "RDY")),
    "deadlines": seed(AT, b"\r\nO", MARK, b"K\r\n", MARK, lines("OK"), MARK, MARK),
    "overlong": seed(ATI, b"x" * 600, lines("OK")),
    "many": seed(ATI, lines(*["line of a long response"] * 120, "OK")),
    "noise": seed(AT, bytes(range(255)), lines("OK")),
    "identity": seed(ATI, lines("IMSI 262011234567890", "OK")),
}


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in SEEDS.items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
