# SPDX-License-Identifier: MIT
"""Rows of the semantics: ends (X), options (O), states (Q), readiness (P), and
the ground rules about holders and closed descriptors (G)."""

import ctypes
import errno
import os
import select
import socket
import struct
import subprocess
import sys
import time

import harness
import usock
import wire

from harness import Call, Child, TunCase, both_families, in_child
from rows_connect import POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, HandCase
from rows_data import StreamCase
from runner import rows

POLLRDHUP = 0x2000
LINGER_0 = struct.pack("ii", 1, 0)
# Once both sides have sent FIN the socket may be over while TCP is in TIME_WAIT.
OVER = 0, 10
TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT = 4, 5, 6
KEEP_ALIVE = (socket.IPPROTO_TCP, TCP_KEEPIDLE), (socket.IPPROTO_TCP, TCP_KEEPINTVL), \
             (socket.IPPROTO_TCP, TCP_KEEPCNT)


# ---- close and shutdown -------------------------------------------------------

@both_families
class End(StreamCase):
    config = {"tcp": {"linger": 1}}

    @rows("X1")
    def test_close_returns_at_once_and_data_is_delivered(self):
        data = os.urandom(1 << 20)

        def send_and_close():
            nonlocal sent, peer
            s, peer = self.connected()
            s.setblocking(False)
            sent = 0
            while sent < len(data):
                try:
                    sent += s.send(data[sent:])
                except BlockingIOError:
                    break
            s.close()
        sent, peer = 0, None
        self.assert_takes(0, send_and_close, within=0.5)
        self.assertEqual(self.read_all(peer, sent + 1), data[:sent])
        self.doCleanups()
        self.eventually(lambda: not usock.sockets())

    @rows("X1")
    def test_data_of_a_client_that_died_is_delivered(self):
        listener = self.kernel_listener()
        name, family = self.address_of(listener), self.af

        def send_and_die():
            s = usock.Sock(family)
            s.connect(name)
            s.send(b"z" * 300000)
            os.kill(os.getpid(), 9)
        child = Child(send_and_die)
        peer = self.accept_kernel(listener)
        with self.assertRaisesRegex(RuntimeError, "ended with -9"):
            child.result()
        self.assertEqual(self.read_all(peer, 300001), b"z" * 300000)

    @rows("X1")
    def test_rst_after_the_linger_limit(self):
        s, hand = self.hand_connected(window=1000)
        s.send(bytes(100000))
        hand.expect(wire.ACK, matches=lambda p: p.payload)
        start = time.monotonic()
        s.close()
        hand.expect(wire.RST, timeout_s=5)
        self.assertGreater(time.monotonic() - start, 0.95)
        self.eventually(lambda: not usock.sockets())

    @rows("X1", "Q8")
    def test_closed_socket_is_shown_as_orphan_until_it_is_done(self):
        s, hand = self.hand_connected()
        s.send(b"data")
        packet = hand.expect(wire.ACK, matches=lambda p: p.payload)
        fd = s.fd
        s.close()
        self.assertEqual(usock.lib.getsocketsta(fd), -1)
        self.eventually(lambda: usock.sockets() and
                        usock.sockets()[0].flags & usock.INFO_ORPHAN)
        hand.take(packet)
        fin = hand.expect(wire.FIN)
        hand.take(fin)
        hand.send(wire.FIN | wire.ACK)
        self.eventually(lambda: not usock.sockets())

    @rows("X2")
    def test_close_with_unread_data_resets(self):
        s, peer = self.connected()
        peer.send(b"unread")
        self.assertTrue(s.poll(POLLIN, 20000) & POLLIN)
        s.close()
        with self.fails(errno.ECONNRESET):
            peer.recv(1)

    @rows("X2")
    def test_data_after_close_is_answered_by_reset(self):
        s, peer = self.connected()
        s.close()
        self.assertEqual(peer.recv(1), b"")
        peer.send(b"too late")
        self.eventually(lambda: peer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or
                        select.select([peer], [], [], 0)[0])
        with self.fails(errno.ECONNRESET, errno.EPIPE):
            for _ in range(50):
                peer.send(b"x")
                time.sleep(0.01)

    @rows("O1", "X1")
    def test_linger_0_resets(self):
        s, peer = self.connected()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
        self.assertEqual(s.getsockopt_raw(socket.SOL_SOCKET, socket.SO_LINGER, 8), LINGER_0)
        s.close()
        with self.fails(errno.ECONNRESET):
            peer.recv(1)
        self.eventually(lambda: not usock.sockets())

    @rows("X3", "Q6", "W10")
    def test_shutdown_wr_then_recv(self):
        s, peer = self.connected()
        s.send(b"question")
        s.shutdown(socket.SHUT_WR)
        self.assertEqual(self.read_all(peer, 100), b"question")
        peer.send(b"answer")
        self.assertEqual(s.recv_exactly(6), b"answer")
        self.eventually(lambda: s.state() == 6)
        peer.close()
        self.assertEqual(s.recv(1), b"")

    @rows("X3")
    def test_peers_half_close_leaves_us_sending(self):
        s, peer = self.connected()
        peer.shutdown(socket.SHUT_WR)
        self.assertEqual(s.recv(1), b"")
        data = os.urandom(500000)
        sending = Call(s.send, data)
        self.assertEqual(self.read_all(peer, len(data)), data)
        self.assertEqual(sending.result(), len(data))
        s.shutdown(socket.SHUT_WR)
        self.assertEqual(peer.recv(1), b"")

    def test_shutdown_rd_is_the_end_for_the_reader(self):
        s, peer = self.connected()
        waiting = Call(s.recv, 1)
        time.sleep(0.05)
        s.shutdown(socket.SHUT_RD)
        self.assertEqual(waiting.result(), b"")
        self.assertEqual(s.recv(1), b"")
        s.send(b"still")
        self.assertEqual(self.read_all(peer, 5), b"still")

    def test_shutdown_both(self):
        s, peer = self.connected()
        s.shutdown(socket.SHUT_RDWR)
        self.assertEqual(peer.recv(1), b"")
        self.assertEqual(s.recv(1), b"")
        with self.fails(errno.EPIPE):
            s.send(b"x")

    @rows("X4")
    def test_shutdown_unconnected_107(self):
        for make in (self.tcp, self.udp):
            for how in (socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR):
                with self.fails(errno.ENOTCONN):
                    make().shutdown(how)

    def test_shutdown_of_something_else_22(self):
        s, _ = self.connected()
        for how in (-1, 3, 99):
            with self.fails(errno.EINVAL):
                s.shutdown(how)

    @rows("X11")
    def test_names(self):
        s = self.tcp()
        self.assertEqual(s.getsockname(), (self.any, 0))
        with self.fails(errno.ENOTCONN):
            s.getpeername()
        u = self.udp()
        with self.fails(errno.ENOTCONN):
            u.getpeername()
        u.connect((self.kernel, 9))
        self.assertEqual(u.getpeername(), (self.kernel, 9))
        self.assertEqual(u.getsockname()[0], self.stack)
        s, peer = self.connected()
        self.assertEqual(s.getpeername(), peer.getsockname()[:2])
        self.assertEqual(s.getsockname(), peer.getpeername()[:2])

    def test_names_are_cut_as_getsockname_does(self):
        s, _ = self.connected()
        raw, n = ctypes.create_string_buffer(64), usock.socklen_t(5)
        self.assertEqual(usock.lib.getsockname(s.fd, ctypes.cast(raw, ctypes.c_void_p),
                                               ctypes.byref(n)), 0)
        self.assertEqual(n.value, 16 if self.family == 4 else 28)
        self.assertEqual(raw.raw[5:], bytes(59))

    @rows("X7")
    def test_descriptor_works_with_select_and_epoll(self):
        s, peer = self.connected()
        self.assertEqual(select.select([s.fd], [s.fd], [], 0), ([], [s.fd], []))
        epoll = self.keep(select.epoll())
        epoll.register(s.fd, select.EPOLLIN)
        self.assertEqual(epoll.poll(0), [])
        peer.send(b"x")
        self.assertEqual(epoll.poll(5), [(s.fd, select.EPOLLIN)])
        self.assertEqual(select.select([s.fd], [], [], 0)[0], [s.fd])


# ---- options -------------------------------------------------------------------

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


# ---- states --------------------------------------------------------------------

@both_families
class States(HandCase):
    @rows("Q1", "Q9")
    def test_new_or_bound_0_udp_minus_1(self):
        s = self.tcp()
        self.assertEqual(s.state(), 0)
        s.bind((self.any, 0))
        self.assertEqual(s.state(), 0)
        self.assertEqual(self.udp().state(), -1)

    @rows("Q2", "Q3", "Q4", "Q10")
    def test_listening_connecting_connected(self):
        self.assertEqual(self.listening().state(), 1)
        hand = self.hand_peer()
        s = self.start_connect(hand)
        self.assertEqual(s.state(), 2)
        hand.serve()
        s.connect_wait(20000)
        self.assertEqual(s.state(), 4)

    @rows("Q5", "Q10")
    def test_close_wait_then_last_ack(self):
        s, hand = self.hand_connected()
        hand.send(wire.FIN | wire.ACK)
        self.eventually(lambda: s.state() == 7)
        s.shutdown(socket.SHUT_WR)
        fin = hand.expect(wire.FIN)
        self.eventually(lambda: s.state() == 9)
        hand.take(fin)
        self.eventually(lambda: s.state() == 0)

    @rows("Q6")
    def test_fin_wait_1_2_and_time_wait(self):
        s, hand = self.hand_connected()
        s.shutdown(socket.SHUT_WR)
        fin = hand.expect(wire.FIN)
        self.eventually(lambda: s.state() == 5)
        hand.take(fin)
        self.eventually(lambda: s.state() == 6)
        hand.send(wire.FIN | wire.ACK)
        self.eventually(lambda: s.state() in OVER)
        self.assertEqual(s.recv(1), b"")

    @rows("Q6")
    def test_closing(self):
        s, hand = self.hand_connected()
        s.shutdown(socket.SHUT_WR)
        fin = hand.expect(wire.FIN)
        # Its FIN crosses ours: ours is not acknowledged yet.
        hand.send(wire.FIN | wire.ACK, ack=fin.seq)
        self.eventually(lambda: s.state() == 8)
        hand.take(fin)
        self.eventually(lambda: s.state() in OVER)

    @rows("Q7")
    def test_reset_0(self):
        s, hand = self.hand_connected()
        hand.reset()
        self.eventually(lambda: s.state() == 0)

    @rows("Q8", "G9")
    def test_after_close_minus_1(self):
        s, _ = self.hand_connected()
        fd = s.fd
        s.close()
        self.assertEqual(usock.lib.getsocketsta(fd), -1)
        with self.fails(errno.EBADF):
            usock.call("getsendacksize", fd)

    @rows("Q11")
    def test_acknowledged_bytes(self):
        with self.fails(errno.ENOTCONN):
            self.tcp().acked()
        with self.fails(errno.EOPNOTSUPP):
            self.udp().acked()
        s, hand = self.hand_connected()
        self.assertEqual(s.acked(), 0)
        s.send(b"x" * 1000)
        packet = hand.expect(wire.ACK, matches=lambda p: p.payload)
        self.assertEqual(s.acked(), 0)
        self.eventually(lambda: s.info().send_queue == 1000)
        hand.take(packet)
        self.eventually(lambda: s.acked() == len(packet.payload))
        got = len(packet.payload)
        while got < 1000:
            got += len(hand.take(hand.expect(wire.ACK, matches=lambda p: p.payload)))
        self.eventually(lambda: s.acked() == 1000)
        self.eventually(lambda: s.info().send_queue == 0)

    @rows("Q11")
    def test_fin_does_not_count_as_a_byte(self):
        listener = self.kernel_listener()
        s = self.tcp()
        s.connect(self.address_of(listener))
        peer = self.accept_kernel(listener)
        s.send(b"x" * 5000)
        s.shutdown(socket.SHUT_WR)
        while peer.recv(65536):
            pass
        self.eventually(lambda: s.state() == 6)
        self.eventually(lambda: s.acked() == 5000)
        self.assertEqual(s.info().bytes_acked, 5000)

    @rows("Q12")
    def test_asking_costs_no_request(self):
        s, _ = self.hand_connected()
        # Asking for the status is a request too: two in all.
        before = usock.status().requests
        for _ in range(1000):
            s.state()
            s.acked()
            s.getsockname()
            s.getpeername()
            s.info()
        self.assertEqual(usock.status().requests, before + 1)

    def test_retransmissions_are_counted(self):
        hand = self.hand_peer()
        s = self.start_connect(hand)
        hand.serve()
        s.connect_wait(20000)
        s.send(b"data")
        first = hand.expect(wire.ACK, matches=lambda p: p.payload)
        self.assertEqual(s.info().retransmissions, 0)
        again = hand.expect(wire.ACK, matches=lambda p: p.payload)
        self.assertEqual((again.seq, again.payload), (first.seq, first.payload))
        self.eventually(lambda: s.info().retransmissions >= 1)
        hand.take(again)
        self.eventually(lambda: s.info().send_queue == 0)

    def test_record_tells_owner_and_counts(self):
        s, hand = self.hand_connected()
        hand.send(wire.ACK, b"abc")
        self.assertEqual(s.recv_exactly(3), b"abc")
        # What is counted is published a moment after it has happened.
        self.eventually(lambda: s.info().bytes_received == 3)
        info = s.info()
        self.assertEqual((info.pid, info.uid), (os.getpid(), os.getuid()))
        with open("/proc/self/comm") as f:
            self.assertEqual(info.program.decode(), f.read().strip())
        self.assertEqual(info.remote.pair(), (hand.ip, hand.port))
        self.assertEqual(info.id, s.id())
        self.assertIn(info.id, [i.id for i in usock.sockets()])
        self.assertEqual(info.link, 1)


# ---- readiness ------------------------------------------------------------------

@both_families
class Readiness(HandCase):
    ALL = POLLIN | POLLOUT | POLLRDHUP

    def events(self, s, asked=POLLIN | POLLOUT):
        """What poll says; the adjusted poll(2) of epoll users must agree."""
        plain = select.poll()
        plain.register(s.fd, asked)
        while True:
            told = s.poll(asked)
            found = dict(plain.poll(0)).get(s.fd, 0)
            adjusted = usock.lib.adjust_events(s.fd, found) & 0xffff
            if s.poll(asked) == told:
                break
            # It has changed in between.
        self.assertEqual(adjusted, told)
        return told

    @rows("P1")
    def test_new_tcp_out_hup(self):
        self.assertEqual(self.events(self.tcp()), POLLOUT | POLLHUP)
        s = self.tcp()
        s.bind((self.any, 0))
        self.assertEqual(self.events(s), POLLOUT | POLLHUP)

    @rows("P2")
    def test_new_udp_out(self):
        self.assertEqual(self.events(self.udp()), POLLOUT)

    @rows("P3", "P5")
    def test_connected_out_and_in_with_data(self):
        s, hand = self.hand_connected()
        self.assertEqual(self.events(s), POLLOUT)
        hand.send(wire.ACK, b"x")
        self.eventually(lambda: self.events(s) == POLLIN | POLLOUT)
        s.recv(1)
        self.assertEqual(self.events(s), POLLOUT)

    @rows("P5")
    def test_udp_in_with_data(self):
        s = self.udp()
        s.bind((self.any, 0))
        peer = self.kernel_socket(socket.SOCK_DGRAM)
        peer.sendto(b"x", (self.stack, s.getsockname()[1]))
        self.assertEqual(s.poll(POLLIN | POLLOUT, 0) & ~POLLIN, POLLOUT)
        self.eventually(lambda: self.events(s) == POLLIN | POLLOUT)

    @rows("P4")
    def test_full_none_then_out_again(self):
        listener = self.kernel_listener()
        s = self.tcp()
        s.connect(self.address_of(listener))
        peer = self.accept_kernel(listener)
        s.setblocking(False)
        sent = refused = 0
        while refused < 4:
            try:
                sent += s.send(bytes(65536))
                refused = 0
            except BlockingIOError:
                refused += 1
                time.sleep(0.02)
        self.assertEqual(self.events(s), 0)
        while sent:
            sent -= len(peer.recv(1 << 20))
        self.assertEqual(s.poll(POLLOUT, 20000), POLLOUT)

    @rows("P6", "Q5")
    def test_peer_fin_in_out_rdhup(self):
        s, hand = self.hand_connected()
        hand.send(wire.FIN | wire.ACK)
        self.eventually(lambda: s.state() == 7)
        self.assertEqual(self.events(s), POLLIN | POLLOUT)
        self.assertEqual(self.events(s, self.ALL), POLLIN | POLLOUT | POLLRDHUP)

    @rows("P7", "G16")
    def test_rst_29(self):
        s, hand = self.hand_connected()
        hand.reset()
        self.eventually(lambda: s.state() == 0)
        self.assertEqual(s.poll(POLLIN | POLLOUT, 1000),
                         POLLIN | POLLOUT | POLLERR | POLLHUP)
        self.assertEqual(self.events(s), POLLIN | POLLOUT | POLLERR | POLLHUP)
        with self.fails(errno.ECONNRESET):
            s.recv(1)
        # Taken: no error any more.
        self.eventually(lambda: self.events(s) == POLLIN | POLLOUT | POLLHUP)

    @rows("P8", "K2")
    def test_refused_28_and_send_111(self):
        hand = self.hand_peer()
        s = self.start_connect(hand)
        hand.take_syn()
        hand.send(wire.RST | wire.ACK, seq=0)
        self.assertEqual(s.poll(POLLOUT, 20000) & POLLOUT, POLLOUT)
        self.assertEqual(self.events(s) & ~POLLIN, POLLOUT | POLLERR | POLLHUP)
        with self.fails(errno.ECONNREFUSED):
            s.send(b"x")

    @rows("P9")
    def test_listener_none_then_in(self):
        s = self.listening()
        self.assertEqual(self.events(s) & ~POLLOUT, 0)
        peer = self.kernel_socket()
        peer.connect((self.stack, s.getsockname()[1]))
        self.assertEqual(s.poll(POLLIN, 20000), POLLIN)
        self.keep(s.accept()[0])
        self.assertEqual(s.poll(POLLIN), 0)

    @rows("P9")
    def test_listener_is_never_writable(self):
        self.assertEqual(self.events(self.listening()), 0)

    @rows("P10", "G9")
    def test_closed_nval(self):
        s = self.tcp()
        fd = s.fd
        s.close()
        self.assertEqual(usock.poll([(fd, POLLIN | POLLOUT)], 0), {fd: POLLNVAL})

    @rows("K5")
    def test_connecting_none(self):
        s = self.start_connect(self.hand_peer())
        self.assertEqual(self.events(s), 0)

    def test_pending_udp_error_err(self):
        s = self.udp()
        s.connect((self.kernel, 1))
        s.send(b"x")
        self.assertTrue(s.poll(POLLIN, 20000) & POLLERR)
        s.error()
        self.eventually(lambda: not self.events(s) & POLLERR)

    def test_sets_may_hold_other_descriptors(self):
        a, b = socket.socketpair()
        s, hand = self.hand_connected()
        wanted = [(s.fd, POLLIN), (a.fileno(), POLLIN), (-1, POLLIN)]
        self.assertEqual(set(usock.poll(wanted, 0).values()), {0})
        b.send(b"x")
        self.assertEqual(usock.poll(wanted, 1000)[a.fileno()], POLLIN)
        hand.send(wire.ACK, b"x")
        self.eventually(lambda: usock.poll(wanted, 1000)[s.fd] == POLLIN)
        a.close()
        b.close()

    def test_poll_waits_and_times_out(self):
        s, hand = self.hand_connected()
        self.assert_takes(0.1, lambda: self.assertEqual(s.poll(POLLIN, 100), 0))
        waiting = Call(s.poll, POLLIN, 20000)
        time.sleep(0.05)
        hand.send(wire.ACK, b"x")
        self.assertEqual(waiting.result(), POLLIN)


# ---- closed descriptors, holders ------------------------------------------------

class Holders(StreamCase):
    def calls(self, fd):
        """Every call that takes a descriptor."""
        name = usock.pack_address((self.kernel, 9))
        zero = ctypes.create_string_buffer(4)
        four = usock.socklen_t(4)
        out, n = ctypes.create_string_buffer(64), usock.socklen_t(64)
        where = ctypes.cast(out, ctypes.c_void_p), ctypes.byref(n)
        message = usock.Message([b"x"])
        info = usock.SocketInfo()
        sent = ctypes.c_size_t()
        return {
            "bind": (name, 16), "listen": (1,), "connect": (name, 16),
            "accept": (None, None), "accept4": (None, None, 0), "getsockname": where,
            "getpeername": where, "shutdown": (2,), "send": (b"x", 1, 0),
            "sendto": (b"x", 1, 0, name, 16), "sendmsg": (ctypes.byref(message.header), 0),
            "recv": (out, 1, 0), "recvfrom": (out, 1, 0, None, None),
            "recvmsg": (ctypes.byref(message.header), 0),
            "connect_timeout": (name, 16, 10), "connect_wait": (10,),
            "accept_timeout": (None, None, 0, 10), "send_timeout": (b"x", 1, 0, 10),
            "sendall_timeout": (b"x", 1, 0, 10, ctypes.byref(sent)),
            "sendto_timeout": (b"x", 1, 0, name, 16, 10),
            "sendmsg_timeout": (ctypes.byref(message.header), 0, 10),
            "recv_timeout": (out, 1, 0, 10), "recvfrom_timeout": (out, 1, 0, None, None, 10),
            "recvmsg_timeout": (ctypes.byref(message.header), 0, 10),
            "setsockopt": (socket.SOL_SOCKET, socket.SO_REUSEADDR, zero, 4),
            "getsockopt": (socket.SOL_SOCKET, socket.SO_ERROR, zero, ctypes.byref(four)),
            "getsocketsta": (), "getsendacksize": (),
            "socket_info": (ctypes.byref(info), ctypes.sizeof(info)),
        }

    @rows("G9")
    def test_every_call_on_a_closed_descriptor_9(self):
        s = self.tcp()
        fd = s.fd
        s.close()
        for number in (fd, -1, 1 << 20):
            for name, args in self.calls(number).items():
                with self.subTest(call=name, fd=number), self.fails(errno.EBADF):
                    usock.call(name, number, *args)
        with self.fails(errno.EBADF):
            usock.call("close", fd)
        ctypes.set_errno(0)
        self.assertEqual(usock.lib.id(fd), 0)
        self.assertEqual(ctypes.get_errno(), errno.EBADF)

    def test_every_call_on_another_descriptor_88(self):
        ours, theirs = socket.socketpair()
        plain = socket.socket()
        with open("/dev/null") as null:
            for number in (ours.fileno(), plain.fileno(), null.fileno()):
                for name, args in self.calls(number).items():
                    with self.subTest(call=name, fd=number), self.fails(errno.ENOTSOCK):
                        usock.call(name, number, *args)
                with self.fails(errno.ENOTSOCK):
                    usock.Sock(fd=number).state() == -1 and usock._fail()
        for s in (ours, theirs, plain):
            s.close()

    @rows("G10")
    def test_dup_keeps_the_socket(self):
        s, peer = self.connected()
        other = self.keep(usock.Sock(fd=os.dup(s.fd)))
        self.assertEqual(other.id(), s.id())
        s.close()
        other.send(b"x")
        self.assertEqual(peer.recv(1), b"x")
        other.close()
        self.assertEqual(peer.recv(1), b"")

    @rows("G10")
    def test_plain_close_closes_too(self):
        s, peer = self.connected()
        fd, s.fd = s.fd, -1
        os.close(fd)
        self.assertEqual(peer.recv(1), b"")

    @rows("G10")
    def test_after_fork_both_use_it(self):
        s, peer = self.connected()

        def child():
            s.send(b"child")
            answer = s.recv(10)
            # Control too: its own session proves its right by the descriptor.
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return answer, s.state(), s.getpeername()
        running = Child(child)
        self.assertEqual(self.read_all(peer, 5), b"child")
        peer.send(b"for child")
        self.assertEqual(running.result(), (b"for child", 4, self.address_of(peer)))
        # The child's end has not closed it.
        s.send(b"parent")
        self.assertEqual(self.read_all(peer, 6), b"parent")
        self.assertEqual(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), 1)

    @rows("G10")
    def test_it_closes_when_the_last_holder_does(self):
        s, peer = self.connected()
        ours, theirs = socket.socketpair()

        def hold():
            theirs.recv(1)
        child = Child(hold)
        s.close()
        self.assertEqual(select.select([peer], [], [], 0.1)[0], [])
        ours.send(b"x")
        child.result()
        self.assertEqual(peer.recv(1), b"")
        ours.close()
        theirs.close()

    @rows("G10")
    def test_passed_by_scm_rights(self):
        s, peer = self.connected()
        ours, theirs = socket.socketpair()

        def receiver():
            os.close(s.fd)
            _, fds, _, _ = socket.recv_fds(theirs, 1, 1)
            got = usock.Sock(fd=fds[0])
            got.send(b"passed on")
            got.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            got.shutdown(socket.SHUT_WR)
            return got.recv(10), got.state()
        child = Child(receiver)
        socket.send_fds(ours, [b"x"], [s.fd])
        s.close()
        self.assertEqual(self.read_all(peer, 100), b"passed on")
        peer.send(b"answer")
        data, state = child.result()
        self.assertEqual(data, b"answer")
        self.assertIn(state, (5, 6))
        ours.close()
        theirs.close()

    @rows("G10")
    def test_survives_exec(self):
        s, peer = self.connected()
        script = ("import usock, sys\n"
                  "usock.set_socket_path(sys.argv[2])\n"
                  "s = usock.Sock(fd=int(sys.argv[1]))\n"
                  "s.send(b'exec %d' % s.state())\n"
                  "s.shutdown(1)\n")
        env = dict(os.environ, PYTHONPATH=os.path.dirname(os.path.abspath(usock.__file__)))
        subprocess.run([sys.executable, "-c", script, str(s.fd), self.daemon.socket],
                       pass_fds=[s.fd], env=env, check=True)
        self.assertEqual(self.read_all(peer, 100), b"exec 4")

    @rows("G10")
    def test_listener_in_the_child(self):
        listener = self.listening()

        def serve():
            s, _ = listener.accept_timeout(20000)
            s.send(b"served by child")
            s.close()
        child = Child(serve)
        peer = self.kernel_socket()
        peer.connect((self.stack, listener.getsockname()[1]))
        self.assertEqual(self.read_all(peer, 100), b"served by child")
        child.result()

    @rows("G10")
    def test_udp_in_the_child(self):
        s = self.udp()
        s.bind((self.any, 0))
        peer = self.kernel_socket(socket.SOCK_DGRAM)
        peer.bind((self.kernel, 0))
        name = self.address_of(peer)
        in_child(lambda: s.sendto(b"child", name))
        data, source = peer.recvfrom(100)
        self.assertEqual((data, source[1]), (b"child", s.getsockname()[1]))

    def test_second_thread_sends_while_the_first_receives(self):
        s, peer = self.connected()
        receiving = Call(s.recv_exactly, 1 << 20, 10000)
        sending = Call(s.send, bytes(1 << 20))
        echo = Call(self.read_all, peer, 1 << 20)
        Call(peer.sendall, b"y" * (1 << 20))
        self.assertEqual(receiving.result(), b"y" * (1 << 20))
        self.assertEqual(sending.result(), 1 << 20)
        self.assertEqual(len(echo.result()), 1 << 20)

    @rows("G10")
    def test_number_reused_during_a_wait_is_not_confused(self):
        s, _ = self.connected()
        fd = s.fd
        waiting = Call(usock.Sock(fd=fd).recv, 1)
        time.sleep(0.05)
        s.close()
        again, peer = self.connected()
        with self.fails(errno.EBADF):
            waiting.result()
        peer.send(b"x")
        self.assertEqual(again.recv(1), b"x")
