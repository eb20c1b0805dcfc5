#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A slow line: 64 kbit/s, 300 ms there and back, 2 % of the packets lost each way.

One program downloads and must get every byte as it was sent; a second one makes
a small request each second, each on a connection of its own, and must be
answered. How much of the line the download uses, and how long the second one
waits, are figures: they are printed, and judged in a long run only.

$SLOW_BYTES is how much is downloaded (40000, which takes some seconds; with
400000 a run is long), $SLOW_OPTIONS what the simulator is told besides.
"""

import hashlib
import os
import random
import statistics
import threading
import time

import harness
import runner
import usock
from modem_support import TunModemCase
from runner import deadline

BYTES = int(os.environ.get("SLOW_BYTES", "40000"))
OPTIONS = os.environ.get("SLOW_OPTIONS", "").split()
RATE = 64000
LONG = 400000
SHARE = 0.8
REQUEST = b"how are you?"
REQUEST_S = 60


def serve(listener, handler):
    """Runs handler(connection) for each that comes, each in a thread."""
    def run():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=handler, args=(connection,), daemon=True).start()
    threading.Thread(target=run, daemon=True).start()


def echo(connection):
    with connection:
        connection.settimeout(REQUEST_S)
        while data := connection.recv(1000):
            connection.sendall(data)


def ask(address, path, stop):
    """The second program, until @stop is there: how long each request took, in seconds."""
    usock.set_socket_path(path)
    took = []
    while True:
        begin = time.monotonic()
        s = usock.Sock()
        s.connect_timeout(address, REQUEST_S * 1000)
        s.send(REQUEST)
        if s.recv_exactly(len(REQUEST)) != REQUEST:
            raise AssertionError("another answer than was sent")
        s.close()
        took.append(time.monotonic() - begin)
        if os.path.exists(stop):
            return took
        time.sleep(max(0, 1 - took[-1]))


@deadline(BYTES * 8 / RATE * 5 + 60)
class Slow(TunModemCase):
    options = ("--rate", str(RATE), "--delay", "150", "--loss", "2", *OPTIONS)
    slow = True

    def start_second(self):
        listener, address = self.server()
        self.stop_file = os.path.join(self.daemon.folder, "stop")
        child = harness.Child(ask, address, self.daemon.socket, self.stop_file)
        serve(listener, echo)
        return child

    def pair(self):
        listener, address = self.server()
        s = self.tcp()
        s.connect_timeout(address, REQUEST_S * 1000)
        peer, _ = listener.accept()
        return s, self.keep(peer)

    def download(self, data):
        s, peer = self.pair()
        sending = harness.Call(peer.sendall, data)
        begin, got = time.monotonic(), b""
        while len(got) < len(data):
            got += s.recv(1 << 16)
        took = time.monotonic() - begin
        sending.result()
        return got, took

    def upload(self, data):
        s, peer = self.pair()
        peer.settimeout(REQUEST_S)
        begin, got = time.monotonic(), b""
        sending = harness.Call(s.send, data)
        while len(got) < len(data):
            got += peer.recv(1 << 16)
        took = time.monotonic() - begin
        sending.result()
        return got, took

    def moves(self, transfer):
        """transfer(data): the bytes that came, and in how many seconds."""
        self.wait_up(60)
        data = random.Random(BYTES).randbytes(BYTES)
        second = self.start_second()
        got, took = transfer(data)
        with open(self.stop_file, "w"):
            pass
        waits = sorted(second.result())
        self.assertEqual(hashlib.sha256(got).digest(), hashlib.sha256(data).digest())
        share = len(data) * 8 / took / RATE
        runner.note(
            f"{transfer.__name__}: {len(data)} bytes in {took:.1f} s, {share:.0%} of the line; "
            f"{len(waits)} requests answered in {statistics.median(waits):.2f} s (median), "
            f"{waits[int(len(waits) * 0.95)]:.2f} s (95 %), {waits[-1]:.2f} s (worst)")
        return share

    def test_download_and_a_second_program(self):
        share = self.moves(self.download)
        if BYTES >= LONG:
            self.assertGreaterEqual(share, SHARE)

    def test_upload_and_a_second_program(self):
        self.moves(self.upload)


if __name__ == "__main__":
    runner.main()
