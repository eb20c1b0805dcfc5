#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of fuzz_request: every request, a full configuration, and
each kind of message.

Usage: make_request_corpus.py DIRECTORY
"""
import pathlib
import struct
import sys

QUEUE, SOCKET, OTHER, RUN, CLOSE, DATA = 1, 2, 4, 8, 16, 32
IPV4, IPV6 = 4, 6
STREAM, DATAGRAM, RAW = 1, 2, 3


def varint(value):
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def signed(field, value):
    return number(field, value << 1 if value >= 0 else (-value << 1) - 1)


def fixed64(field, value):
    return varint(field << 3 | 1) + struct.pack("<Q", value)


def data(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def address(family, ip, port, scope=0):
    return number(1, family) + data(2, ip) + number(3, port) + number(4, scope)


LOOPBACK = bytes([127, 0, 0, 1])
LOOPBACK6 = bytes(15) + b"\x01"


def request(field, body=b"", sequence=1):
    return number(1, sequence) + data(field, body)


def new(family, kind, protocol=0):
    return request(3, number(1, family) + number(2, kind) + number(3, protocol))


ATTACH = request(4)


def bind(n, addr):
    return request(5, fixed64(1, n) + data(2, addr))


def connect(n, addr, wait=0):
    return request(6, fixed64(1, n) + data(2, addr) + number(3, wait))


def disconnect(n):
    return request(7, fixed64(1, n))


def listen(n, backlog=5):
    return request(8, fixed64(1, n) + number(2, backlog))


def set_option(n, option, value, group=b"", interface=b""):
    return request(9, fixed64(1, n) + number(2, option) + signed(3, value)
                   + (data(4, group) if group else b"")
                   + (data(5, interface) if interface else b""))


def get_option(n, option):
    return request(10, fixed64(1, n) + number(2, option))


def resolve(name, family=0):
    return request(11, data(1, name) + number(2, family))


def connect_name(n, name, port=4000, wait=0):
    return request(14, fixed64(1, n) + data(2, name) + number(3, port) + number(4, wait))


def link_control(name, action):
    return request(15, data(1, name) + number(2, action))


def link_set(name, key, value, redial=1):
    return request(16, data(1, name) + data(2, key) + data(3, value) + number(4, redial))


def link_log(name, follow=0):
    return request(17, data(1, name) + number(2, follow))


def link_at(name, command):
    return request(18, data(1, name) + data(2, command))


WATCH, STATUS = request(12), request(13)
HELLO = request(2, number(1, 1) + number(2, 1) + number(3, 7) + data(4, b"fuzz"))


def record(message, flags=QUEUE | RUN):
    return struct.pack("BB", flags, len(message)) + message


def session(*records):
    return b"s" + b"".join(records)


def datagram(family, ip, port, payload):
    header = struct.pack("=B3xI", 1, len(payload))
    header += struct.pack("=BBHI16s", family, 0, port, 0, ip.ljust(16, b"\0"))
    return header + struct.pack("=Q", 0) + payload


SERVER4 = address(IPV4, LOOPBACK, 4000)
SERVER6 = address(IPV6, LOOPBACK6, 4000)
GROUP4 = address(IPV4, bytes([224, 0, 0, 9]), 0)
GROUP6 = address(IPV6, b"\xff\x02" + bytes(13) + b"\x09", 0)

CONFIG = b"""# everything
[daemon]
socket = /run/x.sock
socket_mode = 0660
log_level = debug
queues = yes
sockets_max = 64

[limits]
sessions = 3 ; comment
queued_per_user = 64M
raw_group = root
[tcp]
linger = 5
[udp]
receive_buffer = 64K
[resolver]
servers = 192.0.2.1, [2001:db8::1]:53
hosts = none
[link net0]
driver = tun
[link wan]
driver = slirp
forward = tcp:8080:80
"""

DNS_REPLY = (struct.pack("!HHHHHH", 1, 0x8182, 1, 0, 0, 0)
             + b"\x04four\x07Example\0" + struct.pack("!HH", 1, 1))

SEEDS = {
    "tcp_ipv4": session(
        record(new(IPV4, STREAM)), record(set_option(0, 2, 1)), record(bind(0, SERVER4)),
        record(listen(0)), record(new(IPV4, STREAM)), record(connect(1, SERVER4)),
        record(b"hello", DATA | RUN), record(get_option(1, 1)), record(b"", CLOSE | RUN)),
    "tcp_ipv6": session(
        record(new(IPV6, STREAM)), record(bind(0, SERVER6)), record(listen(0, 255)),
        record(new(IPV6, STREAM)), record(connect(1, SERVER6, 1)),
        record(disconnect(1)), record(STATUS, CLOSE | RUN)),
    "tcp_refused": session(
        record(new(IPV4, STREAM)), record(connect(0, address(IPV4, LOOPBACK, 9))),
        record(get_option(0, 1))),
    "tcp_options": session(
        record(new(IPV4, STREAM)),
        *[record(set_option(0, option, value)) for option, value in
          ((3, 1), (4, 5), (5, 60), (6, 10), (7, 3), (8, 1), (9, 0), (12, 9), (15, 16))],
        *[record(get_option(0, option)) for option in range(1, 19)]),
    "udp_ipv4": session(
        record(new(IPV4, DATAGRAM)), record(bind(0, SERVER4)), record(set_option(0, 10, 1)),
        record(datagram(IPV4, LOOPBACK, 4000, b"ping"), DATA | RUN),
        record(set_option(0, 17, 0, GROUP4)), record(set_option(0, 18, 0, GROUP4))),
    "udp_multicast_interface": session(
        record(new(IPV4, DATAGRAM)), record(set_option(0, 19, 0, b"", SERVER4)),
        record(set_option(0, 19, 0, b"", address(0, b"", 0, 1))), record(get_option(0, 19)),
        record(datagram(IPV4, bytes([224, 0, 0, 9]), 4000, b"ping"), DATA | RUN)),
    "udp_ipv6": session(
        record(new(IPV6, DATAGRAM)), record(connect(0, SERVER6)),
        record(datagram(0, b"", 0, b"ping"), DATA | RUN),
        record(set_option(0, 17, 0, GROUP6, address(0, b"", 0, 1))), record(disconnect(0))),
    "raw": session(
        record(new(IPV4, RAW, 1)),
        record(datagram(IPV4, LOOPBACK, 0, b"\x08\0\xf7\xfe\0\0\0\1"), DATA | RUN),
        record(new(IPV6, RAW, 58))),
    "attach": session(
        record(new(IPV4, STREAM)), record(ATTACH, SOCKET | RUN), record(ATTACH, OTHER | RUN),
        record(ATTACH, RUN)),
    "resolve": session(
        record(resolve(b"localhost")), record(resolve(b"192.0.2.1", IPV4)),
        record(resolve(b"a.example", IPV6), RUN)),
    "connect_name": session(
        record(new(IPV4, STREAM)), record(new(IPV4, STREAM)), record(bind(0, SERVER4)),
        record(listen(0)), record(connect_name(1, b"localhost"), RUN),
        record(connect_name(1, b"a.example", wait=1)), record(disconnect(1))),
    "connect_name_udp": session(
        record(new(IPV6, DATAGRAM)), record(connect_name(0, b"localhost")),
        record(datagram(0, b"", 0, b"ping"), DATA | RUN),
        record(connect_name(0, b"a.example")), record(connect(0, SERVER6)),
        record(disconnect(0), RUN)),
    "watch_and_status": session(record(WATCH), record(STATUS), record(STATUS, RUN)),
    "links": session(
        *[record(link_control(b"net0", action)) for action in (2, 3, 1, 3, 9)],
        record(link_set(b"net0", b"dns", b"192.0.2.1, 192.0.2.2"), RUN),
        record(link_set(b"net0", b"dns", b"x")), record(link_set(b"net1", b"mtu", b"1", 0)),
        record(link_log(b"net0", 1), RUN), record(link_control(b"net0", 2), RUN)),
    "link_lines": session(
        record(link_log(b"net0"), RUN), record(link_at(b"net0", b"AT+CSQ;+CREG?")),
        record(link_at(b"net0", b"ATD*99#")), record(link_at(b"", b""), RUN)),
    "burst": session(*[record(STATUS, QUEUE)] * 8, record(STATUS, RUN)),
    "hello_again": session(record(HELLO, RUN)),
    "future": session(record(number(1, 7) + data(100, b"xy"), RUN)),
    "noise": session(record(b"\xff\xff\xff", RUN)),
    "config": b"c" + CONFIG,
    "config_errors": b"c[tcp]\nlinger = 0\n[tcp]\nnonsense\n[x\n[link A]\n[link a]\nmtu=1\n",
    "message_hello": b"d" + HELLO,
    "message_bind": b"d" + bind(1, SERVER6),
    "message_reply": b"d" + number(1, 1) + number(2, 0) + data(3, number(1, 1) + fixed64(5, 9)),
    "message_result": b"d" + number(1, 0) + data(2, b"a.example") + data(3, SERVER4),
    "message_event": b"d" + number(1, 0) + number(2, 6) + data(3, b"address 10.0.0.1"),
    "message_line": b"d" + number(1, 1) + data(2, b"+CSQ: 20,99") + number(3, 9) + number(5, 1),
    "message_name": b"d\x01\x00\x00usocketd/0123456789abcdef/0123456789abcdef",
    "message_dns": b"d" + DNS_REPLY,
}


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, seed in SEEDS.items():
        (folder / name).write_bytes(seed)


if __name__ == "__main__":
    main()
