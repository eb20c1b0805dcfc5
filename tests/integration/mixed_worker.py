# SPDX-License-Identifier: MIT
"""One script of many on one daemon: mixed traffic until a file says stop.

usage: mixed_worker.py HOST TCP-PORT UDP-PORT STOP-FILE

Runs in CPython and MicroPython. Whatever is not as it should be ends it.
"""

import os
import sys
import time

import usocket

HOST, TCP, UDP, STOP = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
PATTERN = bytes(range(256)) * 64


def check(is_right, what):
    if not is_right:
        raise ValueError(what)


def tcp_echo(i):
    s = usocket.socket(usocket.AF_INET, usocket.SOCK_STREAM)
    s.settimeout(20)
    s.connect((HOST, TCP))
    line = "line %d\n" % i
    check(s.send(line) == len(line), "send")
    check(s.readline() == line.encode(), "readline")
    data = PATTERN[:(i * 997) % len(PATTERN) + 1]
    s.sendall(data)
    check(s.read(len(data)) == data, "read")
    check(s.getsocketsta() == 4, "state")
    s.close()


def udp_echo(i):
    s = usocket.socket(usocket.AF_INET, usocket.SOCK_DGRAM)
    s.settimeout(2)
    data = b"datagram %d" % i
    for _ in range(5):
        s.sendto(data, (HOST, UDP))
        try:
            check(s.recvfrom(100)[0] == data, "recvfrom")
            break
        except OSError as e:
            # A datagram may get lost.
            if e.args[0] != 110:
                raise
    else:
        raise ValueError("no datagram comes back")
    s.close()


def own_pair(i):
    listener = usocket.socket(usocket.AF_INET, usocket.SOCK_STREAM, usocket.IPPROTO_TCP_SER)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)
    client = usocket.socket()
    client.connect(listener.getsockname())
    server = listener.accept()[0]
    server.settimeout(20)
    client.send(b"%d\n" % i)
    client.close()
    check(server.readline() == b"%d\n" % i, "line of a pair")
    check(server.read() == b"", "end of a pair")
    server.close()
    listener.close()


def refused(i):
    s = usocket.socket()
    try:
        s.connect(("127.0.0.1", 1))
        raise ValueError("connected to nobody")
    except OSError as e:
        check(e.args[0] == 111, "refused")
    s.close()


def look_up(i):
    check(usocket.getaddrinfo("peer.test", TCP)[0][-1] == (HOST, TCP), "getaddrinfo")


def is_over():
    try:
        os.stat(STOP)
        return True
    except OSError:
        return False


rounds = 0
while not is_over():
    for action in tcp_echo, udp_echo, own_pair, refused, look_up:
        action(rounds)
        time.sleep(0.02)
    rounds += 1
print("done", rounds)
