# SPDX-License-Identifier: MIT
"""Rows of the semantics that take minutes: the daemon's clock runs faster."""

import errno
import os
import socket
import time
import unittest

import usock
import wire

from harness import Call, both_families, eventually
from rows_connect import POLLERR, POLLHUP, POLLIN, POLLOUT, HandCase
from runner import rows

FACTOR = 100


def fastclock_path():
    path = os.path.join(os.environ["USOCKETD_BUILDDIR"], "tests", "integration", ".libs",
                        "fastclock.so")
    if not os.path.exists(path):
        raise unittest.SkipTest("fastclock.so is not built: make check builds it")
    return path


class Stopwatch:
    """Tells seconds of the daemon's clock."""

    def __init__(self):
        self.start = time.monotonic()

    def seconds(self):
        return (time.monotonic() - self.start) * FACTOR


@both_families
class Minutes(HandCase):
    slow = True

    @classmethod
    def daemon_options(cls):
        before = os.environ.get("USOCKETD_SANITIZER_PRELOAD", "")
        return {"env": {"LD_PRELOAD": f"{before} {fastclock_path()}".strip(),
                        "FASTCLOCK": str(FACTOR)}}

    @classmethod
    def link_is_up(cls):
        # A client has two of its seconds to say hello: that may take some tries.
        eventually(cls.has_session)
        super().link_is_up()

    @staticmethod
    def has_session():
        try:
            usock.open_session()
        except OSError:
            return False
        return True

    @rows("K3", "B3")
    def test_connect_without_answer_110_after_75_s(self):
        hand = self.hand_peer()
        s = self.tcp()
        watch = Stopwatch()
        connecting = Call(s.connect, (hand.ip, hand.port))
        sent = []
        while connecting.is_alive():
            if hand.wait(wire.SYN, timeout_s=0.05):
                sent.append(watch.seconds())
        with self.fails(errno.ETIMEDOUT):
            connecting.result()
        self.assertGreaterEqual(connecting.seconds * FACTOR, 70)
        # RFC 1122 4.2.3.1: each pause is twice the one before, 7 SYNs in all.
        self.assertTrue(3 <= len(sent) <= 7, sent)

    @rows("B3", "Q7", "P7", "G16")
    def test_data_never_acknowledged_ends_with_110(self):
        s, _ = self.hand_connected()
        watch = Stopwatch()
        s.send(b"hello?")
        with self.fails(errno.ETIMEDOUT):
            s.recv(1)
        # RFC 9293 3.8.3: not before 100 s.
        self.assertGreater(watch.seconds(), 100)
        self.assertEqual(s.state(), 0)
        self.assertEqual(s.recv(1), b"")
        with self.fails(errno.EPIPE):
            s.send(b"x")

    @rows("B3", "P7")
    def test_retransmission_given_up_is_seen_by_poll(self):
        s, _ = self.hand_connected()
        s.send(b"hello?")
        self.assertEqual(s.poll(POLLIN, 50000), POLLIN | POLLERR | POLLHUP)
        self.assertEqual(s.poll(POLLIN | POLLOUT), POLLIN | POLLOUT | POLLERR | POLLHUP)
        self.assertEqual(s.error(), errno.ETIMEDOUT)
        self.assertEqual(s.error(), 0)

    @rows("O2", "B3")
    def test_keep_alive_in_minutes(self):
        s, hand = self.hand_connected()
        s.setsockopt(usock.SOL_USOCKET, usock.SO_KEEPALIVE_MINUTES, 1)
        watch = Stopwatch()
        waiting = Call(s.recv, 1)
        probes = []
        while waiting.is_alive():
            if hand.wait(wire.ACK, timeout_s=0.02, matches=lambda p: p.seq == hand.syn.seq):
                probes.append(watch.seconds())
        with self.fails(errno.ETIMEDOUT):
            waiting.result()
        self.assertEqual(len(probes), 3, probes)
        self.assertGreater(probes[0], 58)
        self.assertGreater(waiting.seconds * FACTOR, 58 + 2 * 25)

    @rows("X1")
    def test_rst_after_20_s_of_lingering(self):
        s, hand = self.hand_connected(window=100)
        s.send(bytes(10000))
        hand.expect(wire.ACK, matches=lambda p: p.payload)
        watch = Stopwatch()
        s.close()
        hand.expect(wire.RST, timeout_s=10)
        self.assertGreater(watch.seconds(), 18)

    @rows("B9")
    def test_time_wait_ends(self):
        s, peer = self.accepted()
        port = s.getsockname()[1]
        s.shutdown(socket.SHUT_WR)
        self.assertEqual(peer.recv(1), b"")
        peer.close()
        self.doCleanups()
        watch = Stopwatch()

        def is_free():
            with usock.Sock(self.af) as one:
                try:
                    one.bind((self.any, port))
                except OSError as e:
                    self.assertEqual(e.errno, errno.EADDRINUSE)
                    return False
            return True
        self.eventually(is_free, 10)
        self.assertGreater(watch.seconds(), 30)

    @rows("P4", "W2")
    def test_closed_window_is_asked_after_as_long_as_the_peer_answers(self):
        s, hand = self.hand_connected(window=0)
        s.send(b"waiting")
        # More often than data is sent again before that is given up.
        for _ in range(14):
            probe = hand.expect(wire.ACK, timeout_s=10, matches=lambda p: p.payload)
            hand.send(wire.ACK, window=0)
        self.assertEqual(s.state(), 4)
        self.assertEqual(probe.seq, hand.ack)
        hand.send(wire.ACK, window=1000)
        packet = hand.expect(wire.ACK, matches=lambda p: len(p.payload) > 1)
        self.assertEqual(packet.payload, b"waiting"[packet.seq - hand.ack:])

    @rows("P4", "W2")
    def test_peer_takes_what_probes_its_closed_window(self):
        """Nothing is left to be probed with: once that stopped the daemon."""
        for window in (0, 1000):
            with self.subTest(window=window):
                s, hand = self.hand_connected(window=0)
                s.send(b"x")
                probe = hand.expect(wire.ACK, matches=lambda p: p.payload)
                hand.ack = probe.seq + 1
                hand.send(wire.ACK, window=window)
                # Some ticks of lwIP's clock.
                time.sleep(1.2)
                s.send(b"y")
                hand.send(wire.ACK, window=1000)
                self.assertEqual(hand.expect(wire.ACK, matches=lambda p: p.payload).payload, b"y")
                hand.reset()
