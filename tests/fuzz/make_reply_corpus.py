#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of fuzz_reply: a daemon's good answers to each group of
calls, and bad ones of each kind.

Usage: make_reply_corpus.py DIRECTORY
"""
import pathlib
import struct
import sys

from make_request_corpus import address, data, fixed64, number, signed

TABLES, STREAM, LISTENER, DATAGRAM, NAMES, LINKS, OPTIONS = (1 << i for i in range(7))
RAW, TABLE, CHANNEL, EVENTS, OTHER, TWICE, END = (1 << i for i in range(7))
OK, STARTED, REFUSED = 0, 1, 23
INSTANCE = 0x1122334455667788
# Of struct table_header and struct table_socket.
HEADER, SOCKET = 80, 192
N_SOCKETS, HIGH_WATER, GONE = 12, 72, 68
GENERATION, STATE, FLAGS, ERROR, REMOTE = 4, 11, 12, 14, 40
ESTABLISHED, LISTENING = 4, 1
CONNECTING, WAS_CONNECTED = 1, 16
IPV4 = 4


def record(kind, payload=b""):
    return kind.encode() + bytes([len(payload)]) + payload


def reply(status=OK, body=b"", flags=0):
    return record("r", bytes([flags]) + number(1, 1) + number(2, status) + body)


def message(payload):
    return record("m", payload)


def patch(offset, payload):
    return record("t", struct.pack("<H", offset) + payload)


def socket_patch(index, offset, payload):
    return patch(HEADER + index * SOCKET + offset, payload)


def header(kind, payload=b"", ip=bytes([10, 0, 0, 1]), port=53, value=0):
    return struct.pack("=B3xIBBHI16sQ", kind, len(payload), IPV4, 0, port, 0, ip, value) + payload


def sock(index, flags):
    return reply(body=data(4, fixed64(1, 1 << 32 | index)), flags=flags)


def option(value):
    return reply(body=data(5, signed(1, value)))


def event(link, state, cause=b"", n=1):
    return message(number(1, link) + number(2, state) + data(3, cause) + number(4, n))


HELLO = reply(body=data(3, number(1, 1) + number(2, 1) + number(3, 1) + number(4, 4)
                        + fixed64(5, INSTANCE) + number(6, 1) + data(7, b"1.0")), flags=TABLE)
RESULT = (number(1, OK) + data(2, b"a.example") + data(3, address(IPV4, bytes([192, 0, 2, 1]), 0))
          + data(3, address(6, bytes(15) + b"\1", 0)))
STATUS = reply(body=data(6, data(1, b"1.0") + number(2, 5) + number(3, 1) + data(16, b"2.2.1")))
LIVE = (socket_patch(0, STATE, bytes([ESTABLISHED])) +
        socket_patch(0, FLAGS, struct.pack("<H", WAS_CONNECTED)))


def seed(groups, *records):
    return bytes([groups]) + b"".join(records)


SEEDS = {
    "tables": seed(TABLES, HELLO, STATUS),
    "tables_large": seed(TABLES, patch(HIGH_WATER, b"\xff\xff\xff\xff"), HELLO, STATUS),
    "tables_count": seed(TABLES, patch(N_SOCKETS, b"\xff\xff\xff\x00"), HELLO),
    "tables_gone": seed(TABLES, patch(GONE, b"\1"), HELLO),
    "tables_torn": seed(TABLES, socket_patch(0, 0, b"\1"), HELLO),
    "tables_version": seed(TABLES, patch(4, b"\2"), HELLO),
    "stream": seed(STREAM, LIVE, HELLO, sock(0, CHANNEL), message(b"hello"), reply(STARTED)),
    "stream_refused": seed(STREAM, HELLO, sock(0, CHANNEL), reply(REFUSED)),
    "stream_pending": seed(STREAM, socket_patch(0, FLAGS, struct.pack("<H", CONNECTING)), HELLO,
                           sock(0, CHANNEL), reply(STARTED), reply(OK)),
    "stream_error": seed(STREAM, socket_patch(0, ERROR, struct.pack("<H", 104)), HELLO,
                         sock(0, CHANNEL), reply(STARTED), option(104)),
    "stream_name": seed(STREAM | NAMES, LIVE, HELLO, sock(0, CHANNEL), reply(STARTED)),
    "stream_end": seed(STREAM, HELLO, sock(0, CHANNEL | END), reply(STARTED)),
    "stream_no_channel": seed(STREAM, HELLO, sock(0, 0)),
    "stream_other": seed(STREAM, HELLO, sock(0, OTHER)),
    "stream_unknown": seed(STREAM, HELLO, sock(9, CHANNEL), reply(7), reply(7)),
    "listener": seed(LISTENER, socket_patch(0, STATE, bytes([LISTENING])), HELLO,
                     sock(0, CHANNEL), message(header(3, value=1 << 32 | 1)), message(b"x"),
                     reply(OK), reply(OK)),
    "datagram": seed(DATAGRAM, socket_patch(2, REMOTE, struct.pack("<BBH", IPV4, 0, 53)), HELLO,
                     sock(2, EVENTS), message(header(1, b"hello")), message(header(2)),
                     message(header(9, b"x")), message(b"short"), reply(OK), reply(OK)),
    "datagram_options": seed(DATAGRAM | OPTIONS, HELLO, sock(2, EVENTS), reply(OK), reply(OK),
                             *[option(i) for i in (0, -1, 1, 64, 1)]),
    "names": seed(NAMES, HELLO, reply(STARTED, flags=EVENTS), message(RESULT),
                  reply(STARTED, flags=EVENTS), message(RESULT)),
    "names_unknown": seed(NAMES, HELLO, reply(STARTED, flags=EVENTS), message(number(1, 64)),
                          reply(65)),
    "names_end": seed(NAMES, HELLO, reply(STARTED, flags=EVENTS | END),
                      reply(STARTED, flags=EVENTS), message(b"\xff\xff")),
    "names_no_channel": seed(NAMES, HELLO, reply(STARTED), reply(STARTED, flags=OTHER)),
    "links": seed(LINKS, HELLO, reply(STARTED, flags=EVENTS), event(0, 6, b"up"), event(1, 0),
                  event(99, 200), message(b"\xff"), reply(STARTED, flags=EVENTS)),
    "hello_versions": seed(TABLES, reply(4, data(3, number(2, 7) + number(3, 9)))),
    "hello_no_table": seed(TABLES, record("r", HELLO[2:3].replace(bytes([TABLE]), b"\0")
                                          + HELLO[3:])),
    "hello_other": seed(TABLES, record("r", bytes([OTHER]) + HELLO[3:])),
    "hello_queues": seed(TABLES, reply(body=data(3, number(1, 1) + number(4, 1)
                                                 + fixed64(5, INSTANCE)),
                                       flags=TABLE | CHANNEL | OTHER)),
    "hello_garbage": seed(TABLES, record("r", b"\1\xff\xff")),
    "hello_hang_up": seed(TABLES, record("x")),
    "hello_twice": seed(TABLES, record("r", bytes([TABLE | TWICE]) + HELLO[3:]), STATUS),
}


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in SEEDS.items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
