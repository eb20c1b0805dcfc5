#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What usocket-run promises of any program: no system call more, and no packet of the kernel's.

Calls are taken from strace's record of a download, between the first bytes of it and
the last: not what it costs to start and to connect. Packets are captured in the
namespace the program runs in, on all of its interfaces.
"""

import os
import re
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))

import harness  # noqa: E402
import runner  # noqa: E402
from harness import Tun  # noqa: E402
from preload_support import usocket_run  # noqa: E402
from programs_support import ProgramCase  # noqa: E402

MB = 1000 * 1000
SIZE = 20 * MB
# A reader that is faster than what feeds it polls once more and finds less to read:
# how often is the scheduler's choice, on either side. One call more for each read,
# beside the read and its poll, would be half as many again.
TOLERANCE = 1.4
TRIES = 5
# curl's output: as many as stdio makes of pieces that happen to be so long.
TO_THE_FILE = "write"

BEACON = """
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (argc != 3 || fd < 0 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		return 1;
	return sendto(fd, argv[2], strlen(argv[2]), 0, (struct sockaddr *)&to, sizeof(to)) < 0;
}
"""
ETH_P_ALL, ETH_P_IP = 3, 0x0800


class Calls(ProgramCase):
    """curl's system calls, in the stack and in the kernel's."""

    def calls(self, prefix, url):
        """System calls for a megabyte of the download, by name."""
        record = os.path.join(self.folder, "calls")
        # Of usocket-run's own process, which becomes the program's.
        done = subprocess.run(["strace", "-o", record, *prefix,
                               "curl", "-sSf", "-o", "/dev/null", url],
                              env=self.settings(), capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(record) as f:
            lines = f.readlines()
        reads = [i for i, line in enumerate(lines) if re.match(r"recvfrom\(.*= [1-9]\d*$", line)]
        names = [line.split("(")[0] for line in lines[reads[0]:reads[-1] + 1]]
        return {name: names.count(name) * MB / SIZE for name in set(names) - {TO_THE_FILE}}

    @runner.deadline(120)
    def test_no_call_more_for_a_byte(self):
        with open(os.path.join(self.folder, "20M"), "wb") as f:
            f.write(os.urandom(SIZE))
        url = f"http://{Tun.KERNEL[4]}:{self.peer_pages()}/20M"
        # In turn, and the better of a few: what a busy machine adds is not the library's.
        tries = [[self.calls(prefix, url) for prefix in (usocket_run(), [])]
                 for _ in range(TRIES)]
        stack, kernel = (min(got, key=lambda one: sum(one.values())) for got in zip(*tries))
        runner.note("system calls of curl for a megabyte: " + ", ".join(
            f"{name} {stack.get(name, 0):.1f} under usocket-run, {kernel.get(name, 0):.1f} without"
            for name in sorted(stack | kernel)))
        self.assertGreater(sum(kernel.values()), 1)
        self.assertLessEqual(sum(stack.values()), sum(kernel.values()) * TOLERANCE)
        # None of another kind: it would be the library's.
        self.assertLessEqual(set(stack), set(kernel))


class Capture:
    """All packets of all interfaces of this network namespace."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self.socket.settimeout(10)
        self.n = 0

    def close(self):
        self.socket.close()

    def sent(self):
        """Those of IPv4 that have gone out; one that the test sends itself ends the waiting."""
        self.n += 1
        end = b"end %d of the capture" % self.n
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(end, (Tun.SILENT[4], 9))
        packets = []
        while True:
            packet, (_, protocol, kind, *_) = self.socket.recvfrom(65536)
            if kind != socket.PACKET_OUTGOING or protocol != ETH_P_IP:
                continue
            if packet.endswith(end):
                return packets
            packets.append(packet)


class Sealed(ProgramCase):
    """Programs that usocket-run refuses send nothing; without it they do."""

    def build(self, name, *options):
        path = os.path.join(self.folder, name)
        with open(path + ".c", "w") as f:
            f.write(BEACON)
        subprocess.run(["gcc", "-o", path, path + ".c", *options], check=True)
        return path

    def assert_sealed(self, path, **env):
        capture = self.keep(Capture())
        arguments = [path, Tun.SILENT[4]]
        subprocess.run([*arguments, "sent without it"], check=True, timeout=20)
        self.assertEqual([p[-15:] for p in capture.sent()], [b"sent without it"])
        self.run_it(*arguments, "sent in spite of it", expected=126, **env)
        self.assertEqual(capture.sent(), [])

    def test_static_program(self):
        self.assert_sealed(self.build("static", "-static"))

    def test_go_program(self):
        path = self.build("go")
        subprocess.run(["objcopy", "--add-section", f".go.buildinfo={path}.c", path], check=True)
        self.assert_sealed(path)

    def test_set_uid_program(self):
        path = self.build("setuid")
        os.chown(path, harness.OTHER_UID, harness.OTHER_UID)
        os.chmod(path, 0o4755)
        self.assert_sealed(path)

    def test_missing_library(self):
        self.assert_sealed(self.build("lonely"),
                           USOCKET_PRELOAD="/nonexistent/libusocket-preload.so")

    def test_library_that_cannot_be_loaded(self):
        broken = os.path.join(self.folder, "libusocket-preload.so")
        with open(broken, "w") as f:
            f.write("no library")
        self.assert_sealed(self.build("broken"), USOCKET_PRELOAD=broken)

    def test_program_that_runs_sends_by_the_stack_only(self):
        """The other control: not refused, its packet comes in from the daemon's side."""
        path = self.build("carried")
        capture = self.keep(Capture())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind((Tun.KERNEL[4], 9))
            s.settimeout(10)
            self.run_it(path, Tun.KERNEL[4], "carried")
            data, address = s.recvfrom(100)
        self.assertEqual((data, address[0]), (b"carried", Tun.STACK[4]))
        self.assertEqual(capture.sent(), [])


if __name__ == "__main__":
    runner.main()
