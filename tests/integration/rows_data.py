# SPDX-License-Identifier: MIT
"""Rows of the semantics: send (W), receive (R), on streams."""

import errno
import os
import signal
import socket
import struct
import threading
import time

import usock
import wire

from harness import Call, TunCase, both_families, in_child
from rows_connect import POLLIN, POLLOUT, HandCase
from runner import rows

LINGER_0 = struct.pack("ii", 1, 0)


def pattern(n):
    return bytes(i * 7 + (i >> 8) & 255 for i in range(4096)) * (n // 4096 + 1)


class StreamCase(HandCase):
    def full(self):
        """A connection whose peer's window is closed and that takes no more."""
        s, hand = self.hand_connected(window=0)
        refused = 0
        while refused < 4:
            try:
                s.send(bytes(65536), socket.MSG_DONTWAIT)
                refused = 0
            except OSError as e:
                self.assertEqual(e.errno, errno.EAGAIN)
                # The daemon may still be taking what is in the channel.
                refused += 1
                time.sleep(0.05)
        return s, hand

    def reset_by(self, peer):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
        peer.close()

    def read_all(self, peer, n):
        data = b""
        while len(data) < n:
            part = peer.recv(1 << 20)
            if not part:
                break
            data += part
        return data


@both_families
class Send(StreamCase):
    @rows("W1")
    def test_blocking_sends_all(self):
        data = pattern(6 << 20)[:6 << 20]
        s, peer = self.connected()
        reading = Call(self.read_all, peer, len(data))
        self.assertEqual(s.send(data), len(data))
        self.assertEqual(reading.result(), data)

    @rows("W2", "G5", "G6")
    def test_so_sndtimeo_returns_the_count(self):
        s, peer = self.connected()
        s.set_timeouts(send_s=0.3)
        sent = s.send(bytes(32 << 20))
        self.assertTrue(0 < sent < 32 << 20)
        self.assertEqual(len(self.read_all(peer, sent)), sent)

    @rows("W3", "G6")
    def test_nothing_queued_110_and_11(self):
        s, _ = self.full()

        def with_deadline():
            with self.fails(errno.ETIMEDOUT):
                s.send_timeout(b"x", 100)
        self.assert_takes(0.1, with_deadline)
        s.set_timeouts(send_s=0.1)

        def with_option():
            with self.fails(errno.EAGAIN):
                s.send(b"x")
        self.assert_takes(0.1, with_option)

    @rows("W4", "G6")
    def test_nonblocking_nothing_fits_11(self):
        s, _ = self.full()
        with self.fails(errno.EAGAIN):
            s.send(b"x", socket.MSG_DONTWAIT)
        with self.fails(errno.EAGAIN):
            s.send_timeout(b"x", 0)
        s.setblocking(False)
        with self.fails(errno.EAGAIN):
            s.send(b"x")

    def test_nonblocking_sends_what_fits(self):
        s, peer = self.connected()
        s.setblocking(False)
        sent = s.send(bytes(32 << 20))
        self.assertTrue(0 < sent < 32 << 20)
        self.assertEqual(len(self.read_all(peer, sent)), sent)

    @rows("W5")
    def test_empty_is_0_at_once(self):
        s, _ = self.connected()
        self.assertEqual(s.send(b""), 0)
        self.assertEqual(s.send_timeout(b"", 1000), 0)
        s, _ = self.full()
        self.assertEqual(s.send(b""), 0)
        self.assertEqual(s.sendall_timeout(b"", 0), (0, 0))

    @rows("W6", "D5")
    def test_never_connected_107(self):
        for send in (lambda s: s.send(b"x"), lambda s: s.send_timeout(b"x", 100),
                     lambda s: s.sendto(b"x", (self.kernel, 80)),
                     lambda s: s.sendmsg([b"x"], (self.kernel, 80))):
            with self.fails(errno.ENOTCONN):
                send(self.tcp())
        with self.fails(errno.ENOTCONN):
            self.listening().send(b"x")

    @rows("W8", "P6")
    def test_peer_has_closed_then_32(self):
        s, peer = self.connected()
        peer.close()
        self.eventually(lambda: s.state() == 7)
        self.assertEqual(s.send(b"x"), 1)
        # The peer answers with RST.
        self.eventually(lambda: s.state() == 0)
        with self.fails(errno.ECONNRESET, errno.EPIPE):
            s.send(b"x")
        for _ in range(3):
            with self.fails(errno.EPIPE):
                s.send(b"x")

    @rows("W9", "G16", "B3")
    def test_after_rst_104_once_then_32(self):
        for send in (lambda s: s.send(b"x"), lambda s: s.send_timeout(b"x", 1000)):
            s, peer = self.connected()
            self.reset_by(peer)
            self.eventually(lambda: s.state() == 0)
            with self.fails(errno.ECONNRESET):
                send(s)
            for _ in range(3):
                with self.fails(errno.EPIPE):
                    send(s)
            self.assertEqual(s.recv(1), b"")

    @rows("W10")
    def test_after_own_shutdown_32(self):
        s, _ = self.connected()
        s.shutdown(socket.SHUT_WR)
        for _ in range(2):
            with self.fails(errno.EPIPE):
                s.send(b"x")
            with self.fails(errno.EPIPE):
                s.send_timeout(b"x", 1000)

    @rows("W10")
    def test_sigpipe_as_linux(self):
        listener = self.kernel_listener()
        name, family = self.address_of(listener), self.af

        def broken(send):
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            s = usock.Sock(family)
            s.connect(name)
            s.shutdown(socket.SHUT_WR)
            try:
                send(s)
            except OSError as e:
                return e.errno
            return 0
        for quiet in (lambda s: s.send(b"x", socket.MSG_NOSIGNAL),
                      lambda s: s.send_timeout(b"x", 1000),
                      lambda s: s.sendmsg_timeout([b"x"], 1000)):
            self.assertEqual(in_child(broken, quiet), errno.EPIPE)
        with self.assertRaisesRegex(RuntimeError, f"ended with -{signal.SIGPIPE.value}"):
            in_child(broken, lambda s: s.send(b"x"))

    @rows("W11", "G5")
    def test_sendall_deadline_is_for_the_whole_call(self):
        data = bytes(16 << 20)

        def send_to_a_slow_reader():
            s, peer = self.connected()
            stop = threading.Event()

            def trickle():
                while not stop.is_set():
                    peer.recv(65536)
                    time.sleep(0.02)
            reader = Call(trickle)
            try:
                error, sent = s.sendall_timeout(data, 300)
            finally:
                stop.set()
            self.assertEqual(error, errno.ETIMEDOUT)
            self.assertTrue(0 < sent < len(data))
            self.reset_by(peer)
            reader.join(5)
        # What is not the call's is generous: connecting, copying, the reader.
        self.assert_takes(0.3, send_to_a_slow_reader, within=0.5)

    @rows("W12")
    def test_sendall_nonblocking_all_or_nothing(self):
        s, peer = self.connected()
        self.assertEqual(s.sendall_timeout(bytes(32 << 20), 0), (errno.EAGAIN, 0))
        self.assertEqual(s.sendall_timeout(b"hello", 0), (0, 5))
        peer.settimeout(2)
        self.assertEqual(self.read_all(peer, 5), b"hello")
        s, _ = self.full()
        self.assertEqual(s.sendall_timeout(b"hello", 0), (errno.EAGAIN, 0))

    @rows("W15")
    def test_sendall_sends_all(self):
        data = pattern(3 << 20)[:3 << 20]
        s, peer = self.connected()
        reading = Call(self.read_all, peer, len(data))
        self.assertEqual(s.sendall_timeout(data, 20000), (0, len(data)))
        self.assertEqual(reading.result(), data)

    def test_sendmsg_gathers(self):
        s, peer = self.connected()
        self.assertEqual(s.sendmsg([b"one ", b"", b"two ", b"three"]), 13)
        self.assertEqual(self.read_all(peer, 13), b"one two three")
        self.assertEqual(s.sendmsg_timeout([b"a", b"b"], 1000), 2)
        self.assertEqual(self.read_all(peer, 2), b"ab")

    @rows("D4")
    def test_address_is_ignored_on_a_connection(self):
        s, peer = self.connected()
        self.assertEqual(s.sendto(b"x", (self.silent, 1)), 1)
        self.assertEqual(s.sendmsg([b"y"], (self.silent, 1)), 1)
        self.assertEqual(self.read_all(peer, 2), b"xy")

    def test_out_of_band_is_refused(self):
        s, _ = self.connected()
        with self.fails(errno.EOPNOTSUPP):
            s.send(b"x", socket.MSG_OOB)
        with self.fails(errno.EINVAL):
            s.recv(1, socket.MSG_OOB)

    @rows("G10")
    def test_closed_by_another_thread_9(self):
        for send in (lambda s: s.send(bytes(1 << 20)),
                     lambda s: s.send_timeout(bytes(1 << 20), 10000)):
            s, _ = self.full()
            fd = s.fd
            waiting = Call(send, usock.Sock(fd=fd))
            time.sleep(0.05)
            self.assertTrue(waiting.is_alive())
            s.close()
            with self.fails(errno.EBADF):
                waiting.result()


@both_families
class Receive(StreamCase):
    @rows("R1", "G5")
    def test_at_most_n_and_never_waits_for_n(self):
        s, peer = self.connected()
        peer.send(b"abcdef")
        self.assertEqual(s.recv(3), b"abc")
        self.assertEqual(s.recv_timeout(100, 1000), b"def")

    @rows("R2", "Q5", "B3")
    def test_fin_is_the_end_for_ever(self):
        s, peer = self.connected()
        peer.send(b"bye")
        peer.shutdown(socket.SHUT_WR)
        self.assertEqual(s.recv_exactly(3), b"bye")
        for _ in range(3):
            self.assertEqual(s.recv(10), b"")
        self.assertEqual(s.recv_timeout(10, 100), b"")
        self.eventually(lambda: s.state() == 7)
        # The other direction is still open.
        s.send(b"more")
        self.assertEqual(self.read_all(peer, 4), b"more")

    @rows("R3", "M10", "G16", "B3")
    def test_rst_104_once_then_the_end(self):
        for receive in (lambda s: s.recv(10), lambda s: s.recv_timeout(10, 1000)):
            s, peer = self.connected()
            self.reset_by(peer)
            with self.fails(errno.ECONNRESET):
                receive(s)
            for _ in range(3):
                self.assertEqual(receive(s), b"")
            with self.fails(errno.EPIPE):
                s.send(b"x")

    @rows("R3", "G16")
    def test_rst_is_told_by_so_error_once(self):
        s, peer = self.connected()
        self.reset_by(peer)
        self.eventually(lambda: s.state() == 0)
        self.assertEqual(s.error(), errno.ECONNRESET)
        self.assertEqual(s.error(), 0)
        self.assertEqual(s.recv(1), b"")

    @rows("R3")
    def test_rst_wakes_a_blocked_receive_104(self):
        s, peer = self.connected()
        waiting = Call(s.recv, 10)
        time.sleep(0.05)
        self.reset_by(peer)
        with self.fails(errno.ECONNRESET):
            waiting.result()

    @rows("R3")
    def test_data_before_the_rst_comes_first(self):
        s, peer = self.connected()
        peer.send(b"last words")
        self.eventually(lambda: s.info().bytes_received == 10)
        self.reset_by(peer)
        self.eventually(lambda: s.state() == 0)
        self.assertEqual(s.recv_exactly(10), b"last words")
        with self.fails(errno.ECONNRESET):
            s.recv(1)
        self.assertEqual(s.recv(1), b"")

    @rows("R3")
    def test_rst_with_unsent_data_of_ours_104(self):
        s, hand = self.full()
        hand.reset()
        self.eventually(lambda: s.state() == 0)
        with self.fails(errno.ECONNRESET):
            s.recv(1)
        self.assertEqual(s.recv(1), b"")
        with self.fails(errno.EPIPE):
            s.send(b"x")

    @rows("R4", "G6", "G4")
    def test_timeouts_110_and_11(self):
        s, _ = self.connected()

        def with_deadline():
            with self.fails(errno.ETIMEDOUT):
                s.recv_timeout(1, 100)
        self.assert_takes(0.1, with_deadline)
        s.set_timeouts(receive_s=0.1)

        def with_option():
            with self.fails(errno.EAGAIN):
                s.recv(1)
        self.assert_takes(0.1, with_option)

    @rows("R4", "G5")
    def test_deadline_of_one_millisecond(self):
        s, peer = self.connected()
        with self.fails(errno.ETIMEDOUT):
            s.recv_timeout(1, 1)
        peer.send(b"x")
        self.assertEqual(s.recv_timeout(1, 20000), b"x")

    @rows("R5", "G6")
    def test_nonblocking_11(self):
        s, _ = self.connected()
        with self.fails(errno.EAGAIN):
            s.recv(1, socket.MSG_DONTWAIT)
        with self.fails(errno.EAGAIN):
            s.recv_timeout(1, 0)
        s.setblocking(False)
        with self.fails(errno.EAGAIN):
            s.recv(1)

    def test_deadline_goes_before_o_nonblock(self):
        s, peer = self.connected()
        s.setblocking(False)
        waiting = Call(s.recv_timeout, 1, 20000)
        time.sleep(0.05)
        peer.send(b"x")
        self.assertEqual(waiting.result(), b"x")

    @rows("R6")
    def test_never_connected_107(self):
        for receive in (lambda s: s.recv(1), lambda s: s.recv_timeout(1, 100),
                        lambda s: s.recvfrom(1), lambda s: s.recvmsg([1])):
            with self.fails(errno.ENOTCONN):
                receive(self.tcp())
            with self.fails(errno.ENOTCONN):
                receive(self.listening())

    @rows("R7")
    def test_n_0_is_empty_at_once(self):
        s, peer = self.connected()
        self.assertEqual(s.recv(0), b"")
        peer.send(b"x")
        self.assertEqual(s.recv(1), b"x")

    @rows("R13")
    def test_recvfrom_gives_the_peer(self):
        s, peer = self.connected()
        peer.send(b"xyz")
        self.assertEqual(s.recvfrom(1), (b"x", peer.getsockname()[:2]))
        self.assertEqual(s.recvfrom_timeout(1, 1000), (b"y", peer.getsockname()[:2]))
        data, name, flags = s.recvmsg([1])
        self.assertEqual((data, name, flags), (b"z", peer.getsockname()[:2], 0))

    @rows("R16")
    def test_peek(self):
        s, peer = self.connected()
        peer.send(b"abc")
        self.assertTrue(s.poll(POLLIN, 20000) & POLLIN)
        self.assertEqual(s.recv(2, socket.MSG_PEEK), b"ab")
        self.assertEqual(s.recv(3), b"abc")

    @rows("R16", "G5")
    def test_waitall(self):
        s, peer = self.connected()
        waiting = Call(s.recv, 6, socket.MSG_WAITALL)
        peer.send(b"abc")
        time.sleep(0.05)
        self.assertTrue(waiting.is_alive())
        peer.send(b"def")
        self.assertEqual(waiting.result(), b"abcdef")
        peer.send(b"gh")
        self.eventually(lambda: s.info().bytes_received == 8)
        # The deadline ends it; what came is returned, not lost.
        self.assertEqual(s.recv_timeout(6, 100, socket.MSG_WAITALL), b"gh")
        peer.send(b"ij")
        peer.shutdown(socket.SHUT_WR)
        self.assertEqual(s.recv(6, socket.MSG_WAITALL), b"ij")

    @rows("R16")
    def test_trunc_throws_away_and_tells(self):
        s, peer = self.connected()
        peer.send(b"abcdef")
        self.eventually(lambda: s.info().bytes_received == 6)
        data, _, flags = s.recvmsg([2, 3])
        self.assertEqual((data, flags), (b"abcde", 0))

    def test_scatter(self):
        s, peer = self.connected()
        peer.send(b"abcdefgh")
        self.eventually(lambda: s.info().bytes_received == 8)
        self.assertEqual(s.recvmsg([3, 0, 10])[0], b"abcdefgh")

    @rows("G10")
    def test_closed_by_another_thread_9(self):
        for receive in (lambda s: s.recv(1), lambda s: s.recv_timeout(1, 10000),
                        lambda s: s.recvfrom(1), lambda s: s.recvmsg([1])):
            s, _ = self.connected()
            waiting = Call(receive, usock.Sock(fd=s.fd))
            time.sleep(0.05)
            self.assertTrue(waiting.is_alive())
            s.close()
            with self.fails(errno.EBADF):
                waiting.result()

    @rows("X7")
    def test_plain_read_and_write_work(self):
        s, peer = self.connected()
        self.assertEqual(os.write(s.fd, b"plain"), 5)
        self.assertEqual(self.read_all(peer, 5), b"plain")
        peer.send(b"back")
        self.assertTrue(s.poll(POLLIN, 20000) & POLLIN)
        self.assertEqual(os.read(s.fd, 10), b"back")

    def test_signal_ends_it_with_eintr(self):
        s, _ = self.connected()
        before = signal.signal(signal.SIGALRM, lambda *_: None)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        for receive in (lambda: s.recv(1), lambda: s.recv_timeout(1, 20000)):
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with self.fails(errno.EINTR):
                receive()

    def test_client_that_does_not_read_stops_the_peer(self):
        s, peer = self.connected()
        peer.setblocking(False)
        sent, quiet_since = 0, time.monotonic()
        while time.monotonic() - quiet_since < 0.5:
            try:
                sent += peer.send(bytes(65536))
                quiet_since = time.monotonic()
            except BlockingIOError:
                time.sleep(0.01)
        self.assertLess(sent, 32 << 20)
        got = 0
        while got < sent:
            got += len(s.recv_timeout(1 << 20, 20000))
        self.assertEqual(got, sent)


@both_families
class LastingWindow(StreamCase):
    @rows("W2", "W4", "P4")
    def test_closed_window_then_opened(self):
        s, hand = self.full()
        self.assertEqual(s.poll(POLLIN | POLLOUT), 0)
        self.assertEqual(s.acked(), 0)
        hand.send(wire.ACK, window=65535)
        packet = hand.expect(wire.ACK, timeout_s=10, matches=lambda p: p.payload)
        self.assertEqual(packet.seq, hand.syn.seq + 1)

    @rows("R1")
    def test_window_opens_for_a_peer_without_scaling(self):
        # 65535 bytes are all that such a peer can be offered.
        s, hand = self.hand_connected()
        sent = 0
        window = 65535
        while window >= 2800:
            # Two segments: the second is acknowledged at once (RFC 9293 3.8.6.3).
            hand.send(wire.ACK, bytes(1400))
            hand.send(wire.ACK, bytes(1400))
            sent += 2800
            answer = hand.expect(wire.ACK, matches=lambda p: p.ack == hand.seq)
            window = answer.window
        self.assertEqual(len(s.recv_exactly(sent)), sent)
        hand.expect(wire.ACK, timeout_s=2, matches=lambda p: p.window > 32000)


@both_families
class Loopback(TunCase):
    """Both ends in the stack: the same semantics without a network."""

    @rows("G14", "W1")
    def test_bytes_arrive_unchanged(self):
        a, b = self.loopback_pair()
        data = pattern(8 << 20)[:8 << 20]
        sending = Call(a.send, data)
        self.assertEqual(b.recv_exactly(len(data)), data)
        self.assertEqual(sending.result(), len(data))

    @rows("R2", "W8", "X3")
    def test_half_close(self):
        a, b = self.loopback_pair()
        a.send(b"ping")
        a.shutdown(socket.SHUT_WR)
        self.assertEqual(b.recv_exactly(100), b"ping")
        b.send(b"pong")
        b.close()
        self.assertEqual(a.recv_exactly(100), b"pong")

    @rows("X2", "R3")
    def test_close_with_unread_data_resets(self):
        a, b = self.loopback_pair()
        a.send(b"unread")
        self.eventually(lambda: b.poll(POLLIN) & POLLIN)
        b.close()
        with self.fails(errno.ECONNRESET):
            a.recv_timeout(1, 20000)
        self.assertEqual(a.recv(1), b"")
