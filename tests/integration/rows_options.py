# SPDX-License-Identifier: MIT
"""Rows of the semantics: options (O), keep-alive on the wire (B3)."""

import errno
import socket
import struct
import time

import usock
import wire

from harness import Call, TunCase, both_families
from rows_connect import HandCase
from runner import rows

TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_USER_TIMEOUT = 4, 5, 6, 18
KEEP_ALIVE = (socket.IPPROTO_TCP, TCP_KEEPIDLE), (socket.IPPROTO_TCP, TCP_KEEPINTVL), \
             (socket.IPPROTO_TCP, TCP_KEEPCNT)


class Options(TunCase):
    @rows("O1")
    def test_flags(self):
        s, u = self.tcp(), self.udp()
        for level, option, targets in (
                (socket.SOL_SOCKET, socket.SO_REUSEADDR, (s, u)),
                (socket.SOL_SOCKET, socket.SO_KEEPALIVE, (s, u)),
                (socket.SOL_SOCKET, socket.SO_BROADCAST, (s, u)),
                (socket.IPPROTO_TCP, socket.TCP_NODELAY, (s,)),
                (usock.SOL_USOCKET, usock.SO_WAIT_LINK, (s, u))):
            for target in targets:
                self.assertEqual(target.getsockopt(level, option), 0)
                target.setsockopt(level, option, 1)
                self.assertEqual(target.getsockopt(level, option), 1)
                target.setsockopt(level, option, 0)
                self.assertEqual(target.getsockopt(level, option), 0)

    @rows("O2", "O3")
    def test_keep_alive_in_minutes(self):
        s = self.tcp()
        minutes = usock.SOL_USOCKET, usock.SO_KEEPALIVE_MINUTES
        for n in (1, 2, 120):
            s.setsockopt(*minutes, n)
            self.assertEqual(s.getsockopt(*minutes), n)
            self.assertEqual(s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), 1)
            self.assertEqual([s.getsockopt(*o) for o in KEEP_ALIVE], [n * 60, 25, 3])
        for n in (-1, 121, 100000):
            with self.fails(errno.EINVAL):
                s.setsockopt(*minutes, n)
        s.setsockopt(*minutes, 0)
        self.assertEqual(s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), 0)
        with self.fails(errno.ENOPROTOOPT):
            self.udp().setsockopt(*minutes, 1)

    @rows("O3")
    def test_set_before_connect_is_kept(self):
        listener = self.kernel_listener()
        s = self.tcp()
        s.setsockopt(usock.SOL_USOCKET, usock.SO_KEEPALIVE_MINUTES, 5)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.connect(self.address_of(listener))
        self.assertEqual(s.getsockopt(socket.IPPROTO_TCP, TCP_KEEPIDLE), 300)
        self.assertEqual(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), 1)

    @rows("O3")
    def test_set_on_many_sockets_is_kept(self):
        many = [self.tcp() for _ in range(150)]
        for value in (1, 0):
            for s in many:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, value)
            for s in many:
                self.assertEqual(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), value)

    @rows("O3")
    def test_accepted_inherits_from_the_listener(self):
        listener = self.listening()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listener.setsockopt(socket.IPPROTO_TCP, TCP_KEEPIDLE, 77)
        self.kernel_socket().connect((self.stack, listener.getsockname()[1]))
        s = self.keep(listener.accept_timeout(20000)[0])
        self.assertEqual(s.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), 1)
        self.assertEqual(s.getsockopt(socket.IPPROTO_TCP, TCP_KEEPIDLE), 77)

    @rows("O4")
    def test_keep_alive_ranges(self):
        s = self.tcp()
        for option, most in ((TCP_KEEPIDLE, 32767), (TCP_KEEPINTVL, 32767), (TCP_KEEPCNT, 127)):
            for value in (1, most):
                s.setsockopt(socket.IPPROTO_TCP, option, value)
                self.assertEqual(s.getsockopt(socket.IPPROTO_TCP, option), value)
            for value in (0, -1, most + 1):
                with self.fails(errno.EINVAL):
                    s.setsockopt(socket.IPPROTO_TCP, option, value)

    @rows("O6", "O8")
    def test_unknown_92(self):
        s, u = self.tcp(), self.udp()
        for level, option in ((socket.SOL_SOCKET, 9999), (socket.IPPROTO_TCP, 9999),
                              (socket.IPPROTO_IP, 9999), (12345, 1),
                              (usock.SOL_USOCKET, 99),
                              (socket.IPPROTO_UDP, socket.TCP_NODELAY)):
            for target in (s, u):
                with self.fails(errno.ENOPROTOOPT):
                    target.setsockopt(level, option, 1)
                with self.fails(errno.ENOPROTOOPT):
                    target.getsockopt(level, option)
        for option in (socket.TCP_NODELAY, TCP_KEEPIDLE, TCP_KEEPCNT):
            with self.fails(errno.ENOPROTOOPT):
                u.setsockopt(socket.IPPROTO_TCP, option, 1)

    @rows("O7")
    def test_wrong_values(self):
        s = self.tcp()
        for raw in (b"", b"\1", b"\1\0\0"):
            with self.fails(errno.EINVAL, errno.EFAULT):
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, raw)
        with self.fails(errno.EFAULT):
            usock.call("setsockopt", s.fd, socket.SOL_SOCKET, socket.SO_REUSEADDR, None, 4)
        with self.fails(errno.EINVAL):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\0\0\0\0")
        with self.fails(errno.EDOM):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, 1000000))

    @rows("O9")
    def test_so_error_is_0_without_an_error(self):
        self.assertEqual(self.tcp().error(), 0)
        self.assertEqual(self.udp().error(), 0)
        self.assertEqual(self.connected()[0].error(), 0)

    @rows("O10")
    def test_tcp_info(self):
        s, peer = self.connected()
        s.send(bytes(100000))
        left = 100000
        while left:
            left -= len(peer.recv(65536))
        self.eventually(lambda: s.acked() == 100000)
        raw = s.getsockopt_raw(socket.IPPROTO_TCP, socket.TCP_INFO, 232)
        self.assertEqual(raw[0], 1)     # Linux' number of ESTABLISHED
        listener = self.listening()
        raw = listener.getsockopt_raw(socket.IPPROTO_TCP, socket.TCP_INFO, 232)
        self.assertEqual(raw[0], 10)

    def test_kinds_are_told(self):
        s = self.tcp()
        self.assertEqual(s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN), 0)
        s.listen()
        self.assertEqual(s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN), 1)

    def test_buffers_and_timeouts(self):
        s = self.tcp()
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            s.setsockopt(socket.SOL_SOCKET, option, 40000)
            self.assertGreaterEqual(s.getsockopt(socket.SOL_SOCKET, option), 40000)
        # Multiples of what any kernel's tick is.
        s.set_timeouts(receive_s=1.5, send_s=0.5)
        self.assertEqual(struct.unpack("@ll", s.getsockopt_raw(
            socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16)), (1, 500000))
        self.assertEqual(struct.unpack("@ll", s.getsockopt_raw(
            socket.SOL_SOCKET, socket.SO_SNDTIMEO, 16)), (0, 500000))

    def test_ip_options(self):
        for family, level, option, good, bad in (
                (socket.AF_INET, socket.IPPROTO_IP, socket.IP_TTL, (1, 255), (0, 256)),
                (socket.AF_INET, socket.IPPROTO_IP, socket.IP_TOS, (0, 0xb8), ()),
                (socket.AF_INET6, socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, (1, 255),
                 (256,)),
                (socket.AF_INET6, socket.IPPROTO_IPV6, socket.IPV6_TCLASS, (0, 0xb8), (256,))):
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                s = self.keep(usock.Sock(family, kind))
                for value in good:
                    s.setsockopt(level, option, value)
                    self.assertEqual(s.getsockopt(level, option), value)
                for value in bad:
                    with self.fails(errno.EINVAL):
                        s.setsockopt(level, option, value)

    @rows("O4")
    def test_user_timeout_is_kept(self):
        s = self.tcp()
        option = socket.IPPROTO_TCP, TCP_USER_TIMEOUT
        self.assertEqual(s.getsockopt(*option), 0)
        for ms in 1, 30000, 2**31 - 1, 0:
            s.setsockopt(*option, ms)
            self.assertEqual(s.getsockopt(*option), ms)
        with self.fails(errno.EINVAL):
            s.setsockopt(*option, -1)
        with self.fails(errno.ENOPROTOOPT):
            self.udp().setsockopt(*option, 1)
        listener = self.kernel_listener()
        s.setsockopt(*option, 5000)
        s.connect(self.address_of(listener))
        self.assertEqual(s.getsockopt(*option), 5000)

    def test_urgent_data_is_in_line(self):
        s, peer = self.connected()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        self.assertEqual(s.getsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE), 1)
        peer.send(b"ab")
        peer.send(b"!", socket.MSG_OOB)
        peer.send(b"cd")
        self.assertEqual(s.recv_exactly(5), b"ab!cd")

    def test_v6only_before_binding_only(self):
        s = self.keep(usock.Sock(socket.AF_INET6))
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.assertEqual(s.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY), 1)
        s.bind(("::", 0))
        with self.fails(errno.EINVAL):
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)


@both_families
class KeepAlive(HandCase):
    slow = True

    def with_keep_alive(self):
        s, hand = self.hand_connected()
        for option, value in ((TCP_KEEPIDLE, 1), (TCP_KEEPINTVL, 1), (TCP_KEEPCNT, 2)):
            s.setsockopt(socket.IPPROTO_TCP, option, value)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return s, hand

    def probe(self, hand):
        p = hand.expect(wire.ACK, timeout_s=5, matches=lambda p: p.seq == hand.syn.seq)
        self.assertLessEqual(len(p.payload), 1)
        return p

    @rows("B3", "O4")
    def test_no_answer_ends_the_connection_110(self):
        s, hand = self.with_keep_alive()
        start = time.monotonic()
        waiting = Call(s.recv, 1)
        self.probe(hand)
        self.probe(hand)
        with self.fails(errno.ETIMEDOUT):
            waiting.result()
        self.assertGreater(time.monotonic() - start, 1.5)
        self.assertEqual(s.recv(1), b"")
        with self.fails(errno.EPIPE):
            s.send(b"x")
        self.assertEqual(s.state(), 0)

    @rows("O4")
    def test_answered_probes_keep_it(self):
        s, hand = self.with_keep_alive()
        for _ in range(3):
            self.probe(hand)
            hand.send(wire.ACK)
        self.assertEqual(s.state(), 4)
        hand.send(wire.ACK, b"alive")
        self.assertEqual(s.recv_timeout(10, 1000), b"alive")


@both_families
class UserTimeout(HandCase):
    """TCP_USER_TIMEOUT, RFC 5482: tcp(7) says what it bounds."""

    slow = True
    MS = 700

    def limit(self, s, ms=MS):
        s.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, ms)

    def assert_ends(self, s, waiting, least_s):
        with self.fails(errno.ETIMEDOUT):
            waiting.result(30)
        self.assertGreater(waiting.seconds, least_s)
        self.assertEqual(s.state(), 0)
        self.assertEqual(s.recv(1), b"")
        with self.fails(errno.EPIPE):
            s.send(b"x")

    @rows("B3", "O4")
    def test_data_that_stays_unacknowledged_110(self):
        s, hand = self.hand_connected()
        self.limit(s)
        waiting = Call(s.recv, 1)
        s.send(b"hello?")
        hand.expect(wire.RST, timeout_s=20)
        self.assert_ends(s, waiting, 0.6)

    @rows("B3", "O4")
    def test_window_that_stays_closed_110(self):
        """The peer answers each probe, and takes nothing."""
        s, hand = self.hand_connected(window=0)
        self.limit(s, 1500)
        waiting = Call(s.recv, 1)
        s.send(b"waiting")
        while waiting.is_alive():
            if hand.wait(wire.ACK, timeout_s=0.1, matches=lambda p: p.payload):
                hand.send(wire.ACK, window=0)
        self.assert_ends(s, waiting, 1.4)

    @rows("O4")
    def test_nothing_outstanding_has_no_limit(self):
        s, hand = self.hand_connected()
        self.limit(s, 3000)
        waiting = Call(s.recv, 1)
        s.send(b"x")
        hand.take(hand.expect(wire.ACK, matches=lambda p: p.payload))
        waiting.join(4)
        self.assertTrue(waiting.is_alive())
        hand.send(wire.ACK, b"y")
        self.assertEqual(waiting.result(), b"y")

    @rows("O4")
    def test_set_while_data_is_outstanding(self):
        s, hand = self.hand_connected()
        waiting = Call(s.recv, 1)
        s.send(b"hello?")
        hand.expect(wire.ACK, matches=lambda p: p.payload)
        self.limit(s)
        self.assert_ends(s, waiting, 0.6)

    @rows("K3", "O4")
    def test_bounds_a_connect_110(self):
        s = self.tcp()
        self.limit(s)
        connecting = Call(s.connect, (self.silent, 80))
        with self.fails(errno.ETIMEDOUT):
            connecting.result(30)
        self.assertGreater(connecting.seconds, 0.6)

    @rows("B3", "O4")
    def test_goes_before_the_number_of_probes(self):
        s, hand = self.hand_connected()
        for option, value in ((TCP_KEEPIDLE, 1), (TCP_KEEPINTVL, 1), (TCP_KEEPCNT, 100)):
            s.setsockopt(socket.IPPROTO_TCP, option, value)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        waiting = Call(s.recv, 1)
        self.limit(s, 3000)
        self.assert_ends(s, waiting, 2)
