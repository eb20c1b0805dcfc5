# SPDX-License-Identifier: MIT
"""Rows of the semantics: connect (K), and what ends one (B3)."""

import errno
import signal
import socket

import harness
import usock
import wire

from harness import Call, Tun, TunCase, both_families
from runner import rows

POLLIN, POLLOUT, POLLERR, POLLHUP, POLLNVAL = 1, 4, 8, 16, 32
NO_HOST, NO_PORT, NO_NET = "host", "port", "net"

# (type, code) of ICMP and ICMPv6 unreachable messages.
UNREACHABLE = {
    4: {NO_NET: (3, 0), NO_HOST: (3, 1), NO_PORT: (3, 3)},
    6: {NO_NET: (1, 0), NO_HOST: (1, 3), NO_PORT: (1, 4)},
}

_next_port = 7000


class HandCase(TunCase):
    """Tests that play the peer by hand."""

    def wire(self):
        return self.keep(wire.TunWire(Tun.DEVICE))

    def hand_peer(self):
        """A peer with a port of its own: nothing of earlier tests is for it."""
        global _next_port
        _next_port += 1
        return wire.HandTcp(self.wire(), self.hand, _next_port)

    def start_connect(self, hand):
        s = self.tcp(socket.SOCK_NONBLOCK)
        with self.fails(errno.EINPROGRESS):
            s.connect((hand.ip, hand.port))
        return s

    def hand_connected(self, window=65535):
        hand = self.hand_peer()
        s = self.start_connect(hand)
        hand.serve(window)
        s.connect_wait(20000)
        s.setblocking(True)
        return s, hand


@both_families
class Connect(TunCase):
    def closed_port(self):
        s = self.kernel_socket()
        s.bind((self.kernel, 0))
        address = self.address_of(s)
        s.close()
        return address

    def test_connects_and_both_see_each_other(self):
        listener = self.kernel_listener()
        s = self.tcp()
        s.connect(self.address_of(listener))
        peer = self.accept_kernel(listener)
        self.assertEqual(s.getpeername(), self.address_of(listener))
        self.assertEqual(s.getsockname(), peer.getpeername()[:2])
        s.send(b"question")
        self.assertEqual(peer.recv(100), b"question")
        peer.send(b"answer")
        self.assertEqual(s.recv(100), b"answer")

    @rows("K2", "B3", "G2")
    def test_refused_111(self):
        address = self.closed_port()
        with self.fails(errno.ECONNREFUSED):
            self.tcp().connect(address)
        with self.fails(errno.ECONNREFUSED):
            self.tcp().connect_timeout(address, 20000)
        with self.fails(errno.ECONNREFUSED):
            self.tcp().connect((self.loopback, 1))

    @rows("K2", "K5", "O9", "G16")
    def test_refused_nonblocking_is_told_by_so_error_once(self):
        s = self.tcp(socket.SOCK_NONBLOCK)
        with self.fails(errno.EINPROGRESS):
            s.connect(self.closed_port())
        self.eventually(lambda: s.poll(POLLOUT, 20000) & POLLOUT)
        self.assertEqual(s.error(), errno.ECONNREFUSED)
        self.assertEqual(s.error(), 0)

    @rows("K2", "K5")
    def test_refused_nonblocking_is_told_by_second_connect(self):
        s = self.tcp(socket.SOCK_NONBLOCK)
        address = self.closed_port()
        with self.fails(errno.EINPROGRESS):
            s.connect(address)
        s.poll(POLLOUT, 20000)
        with self.fails(errno.ECONNREFUSED):
            s.connect(address)

    @rows("G15")
    def test_after_refusal_it_can_connect_again(self):
        s = self.tcp()
        for _ in range(3):
            with self.fails(errno.ECONNREFUSED):
                s.connect(self.closed_port())
        listener = self.kernel_listener()
        s.connect(self.address_of(listener))
        self.accept_kernel(listener).send(b"x")
        self.assertEqual(s.recv(1), b"x")

    @rows("G15", "K5")
    def test_after_refused_nonblocking_it_can_connect_again(self):
        s = self.tcp(socket.SOCK_NONBLOCK)
        with self.fails(errno.EINPROGRESS):
            s.connect(self.closed_port())
        with self.fails(errno.ECONNREFUSED):
            s.connect_wait(20000)
        listener = self.kernel_listener()
        s.connect_timeout(self.address_of(listener), 20000)
        self.accept_kernel(listener).send(b"x")
        self.assertEqual(s.recv_timeout(1, 20000), b"x")

    @rows("K4", "G4", "G6")
    def test_deadline_110_exactly(self):
        def wait():
            with self.fails(errno.ETIMEDOUT):
                self.tcp().connect_timeout((self.silent, 80), 150)
        self.assert_takes(0.15, wait)

    @rows("K4")
    def test_so_sndtimeo_115_and_goes_on(self):
        s = self.tcp()
        s.set_timeouts(send_s=0.15)

        def wait():
            nonlocal s
            s = self.tcp()
            s.set_timeouts(send_s=0.15)
            with self.fails(errno.EINPROGRESS):
                s.connect((self.silent, 80))
        self.assert_takes(0.15, wait)
        self.assertEqual(s.state(), 2)

    @rows("K4", "G15")
    def test_after_the_deadline_it_can_connect_again(self):
        s = self.tcp()
        with self.fails(errno.ETIMEDOUT):
            s.connect_timeout((self.silent, 80), 50)
        self.assertEqual(s.state(), 0)
        listener = self.kernel_listener()
        s.connect(self.address_of(listener))
        self.accept_kernel(listener).send(b"x")
        self.assertEqual(s.recv(1), b"x")

    @rows("K5", "G4")
    def test_nonblocking_115_then_pollout(self):
        listener = self.kernel_listener()
        for start in (lambda s, a: s.connect(a), lambda s, a: s.connect_timeout(a, 0)):
            s = self.tcp(socket.SOCK_NONBLOCK)
            with self.fails(errno.EINPROGRESS):
                start(s, self.address_of(listener))
            self.assertEqual(s.poll(POLLIN | POLLOUT, 20000), POLLOUT)
            self.assertEqual(s.error(), 0)
            self.assertEqual(s.state(), 4)
            s.send(b"x")
            self.assertEqual(self.accept_kernel(listener).recv(1), b"x")

    @rows("K5")
    def test_send_buffer_is_the_usual_after_connect(self):
        listener = self.kernel_listener()
        fresh = self.tcp().getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        s = self.tcp(socket.SOCK_NONBLOCK)
        with self.fails(errno.EINPROGRESS):
            s.connect(self.address_of(listener))
        s.poll(POLLOUT, 20000)
        self.assertEqual(s.error(), 0)
        self.assertEqual(s.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF), fresh)
        self.assertGreater(s.send(bytes(100000)), 10000)

    @rows("K5", "Q3")
    def test_pending_is_not_writable(self):
        s = self.tcp(socket.SOCK_NONBLOCK)
        with self.fails(errno.EINPROGRESS):
            s.connect((self.silent, 80))
        self.assertEqual(s.poll(POLLIN | POLLOUT, 100), 0)
        self.assertEqual(s.error(), 0)
        self.assertEqual(s.state(), 2)
        self.assertTrue(s.info().flags & usock.INFO_CONNECTING)
        with self.fails(errno.EAGAIN):
            s.send(b"x")
        with self.fails(errno.EAGAIN):
            s.recv(1)

    @rows("K6")
    def test_again_while_pending_114(self):
        s = self.tcp(socket.SOCK_NONBLOCK)
        with self.fails(errno.EINPROGRESS):
            s.connect((self.silent, 80))
        for _ in range(2):
            with self.fails(errno.EALREADY):
                s.connect((self.silent, 80))
        with self.fails(errno.EALREADY):
            s.connect_timeout((self.silent, 80), 50)

    @rows("K7")
    def test_again_when_connected_106(self):
        s, _ = self.connected()
        with self.fails(errno.EISCONN):
            s.connect((self.kernel, 80))
        s.setblocking(False)
        with self.fails(errno.EISCONN):
            s.connect((self.kernel, 80))
        s, _ = self.accepted()
        with self.fails(errno.EISCONN):
            s.connect((self.kernel, 80))

    @rows("K5", "K7")
    def test_nonblocking_second_connect_tells_success_then_106(self):
        listener = self.kernel_listener()
        s = self.tcp(socket.SOCK_NONBLOCK)
        with self.fails(errno.EINPROGRESS):
            s.connect(self.address_of(listener))
        s.poll(POLLOUT, 20000)
        try:
            s.connect(self.address_of(listener))
        except OSError as e:
            self.assertEqual(e.errno, errno.EISCONN)
        with self.fails(errno.EISCONN):
            s.connect(self.address_of(listener))

    @rows("K8")
    def test_on_listening_106(self):
        with self.fails(errno.EISCONN):
            self.listening().connect((self.kernel, 80))

    @rows("K13")
    def test_port_0_22(self):
        for make in (self.tcp, self.udp):
            with self.fails(errno.EINVAL):
                make().connect((self.kernel, 0))

    def test_address_too_short_22_other_family_97(self):
        s = self.tcp()
        with self.fails(errno.EINVAL):
            s.connect(usock.pack_address((self.kernel, 80))[:7])
        with self.fails(errno.EAFNOSUPPORT):
            s.connect(bytes([socket.AF_UNIX, 0]) + bytes(26))

    @rows("K15", "G10")
    def test_closed_by_another_thread_9(self):
        for begin in (lambda s: s.connect((self.silent, 80)),
                      lambda s: s.connect_timeout((self.silent, 80), 10000)):
            s = self.tcp()
            fd = s.fd
            waiting = Call(begin, usock.Sock(fd=fd))
            self.eventually(lambda: usock.lib.getsocketsta(fd) == 2)
            s.close()
            with self.fails(errno.EBADF):
                waiting.result()

    def test_unspec_gives_up_a_connect(self):
        s = self.tcp(socket.SOCK_NONBLOCK)
        with self.fails(errno.EINPROGRESS):
            s.connect((self.silent, 80))
        s.connect(None)
        self.assertEqual(s.state(), 0)
        listener = self.kernel_listener()
        s.connect_timeout(self.address_of(listener), 20000)

    def test_connect_wait(self):
        s = self.tcp()
        with self.fails(errno.ENOTCONN):
            s.connect_wait(0)
        s.setblocking(False)
        with self.fails(errno.EINPROGRESS):
            s.connect((self.silent, 80))
        with self.fails(errno.EINPROGRESS):
            s.connect_wait(0)
        with self.fails(errno.ETIMEDOUT):
            s.connect_wait(50)
        s, _ = self.connected()
        s.connect_wait(0)

    def test_signal_ends_it_with_eintr_and_it_goes_on(self):
        before = signal.signal(signal.SIGALRM, lambda *_: None)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        s = self.tcp()
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with self.fails(errno.EINTR):
            s.connect_timeout((self.silent, 80), 20000)
        self.assertEqual(s.state(), 2)
        with self.fails(errno.ETIMEDOUT):
            s.connect_wait(50)

    @rows("S6")
    def test_own_port_is_kept(self):
        listener = self.kernel_listener()
        s = self.tcp()
        s.bind((self.stack, 0))
        port = s.getsockname()[1]
        s.connect(self.address_of(listener))
        self.assertEqual(self.accept_kernel(listener).getpeername()[1], port)

    @rows("G14")
    def test_loopback_is_the_stacks_own(self):
        elsewhere = self.kernel_socket()
        elsewhere.bind((self.loopback, 0))
        elsewhere.listen()
        with self.fails(errno.ECONNREFUSED):
            self.tcp().connect(self.address_of(elsewhere))

    @rows("G14")
    def test_loopback_is_shared_by_all_programs(self):
        listener = self.listening(address=self.loopback)
        name, family = listener.getsockname(), self.af

        def client():
            with usock.Sock(family) as s:
                s.connect_timeout(name, 20000)
                s.send(b"hello")
                return s.recv(5)
        child = harness.Child(client)
        s, peer = listener.accept_timeout(20000)
        self.keep(s)
        self.assertEqual(peer[0], self.loopback)
        self.assertEqual(s.recv_exactly(5), b"hello")
        s.send(b"world")
        self.assertEqual(child.result(), b"world")


@both_families
class ConnectLimit(TunCase):
    """The daemon's own limit, made short."""

    config = {"tcp": {"connect_timeout": 1}}

    @rows("K3", "B3")
    def test_no_answer_110_after_the_stacks_limit(self):
        def wait():
            with self.fails(errno.ETIMEDOUT):
                self.tcp().connect((self.silent, 80))
        # The daemon's clock is read once a turn of its loop.
        self.assert_takes(1, wait, early=0.02)

    @rows("K3", "K5")
    def test_no_answer_nonblocking_is_told_by_so_error(self):
        s = self.tcp(socket.SOCK_NONBLOCK)
        with self.fails(errno.EINPROGRESS):
            s.connect((self.silent, 80))
        self.assertTrue(s.poll(POLLOUT, 20000) & POLLOUT)
        self.assertEqual(s.error(), errno.ETIMEDOUT)


@both_families
class ConnectByHand(HandCase):
    @rows("K4")
    def test_late_syn_ack_is_answered_by_rst(self):
        hand = self.hand_peer()
        s = self.tcp()
        with self.fails(errno.ETIMEDOUT):
            s.connect_timeout((hand.ip, hand.port), 50)
        hand.take_syn()
        hand.answer_syn()
        reset = hand.expect(wire.RST)
        self.assertEqual(reset.seq, hand.syn.seq + 1)

    @rows("K4")
    def test_late_syn_ack_does_not_disturb_the_next_connect(self):
        hand = self.hand_peer()
        s = self.tcp()
        with self.fails(errno.ETIMEDOUT):
            s.connect_timeout((hand.ip, hand.port), 50)
        hand.take_syn()
        second = self.hand_peer()
        s.setblocking(False)
        with self.fails(errno.EINPROGRESS):
            s.connect((second.ip, second.port))
        hand.answer_syn()
        hand.expect(wire.RST)
        self.assertEqual(s.state(), 2)
        second.serve()
        s.connect_wait(20000)
        self.assertEqual(s.getpeername(), (second.ip, second.port))

    @rows("B3", "K2")
    def test_rst_in_answer_to_syn_111(self):
        hand = self.hand_peer()
        s = self.start_connect(hand)
        hand.take_syn()
        hand.send(wire.RST | wire.ACK, seq=0)
        with self.fails(errno.ECONNREFUSED):
            s.connect_wait(20000)

    @rows("B3")
    def test_rst_that_does_not_fit_the_syn_is_ignored(self):
        hand = self.hand_peer()
        s = self.start_connect(hand)
        hand.take_syn()
        hand.send(wire.RST | wire.ACK, seq=0, ack=hand.ack + 5)
        hand.send(wire.RST, seq=0, ack=0)
        self.assertEqual(s.poll(POLLOUT, 100), 0)
        hand.answer_syn()
        s.connect_wait(20000)

    @rows("B3")
    def test_icmp_about_the_syn_ends_the_connect(self):
        for what, number in ((NO_PORT, errno.ECONNREFUSED), (NO_HOST, errno.EHOSTUNREACH),
                             (NO_NET, errno.ENETUNREACH)):
            hand = self.hand_peer()
            s = self.start_connect(hand)
            syn = hand.take_syn()
            kind, code = UNREACHABLE[self.family][what]
            hand.wire.write(wire.icmp_error(self.kernel, self.stack, kind, code, syn.raw))
            with self.fails(number):
                s.connect_wait(20000)

    @rows("B3")
    def test_forged_icmp_is_ignored(self):
        hand = self.hand_peer()
        s = self.start_connect(hand)
        syn = hand.take_syn()
        kind, code = UNREACHABLE[self.family][NO_HOST]
        at = 24 if self.family == 4 else 44
        forged = syn.raw[:at] + bytes(b ^ 0x5a for b in syn.raw[at:at + 4]) + syn.raw[at + 4:]
        hand.wire.write(wire.icmp_error(self.kernel, self.stack, kind, code, forged))
        self.assertEqual(s.poll(POLLOUT, 100), 0)
        hand.answer_syn()
        s.connect_wait(20000)

    @rows("B3")
    def test_icmp_about_a_live_connection_is_a_hint_only(self):
        s, hand = self.hand_connected()
        s.send(b"data")
        packet = hand.expect(wire.ACK, matches=lambda p: p.payload)
        for what in (NO_HOST, NO_NET, NO_PORT):
            kind, code = UNREACHABLE[self.family][what]
            hand.wire.write(wire.icmp_error(self.kernel, self.stack, kind, code, packet.raw))
        hand.take(packet)
        hand.send(wire.ACK, b"reply")
        self.assertEqual(s.recv_timeout(10, 20000), b"reply")

    def test_syn_is_sent_again(self):
        hand = self.hand_peer()
        self.start_connect(hand)
        first = hand.take_syn()
        again = hand.expect(wire.SYN, timeout_s=5)
        self.assertEqual(again.seq, first.seq)

    def test_initial_sequence_numbers_are_not_guessable(self):
        numbers = []
        for _ in range(4):
            hand = self.hand_peer()
            self.start_connect(hand)
            numbers.append(hand.take_syn().seq)
        steps = {(b - a) & 0xffffffff for a, b in zip(numbers, numbers[1:])}
        self.assertEqual(len(steps), 3)
        self.assertGreater(max(min(d, 2**32 - d) for d in steps), 1 << 20)
