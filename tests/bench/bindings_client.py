# SPDX-License-Identifier: MIT
"""
The benchmark's client in Python and MicroPython, with the sockets of any module.

usage: bindings_client.py MODULE HOST PORT HEADER-OF-BULK HEADER-OF-PING MILLISECONDS

Headers are those of traffic.h, in hexadecimal; the result is a line of JSON.
"""

import binascii
import sys
import time

name, host, port, bulk, ping, milliseconds = sys.argv[1:7]
module = __import__(name)
for part in name.split(".")[1:]:
    module = getattr(module, part)
READ = 65536

if hasattr(time, "ticks_us"):
    def seconds():
        return time.ticks_us() / 1e6
else:
    seconds = time.perf_counter


def connect(header):
    s = module.socket(module.AF_INET, module.SOCK_STREAM)
    s.connect(module.getaddrinfo(host, int(port))[0][-1])
    s.send(binascii.unhexlify(header))
    return s


def measure_bulk():
    begin, n = seconds(), 0
    s = connect(bulk)
    data = s.recv(READ)
    while data:
        n += len(data)
        data = s.recv(READ)
    s.close()
    return n / (seconds() - begin)


def measure_ping():
    s = connect(ping)
    begin, n = seconds(), 0
    end = now = begin
    end += int(milliseconds) / 1e3
    while now < end:
        s.send(b"x")
        s.recv(1)
        n += 1
        now = seconds()
    s.close()
    return n / (now - begin)


print('{"bytes/s": %f, "requests/s": %f}' % (measure_bulk(), measure_ping()))
