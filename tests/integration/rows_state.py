# SPDX-License-Identifier: MIT
"""Rows of the semantics: states (Q), readiness (P)."""

import errno
import os
import select
import socket
import time

import usock
import wire

from harness import Call, both_families
from rows_connect import POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, HandCase
from runner import rows

POLLRDHUP = 0x2000
# Once both sides have sent FIN the socket may be over while TCP is in TIME_WAIT.
OVER = 0, 10


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
