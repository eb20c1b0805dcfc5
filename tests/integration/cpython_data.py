# SPDX-License-Identifier: MIT
"""The CPython module: sending, receiving, reading, options."""

import contextlib
import os
import select
import socket as kernel
import threading
import time

from cpython_support import ModuleCase, run_python
from runner import rows
from slirp_support import HOST, echo

import usocket


# ---- data --------------------------------------------------------------------

class Data(ModuleCase):
    def fill(self, s):
        """Sends until nothing fits; returns how much did."""
        s.setblocking(False)
        n, idle = 0, 0
        while idle < 10:
            sent = s.write(bytes(65536))
            n += sent or 0
            idle = 0 if sent else idle + 1
            time.sleep(0 if sent else 0.02)
        return n

    @rows("W1", "W15", "M2")
    def test_large_data_both_ways(self):
        s = self.connect(echo)
        data = os.urandom(3000000)
        got = []
        reader = threading.Thread(target=lambda: got.append(s.read(2 * len(data))))
        reader.start()
        self.assertEqual(s.send(data), len(data))
        self.assertIsNone(s.sendall(memoryview(data)))
        reader.join()
        self.assertTrue(got[0] == data + data)
        self.eventually(lambda: s.getsendacksize() == 2 * len(data))

    @rows("W2", "W3", "W11")
    def test_send_deadline(self):
        client, _ = self.pair()
        client.settimeout(0.3)
        with self.takes(0.3, 0.4):
            sent = client.send(bytes(50000000))
        self.assertTrue(0 < sent < 50000000)
        self.fill(client)
        client.settimeout(0.3)
        with self.takes(0.3, 0.4), self.raises(110, TimeoutError):
            client.send(bytes(50000000))

    @rows("W2", "W11")
    def test_sendall_deadline_with_a_part_sent(self):
        client, _ = self.pair()
        client.settimeout(0.3)
        with self.takes(0.3, 0.4), self.raises(110, TimeoutError):
            client.sendall(bytes(50000000))

    @rows("W4", "W12")
    def test_send_without_blocking(self):
        client, server = self.pair()
        self.assertGreater(self.fill(client), 0)
        with self.raises(11, BlockingIOError):
            client.send(b"x" * 100000)
        self.assertIsNone(client.write(b"x" * 100000))
        with self.raises(11, BlockingIOError):
            client.sendall(b"x" * 100000)
        self.assertEqual(client.send(b""), 0)

    @rows("W5")
    def test_sending_nothing(self):
        client, _ = self.pair()
        for call in client.send, client.write:
            self.assertEqual(call(b""), 0)
        self.assertIsNone(client.sendall(b""))

    @rows("W6", "W7", "R6", "D5")
    def test_unconnected(self):
        with self.raises(107):
            self.socket().send(b"x")
        with self.raises(107):
            self.socket().recv(1)
        with self.raises(107):
            self.socket().sendto(b"x", ("127.0.0.1", 1))
        with self.raises(89):
            self.udp().send(b"x")

    @rows("R1", "R7", "R8")
    def test_recv_sizes(self):
        client, server = self.pair()
        server.sendall(b"hello")
        self.assertEqual(client.recv(0), b"")
        self.assertEqual(client.recv(2), b"he")
        self.assertEqual(client.recv(1000), b"llo")
        self.assertEqual(self.pair()[0].recv(0), b"")
        for call in client.recv, client.recvfrom:
            with self.assertRaises(ValueError):
                call(-1)
            with self.assertRaises(TypeError):
                call("1")

    @rows("R9")
    def test_recv_of_more_than_there_is_memory(self):
        client, server = self.pair()
        server.sendall(b"x")
        self.assertEqual(client.recv(1 << 60), b"x")
        data = os.urandom(300000)
        sender = threading.Thread(target=server.sendall, args=(data,))
        sender.start()
        got = b""
        while len(got) < len(data):
            got += client.recv(1 << 50)
        sender.join()
        self.assertTrue(got == data)

    @rows("R2")
    def test_end_of_stream_stays(self):
        client, server = self.pair()
        server.close()
        self.assertEqual([client.recv(5) for _ in range(3)], [b""] * 3)

    @rows("R3", "X2", "G16", "W9")
    def test_reset_is_told_once(self):
        client, server = self.pair()
        server.sendall(b"before")
        client.sendall(b"unread")
        time.sleep(0.1)
        server.close()
        time.sleep(0.1)
        self.assertEqual(client.recv(100), b"before")
        with self.raises(104, ConnectionResetError):
            client.recv(100)
        self.assertEqual(client.recv(100), b"")
        with self.raises(32, BrokenPipeError):
            client.send(b"x")

    @rows("R3", "M10")
    def test_read_before_a_reset_keeps_its_part(self):
        client, server = self.pair()
        server.sendall(b"before")
        client.sendall(b"unread")
        time.sleep(0.1)
        server.close()
        time.sleep(0.1)
        self.assertEqual(client.read(100), b"before")
        with self.raises(104, ConnectionResetError):
            client.read(100)
        self.assertEqual(client.read(100), b"")

    @rows("R3", "O9")
    def test_deferred_error_is_the_pending_one(self):
        client, server = self.pair()
        server.sendall(b"line")
        client.sendall(b"unread")
        time.sleep(0.1)
        server.close()
        time.sleep(0.1)
        self.assertEqual(client.readline(), b"line")
        self.assertEqual(client.getsockopt(usocket.SOL_SOCKET, usocket.SO_ERROR), 104)
        self.assertEqual(client.readline(), b"")

    @rows("R5")
    def test_recv_without_blocking(self):
        client, _ = self.pair()
        client.setblocking(False)
        with self.raises(11, BlockingIOError):
            client.recv(1)
        with self.raises(11, BlockingIOError):
            client.recvfrom(1)

    @rows("D1", "D2", "R10", "R11", "R14")
    def test_datagrams(self):
        a, b = self.udp(), self.udp()
        for s in a, b:
            s.bind(("127.0.0.1", 0))
            s.settimeout(5)
        self.assertEqual(a.sendto("abc", b.getsockname()), 3)
        self.assertEqual(b.recvfrom(100), (b"abc", a.getsockname()))
        self.assertEqual(a.sendto(b"", list(b.getsockname())), 0)
        self.assertEqual(b.recvfrom(100), (b"", a.getsockname()))
        a.sendto(b"0123456789", b.getsockname())
        a.sendto(b"next", b.getsockname())
        self.assertEqual(b.recv(4), b"0123")
        self.assertEqual(b.read(), b"next")
        b.settimeout(0.1)
        with self.raises(110, TimeoutError):
            b.recv(1)

    @rows("W13", "W14")
    def test_datagram_sizes(self):
        a, b = self.udp(), self.udp()
        b.bind(("127.0.0.1", 0))
        b.settimeout(5)
        a.connect(b.getsockname())
        self.assertIsNone(a.sendall(b"x" * 9000))
        self.assertEqual(len(b.recv(1 << 30)), 9000)
        with self.raises(90):
            a.send(bytes(65508))

    def test_datagrams_with_the_kernel(self):
        with contextlib.closing(kernel.socket(kernel.AF_INET, kernel.SOCK_DGRAM)) as peer:
            peer.bind(("127.0.0.1", 0))
            peer.settimeout(5)
            s = self.udp()
            s.settimeout(5)
            s.sendto(b"ping", (HOST, peer.getsockname()[1]))
            data, address = peer.recvfrom(100)
            peer.sendto(data[::-1], address)
            self.assertEqual(s.recvfrom(100), (b"gnip", (HOST, peer.getsockname()[1])))

    @rows("D4", "R13")
    def test_sendto_and_recvfrom_on_tcp(self):
        client, server = self.pair()
        self.assertEqual(client.sendto(b"x", ("192.0.2.1", 9)), 1)
        self.assertEqual(server.recvfrom(10), (b"x", client.getsockname()))

    @rows("D6")
    def test_broadcast_needs_the_option(self):
        s = self.udp()
        with self.raises(13, PermissionError):
            s.sendto(b"x", ("255.255.255.255", 9))
        s.setsockopt(usocket.SOL_SOCKET, usocket.SO_BROADCAST, 1)
        self.assertEqual(s.sendto(b"x", ("<broadcast>", 9)), 1)


# ---- read, readinto, readline ------------------------------------------------

class Reads(ModuleCase):
    @rows("M1", "M11")
    def test_read_to_the_end(self):
        for arguments in ((), (-1,), (None,)):
            client, server = self.pair()
            server.sendall(b"x" * 200000)
            self.later(0.1, server.close)
            self.assertEqual(len(client.read(*arguments)), 200000)
            self.assertEqual(client.read(*arguments), b"")
        client, server = self.pair()
        server.sendall(b"all")
        server.close()
        self.assertEqual(client.readall(), b"all")

    @rows("M2")
    def test_read_waits_for_all(self):
        client, server = self.pair()
        server.sendall(b"123")
        self.later(0.1, lambda: server.sendall(b"456789"))
        self.assertEqual(client.read(6), b"123456")
        self.assertEqual(client.read(0), b"")
        server.close()
        self.assertEqual(client.read(6), b"789")

    @rows("M3", "M5")
    def test_read_deadline_keeps_its_part(self):
        client, server = self.pair()
        client.settimeout(0.2)
        for arguments in ((10,), ()):
            server.sendall(b"part")
            with self.takes(0.2, 0.3):
                self.assertEqual(client.read(*arguments), b"part")
            with self.takes(0.2, 0.3), self.raises(110, TimeoutError):
                client.read(*arguments)

    @rows("G4")
    def test_read_deadline_is_for_the_whole_call(self):
        client, server = self.pair()
        client.settimeout(0.3)
        stop = threading.Event()

        def trickle():
            while not stop.wait(0.05):
                server.send(b"x")
        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            with self.takes(0.3, 0.4):
                self.assertGreaterEqual(len(client.read(1000)), 3)
        finally:
            stop.set()
            thread.join()

    @rows("M4")
    def test_reads_without_blocking(self):
        client, server = self.pair()
        client.setblocking(False)
        for call in (lambda: client.read(5), client.read, client.readline,
                     lambda: client.readinto(bytearray(5))):
            self.assertIsNone(call())
        server.sendall(b"abc")
        self.eventually(lambda: select.select([client], [], [], 0)[0])
        self.assertEqual(client.read(5), b"abc")

    @rows("M6")
    def test_readline_deadline_keeps_the_line(self):
        client, server = self.pair()
        client.settimeout(0.2)
        server.sendall(b"first ")
        with self.takes(0.2, 0.3), self.raises(110, TimeoutError):
            client.readline()
        server.sendall(b"second ")
        with self.raises(110, TimeoutError):
            client.readline()
        server.sendall(b"third\nrest")
        self.assertEqual(client.readline(), b"first second third\n")
        self.assertEqual(client.recv(100), b"rest")

    @rows("M6", "G5")
    def test_other_calls_take_the_kept_line_first(self):
        calls = (lambda s: s.recv(4), lambda s: s.read(4), lambda s: s.recvfrom(4)[0],
                 self.into_bytes)
        for call in calls:
            client, server = self.pair()
            client.settimeout(0.1)
            server.sendall(b"12345")
            with self.raises(110, TimeoutError):
                client.readline()
            client.settimeout(10)
            self.assertEqual(call(client), b"1234")
            server.sendall(b"6\n")
            self.assertEqual(client.readline(), b"56\n")

    def into_bytes(self, s):
        buffer = bytearray(4)
        self.assertEqual(s.readinto(buffer), 4)
        return bytes(buffer)

    @rows("M6")
    def test_recvfrom_of_a_kept_line_names_the_peer(self):
        client, server = self.pair()
        client.settimeout(0.1)
        server.sendall(b"12345")
        with self.raises(110, TimeoutError):
            client.readline()
        self.assertEqual(client.recvfrom(9), (b"12345", server.getsockname()))

    @rows("M7", "M8")
    def test_readline(self):
        client, server = self.pair()
        server.sendall(b"one\n\nlonger line\nlast")
        server.close()
        self.assertEqual(client.readline(), b"one\n")
        self.assertEqual(client.readline(), b"\n")
        self.assertEqual(client.readline(6), b"longer")
        self.assertEqual(client.readline(0), b"")
        self.assertEqual(client.readline(-1), b" line\n")
        self.assertEqual(client.readline(), b"last")
        self.assertEqual(client.readline(), b"")

    def test_readline_leaves_the_rest_for_poll(self):
        client, server = self.pair()
        server.sendall(b"one\ntwo\n")
        self.assertEqual(client.readline(), b"one\n")
        self.assertEqual(select.select([client], [], [], 0)[0], [client])
        self.assertEqual(client.readline(), b"two\n")
        self.assertEqual(select.select([client], [], [], 0)[0], [])

    def test_long_lines(self):
        client, server = self.pair()
        line = os.urandom(300000).replace(b"\n", b"x") + b"\n"
        sender = threading.Thread(target=server.sendall, args=(line + line,))
        sender.start()
        self.assertTrue(client.readline() == line)
        self.assertTrue(client.readline() == line)
        sender.join()

    @rows("M9")
    def test_readinto(self):
        client, server = self.pair()
        server.sendall(b"123456")
        buffer = bytearray(10)
        self.assertEqual(client.readinto(buffer, 4), 4)
        self.assertEqual(buffer, b"1234" + bytes(6))
        server.close()
        self.assertEqual(client.readinto(buffer, 100), 2)
        self.assertEqual(buffer[:2], b"56")
        self.assertEqual(client.readinto(buffer), 0)
        with self.assertRaises(TypeError):
            client.readinto(b"read-only")

    @rows("M9")
    def test_readinto_deadline(self):
        client, server = self.pair()
        client.settimeout(0.2)
        server.sendall(b"12")
        buffer = bytearray(10)
        self.assertEqual(client.readinto(buffer), 2)
        with self.raises(110, TimeoutError):
            client.readinto(buffer)

    @rows("X5", "X6")
    def test_makefile(self):
        s = self.socket()
        for arguments in ((), ("rb",), ("wb",), ("rwb",), ("rb", 0)):
            self.assertIs(s.makefile(*arguments), s)
        for mode in "r", "w", "rt", "":
            with self.assertRaises(ValueError):
                s.makefile(mode)

    def test_datagram_lines(self):
        a, b = self.udp(), self.udp()
        b.bind(("127.0.0.1", 0))
        b.settimeout(0.2)
        a.sendto(b"one\ntwo\nthr", b.getsockname())
        a.sendto(b"ee\n", b.getsockname())
        self.assertEqual([b.readline() for _ in range(3)], [b"one\n", b"two\n", b"three\n"])


# ---- options -----------------------------------------------------------------

class Options(ModuleCase):
    @rows("O1", "O8")
    def test_names_work_at_any_level(self):
        s = self.socket()
        for level in usocket.SOL_SOCKET, usocket.IPPROTO_TCP, usocket.IPPROTO_IP:
            s.setsockopt(level, usocket.SO_REUSEADDR, 1)
            s.setsockopt(level, usocket.TCP_KEEPALIVE, 1)
            self.assertEqual(s.getsockopt(level, usocket.SO_REUSEADDR), 1)

    @rows("O2", "O3", "O4")
    def test_keepalive_minutes(self):
        s = self.socket()
        s.setsockopt(usocket.SOL_SOCKET, usocket.TCP_KEEPALIVE, 2)
        self.assertEqual(s.getsockopt(usocket.SOL_SOCKET, usocket.SO_KEEPALIVE), 1)
        self.assertEqual(s.getsockopt(usocket.IPPROTO_TCP, usocket.TCP_KEEPIDLE), 120)
        self.assertEqual(s.getsockopt(usocket.IPPROTO_TCP, usocket.TCP_KEEPINTVL), 25)
        self.assertEqual(s.getsockopt(usocket.IPPROTO_TCP, usocket.TCP_KEEPCNT), 3)
        s.setsockopt(usocket.SOL_SOCKET, usocket.TCP_KEEPALIVE, 0)
        self.assertEqual(s.getsockopt(usocket.SOL_SOCKET, usocket.SO_KEEPALIVE), 0)
        for bad in -1, 121, 1000:
            with self.raises(22):
                s.setsockopt(usocket.SOL_SOCKET, usocket.TCP_KEEPALIVE, bad)
        with self.raises(92):
            self.udp().setsockopt(usocket.SOL_SOCKET, usocket.TCP_KEEPALIVE, 1)

    @rows("O6")
    def test_unknown_options_are_92_and_a_line(self):
        code = ("import usocket\ns = usocket.socket()\n"
                "for level, option in ((1, 999), (1, 2), (6, 999)):\n"
                "    try:\n        s.setsockopt(level, option, 1)\n"
                "    except OSError as e:\n        print(e.args[0])\n")
        done = run_python("-c", code)
        self.assertEqual(done.stdout.split(), ["92"] * 3, done.stderr)
        self.assertEqual(done.stderr.count("unknown option"), 3, done.stderr)

    def test_pythons_own_numbers_work_where_they_are_safe(self):
        s = self.socket()
        s.setsockopt(kernel.IPPROTO_TCP, kernel.TCP_NODELAY, 1)
        self.assertEqual(s.getsockopt(kernel.IPPROTO_TCP, kernel.TCP_NODELAY), 1)
        self.assertEqual(s.getsockopt(kernel.SOL_SOCKET, kernel.SO_TYPE), 1)

    @rows("O7")
    def test_values(self):
        s = self.socket()
        for bad in None, "1", 1.0, []:
            with self.assertRaises(TypeError):
                s.setsockopt(usocket.SOL_SOCKET, usocket.SO_REUSEADDR, bad)
        for bad in 1 << 31, -1 << 40, 1 << 80:
            with self.assertRaises(OverflowError):
                s.setsockopt(usocket.SOL_SOCKET, usocket.SO_REUSEADDR, bad)
        s.setsockopt(usocket.SOL_SOCKET, usocket.SO_REUSEADDR, b"\1\0\0\0")
        self.assertEqual(s.getsockopt(usocket.SOL_SOCKET, usocket.SO_REUSEADDR), 1)
        s.setsockopt(usocket.SOL_SOCKET, usocket.SO_REUSEADDR, False)
        self.assertEqual(s.getsockopt(usocket.SOL_SOCKET, usocket.SO_REUSEADDR, 4), bytes(4))
        with self.assertRaises(ValueError):
            s.getsockopt(usocket.SOL_SOCKET, usocket.SO_REUSEADDR, -1)

    @rows("O10")
    def test_tcp_info(self):
        client, server = self.pair()
        client.sendall(b"12345")
        self.assertEqual(server.recv(10), b"12345")
        self.eventually(lambda: client.getsendacksize() == 5)
        info = client.getsockopt(usocket.IPPROTO_TCP, usocket.TCP_INFO)
        self.assertEqual((info["state"], info["bytes_sent"], info["bytes_acked"]), (4, 5, 5))
        with self.raises(92):
            self.udp().getsockopt(usocket.IPPROTO_TCP, usocket.TCP_INFO)

    @rows("Q11")
    def test_getsendacksize(self):
        self.assertEqual(self.socket().getsendacksize(), -1)
        self.assertEqual(self.udp().getsendacksize(), -1)
