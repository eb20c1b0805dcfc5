# SPDX-License-Identifier: MIT
"""Rows of the semantics: ends of connections (X)."""

import ctypes
import errno
import os
import select
import socket
import struct
import time

import usock
import wire

from harness import Call, Child, both_families
from rows_connect import POLLIN
from rows_data import StreamCase
from runner import rows

LINGER_0 = struct.pack("ii", 1, 0)


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

    @rows("X1")
    def test_linger_limit_is_for_a_peer_that_stands_still(self):
        s, hand = self.hand_connected(window=1000)
        s.send(bytes(100000))
        s.close()
        start = time.monotonic()
        # The limit is a second; a slow peer takes something in each.
        while time.monotonic() - start < 2.5:
            hand.take(hand.expect(wire.ACK, matches=lambda p: p.payload))
            time.sleep(0.2)
        self.assertEqual([r.flags & usock.INFO_ORPHAN for r in usock.sockets()],
                         [usock.INFO_ORPHAN])
        hand.expect(wire.RST, timeout_s=5)
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

    def test_peer_uses_its_port_again_at_once(self):
        """Whoever closes first is in TIME-WAIT, which must not refuse the next."""
        listener = self.listening()
        address = (self.stack, listener.getsockname()[1])
        own = 0

        def connect_from(port):
            peer = self.kernel_socket()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            peer.bind((self.kernel, port))
            try:
                peer.connect(address)
            except OSError as e:
                # The kernel's own last connection is still ending.
                if e.errno != errno.EADDRNOTAVAIL:
                    raise
                return None
            return peer
        for _ in range(4):
            peer = self.eventually(lambda: connect_from(own))
            own = peer.getsockname()[1]
            s, _ = listener.accept_timeout(20000)
            s.close()
            self.assertEqual(peer.recv(1), b"")
            peer.close()

    def test_port_of_a_usocket_is_used_again_at_once(self):
        listener = self.listening(address=self.loopback)
        own = None
        for _ in range(4):
            client = self.tcp()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind((self.loopback, own or 0))
            own = client.getsockname()[1]
            client.connect_timeout(listener.getsockname(), 20000)
            s, _ = listener.accept_timeout(20000)
            s.close()
            self.assertEqual(client.recv(1), b"")
            client.close()
            self.eventually(lambda: usock.status().sockets == 1)

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
