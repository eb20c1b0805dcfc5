# SPDX-License-Identifier: MIT
"""The CPython module: constructor, ground rules, names, connections."""

import contextlib
import gc
import os
import select
import socket as kernel
import warnings
import weakref

from cpython_support import ModuleCase
from runner import rows
from slirp_support import HOST, SILENT, echo

import usocket


# ---- the module --------------------------------------------------------------

class Module(ModuleCase):
    PAGE_METHODS = ("bind listen accept connect read readinto readline readall write send "
                    "sendall sendto recv recvfrom close setsockopt setblocking settimeout "
                    "makefile getsocketsta getsendacksize").split()
    PAGE_CONSTANTS = {"AF_INET": 2, "AF_INET6": 10, "SOCK_STREAM": 1, "SOCK_DGRAM": 2,
                      "SOCK_RAW": 3, "IPPROTO_IP": 0, "IPPROTO_TCP": 6, "IPPROTO_UDP": 17,
                      "IPPROTO_TCP_SER": 7, "TCP_CUSTOMIZE_PORT": 8, "SOL_SOCKET": 1}

    def test_constants_have_their_numbers(self):
        for name, value in self.PAGE_CONSTANTS.items():
            self.assertEqual(getattr(usocket, name), value, name)

    def test_option_names_collide_with_no_system(self):
        names = ("SO_REUSEADDR TCP_KEEPALIVE SO_BROADCAST TCP_NODELAY IP_ADD_MEMBERSHIP "
                 "IP_DROP_MEMBERSHIP").split()
        values = [getattr(usocket, name) for name in names]
        self.assertEqual(len(set(values)), len(values))
        self.assertGreater(min(values), 0x1000)

    def test_methods_are_those_of_the_page(self):
        for name in self.PAGE_METHODS:
            self.assertTrue(callable(getattr(usocket.socket, name)), name)

    def test_module_file_is_abi3(self):
        self.assertTrue(usocket._core.__file__.endswith(".abi3.so"))

    @rows("S1", "S4")
    def test_defaults_are_tcp_over_ipv4(self):
        s = self.socket()
        self.assertEqual((s.family, s.type, s.proto), (2, 1, 6))
        self.assertEqual(self.udp().proto, 17)

    @rows("S2", "S3", "S9")
    def test_wrong_arguments_to_the_constructor(self):
        with self.raises(97):
            usocket.socket(99)
        with self.raises(22):
            usocket.socket(usocket.AF_INET, 99)
        with self.raises(93):
            usocket.socket(usocket.AF_INET, usocket.SOCK_STREAM, usocket.IPPROTO_UDP)
        with self.raises(93):
            usocket.socket(usocket.AF_INET, usocket.SOCK_DGRAM, usocket.IPPROTO_TCP)
        with self.assertRaises(TypeError):
            usocket.socket(2, 1, 0, None, None)

    @rows("S3")
    def test_quectels_protocol_numbers_fit_both_types(self):
        for kind in usocket.SOCK_STREAM, usocket.SOCK_DGRAM:
            for protocol in 0, usocket.IPPROTO_TCP_SER, usocket.TCP_CUSTOMIZE_PORT:
                self.socket(usocket.AF_INET, kind, protocol)

    @rows("S10")
    def test_with_closes(self):
        with usocket.socket() as s:
            self.assertGreaterEqual(s.fileno(), 0)
        self.assertEqual(s.fileno(), -1)

    def test_repr_and_subclass(self):
        class Mine(usocket.socket):
            def __init__(self, tag):
                super().__init__()
                self.tag = tag
        s = Mine("x")
        self.addCleanup(s.close)
        self.assertIn(f"fd={s.fileno()}", repr(s))
        self.assertEqual(s.tag, "x")
        s.close()
        self.assertIn("closed", repr(s))

    def test_subclass_accepts(self):
        class Mine(usocket.socket):
            pass
        listener = Mine()
        self.addCleanup(listener.close)
        listener.listen()
        port = listener.getsockname()[1]
        client = self.socket()
        client.connect(("127.0.0.1", port))
        self.assertIs(type(listener.accept()[0]), usocket.socket)

    def test_init_again_closes_the_first(self):
        s = self.socket()
        first = s.fileno()
        s.__init__(usocket.AF_INET, usocket.SOCK_DGRAM)
        self.assertEqual(s.type, usocket.SOCK_DGRAM)
        self.assertEqual(s.fileno(), first)

    def test_descriptor_is_not_inherited(self):
        self.assertFalse(os.get_inheritable(self.socket().fileno()))

    def test_detach_and_fileno_hand_a_socket_over(self):
        client, server = self.pair()
        again = self.socket(fileno=client.detach())
        self.assertEqual(client.fileno(), -1)
        self.assertEqual((again.family, again.type), (2, 1))
        again.send(b"x")
        self.assertEqual(server.recv(1), b"x")
        with self.raises(88):
            usocket.socket(fileno=0)

    def test_foreign_modules_are_not_taken_for_ours(self):
        with self.assertRaises(TypeError):
            usocket.socket.accept(object())


# ---- rows of the ground rules ------------------------------------------------

class Ground(ModuleCase):
    @rows("G4")
    def test_timeouts_are_checked(self):
        s = self.socket()
        self.assertIsNone(s.gettimeout())
        for bad, kind in ((-1, ValueError), (-0.001, ValueError), (float("nan"), ValueError),
                          ("1", TypeError), ([], TypeError), (float("inf"), OverflowError)):
            with self.assertRaises(kind):
                s.settimeout(bad)
        self.assertIsNone(s.gettimeout())
        for good in 0, 0.0005, 1, 2.5, None:
            s.settimeout(good)
            self.assertEqual(s.gettimeout(), good)

    @rows("X8", "X10")
    def test_setblocking_is_a_timeout(self):
        s = self.socket()
        s.setblocking(False)
        self.assertEqual((s.gettimeout(), s.getblocking()), (0, False))
        s.setblocking([1])
        self.assertEqual((s.gettimeout(), s.getblocking()), (None, True))

    @rows("G4", "G6", "R4")
    def test_tiny_timeout_is_a_timeout(self):
        client, _ = self.pair()
        client.settimeout(0.0005)
        with self.takes(0, 0.02), self.raises(110, TimeoutError) as caught:
            client.recv(1)
        self.assertEqual(caught.exception.args, (110, "timed out"))

    @rows("G7")
    def test_addresses_of_wrong_shape(self):
        s = self.udp()
        for bad in "x", None, 5, ("127.0.0.1",), ("127.0.0.1", 1, 0, 0), ("a", "80"), (1, 80):
            with self.assertRaises(TypeError, msg=repr(bad)):
                s.bind(bad)
        for bad in -1, 65536, 1 << 70:
            with self.assertRaises(OverflowError):
                s.bind(("127.0.0.1", bad))
        with self.assertRaises(ValueError):
            s.bind(("a\0b", 1))
        s.bind(["127.0.0.1", 0])

    @rows("G8")
    def test_any_buffer_and_str_are_data(self):
        client, server = self.pair()
        for data in b"a", bytearray(b"a"), memoryview(b"a"), "a":
            self.assertEqual(client.send(data), 1)
        self.assertEqual(client.send("ä"), 2)
        self.assertEqual(server.read(6), b"aaaa" + "ä".encode())
        for bad in 5, None, [1]:
            with self.assertRaises(TypeError):
                client.send(bad)

    @rows("G9", "Q8")
    def test_closed_socket_is_9(self):
        s = self.socket()
        self.assertIsNone(s.close())
        self.assertIsNone(s.close())
        self.assertEqual((s.fileno(), s.getsocketsta(), s.getsendacksize()), (-1, -1, -1))
        calls = (lambda: s.bind(("", 0)), s.listen, s.accept,
                 lambda: s.connect(("127.0.0.1", 1)), lambda: s.send(b"x"),
                 lambda: s.sendall(b"x"), lambda: s.write(b"x"),
                 lambda: s.sendto(b"x", ("127.0.0.1", 1)), lambda: s.recv(1),
                 lambda: s.recv(0), lambda: s.recvfrom(1), s.read, lambda: s.read(0),
                 s.readall, s.readline, lambda: s.readinto(bytearray(1)),
                 lambda: s.readinto(bytearray(0)), lambda: s.setblocking(True),
                 lambda: s.settimeout(1), s.gettimeout, s.getblocking, s.makefile,
                 s.getsockname, s.getpeername, lambda: s.shutdown(2),
                 lambda: s.setsockopt(1, usocket.SO_REUSEADDR, 1),
                 lambda: s.getsockopt(1, usocket.SO_ERROR))
        for call in calls:
            with self.raises(9):
                call()

    @rows("G10")
    def test_close_wakes_blocked_calls(self):
        client, _ = self.pair()
        client.settimeout(None)
        self.later(0.2, client.close)
        with self.takes(0.15, 1), self.raises(9):
            client.recv(1)
        listener = self.socket()
        listener.listen()
        self.later(0.2, listener.close)
        with self.takes(0.15, 1), self.raises(9):
            listener.accept()

    @rows("G10")
    def test_collected_socket_is_closed(self):
        client, server = self.pair()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            loose = usocket.socket(fileno=client.detach())
            del loose
            gc.collect()
        self.assertEqual([w.category for w in caught], [ResourceWarning])
        self.assertEqual(server.recv(1), b"")

    @rows("G10")
    def test_fork_shares_the_socket(self):
        client, server = self.pair()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                client.send(b"from the child")
                client.close()
                status = 0
            finally:
                os._exit(status)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        self.assertEqual(server.recv(100), b"from the child")
        client.send(b"and its parent")
        self.assertEqual(server.recv(100), b"and its parent")

    @rows("G14")
    def test_loopback_is_in_the_stack(self):
        listener = self.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with contextlib.closing(kernel.socket()) as s:
            with self.assertRaises(ConnectionRefusedError):
                s.connect(("127.0.0.1", port))

    def test_weak_references(self):
        s = usocket.socket()
        ref = weakref.ref(s)
        s.close()
        del s
        self.assertIsNone(ref())


# ---- names -------------------------------------------------------------------

class Names(ModuleCase):
    @rows("A1", "A7")
    def test_two_arguments(self):
        self.assertEqual(usocket.getaddrinfo("10.1.2.3", 80),
                         [(2, 1, 0, "10.1.2.3", ("10.1.2.3", 80))])
        self.assertEqual(usocket.getaddrinfo("::1", 80), [(10, 1, 0, "::1", ("::1", 80))])

    @rows("A2")
    def test_more_arguments_are_honoured(self):
        self.assertEqual(usocket.getaddrinfo("10.1.2.3", 80, 2, 2, 17, 0),
                         [(2, 2, 17, "10.1.2.3", ("10.1.2.3", 80))])
        with self.raises(-2, kernel.gaierror):
            usocket.getaddrinfo("10.1.2.3", 80, usocket.AF_INET6)

    @rows("A3")
    def test_ports(self):
        for port in 80, "80", "http":
            self.assertEqual(usocket.getaddrinfo("10.1.2.3", port)[0][4], ("10.1.2.3", 80))
        for bad in -1, 65536, 1 << 80, "70000", "99999999999", "":
            with self.assertRaises(ValueError, msg=repr(bad)):
                usocket.getaddrinfo("10.1.2.3", bad)
        with self.raises(-8, kernel.gaierror):
            usocket.getaddrinfo("10.1.2.3", "no such service")
        for bad in 1.5, None, b"80":
            with self.assertRaises(TypeError):
                usocket.getaddrinfo("10.1.2.3", bad)

    @rows("A4", "A5")
    def test_names_that_do_not_resolve(self):
        with self.raises(-2, kernel.gaierror):
            usocket.getaddrinfo("x" * 300, 80)
        # The configured server is the stack's loopback: nobody answers there.
        with self.assertRaises(OSError) as caught:
            usocket.getaddrinfo("nobody.test", 80)
        self.assertIn(caught.exception.args[0], (-3, -4))

    @rows("A6")
    def test_empty_host_is_the_wildcard(self):
        self.assertEqual(usocket.getaddrinfo("", 80), [(2, 1, 0, "", ("0.0.0.0", 80))])

    @rows("A9")
    def test_ipv4_comes_first(self):
        found = usocket.getaddrinfo("both.test", 80)
        self.assertEqual([f[0] for f in found], [2, 10])
        self.assertEqual(usocket.getaddrinfo("both.test", 80, 10)[0][4], ("fec0::2", 80))

    @rows("A11")
    def test_only_dotted_quads_are_literals(self):
        for name in "1.2.3", "1.2.3.256", "0x7f000001":
            with self.assertRaises(OSError) as caught:
                usocket.getaddrinfo(name, 80)
            self.assertLess(caught.exception.args[0], 0)

    def test_hosts_of_wrong_type(self):
        for bad in None, 5, ["x"]:
            with self.assertRaises(TypeError):
                usocket.getaddrinfo(bad, 80)
        with self.assertRaises(ValueError):
            usocket.getaddrinfo("a\0b", 80)

    @rows("K1", "B7", "D8")
    def test_names_in_addresses(self):
        s = self.socket()
        s.connect(("peer.test", self.server(echo).port))
        self.assertEqual(s.getpeername()[0], HOST)
        s = self.udp()
        s.bind(("self.test", 0))
        self.assertEqual(s.getsockname()[0], "127.0.0.1")
        self.assertEqual(s.sendto(b"x", ("self.test", s.getsockname()[1])), 1)
        self.assertEqual(s.recv(9), b"x")


# ---- bind, listen, accept, connect -------------------------------------------

class Connections(ModuleCase):
    @rows("B1", "B2")
    def test_bind_to_a_free_port(self):
        s = self.socket()
        s.bind(("", 0))
        ip, port = s.getsockname()
        self.assertEqual(ip, "0.0.0.0")
        self.assertGreaterEqual(port, 49152)
        s.connect((HOST, self.server(echo).port))
        self.assertEqual(s.getsockname(), ("10.0.2.15", port))

    @rows("B3", "B4", "B5", "B6")
    def test_bind_errors(self):
        s = self.socket()
        s.bind(("127.0.0.1", 0))
        with self.raises(22):
            s.bind(("127.0.0.1", 0))
        with self.raises(98):
            self.socket().bind(s.getsockname())
        with self.raises(99):
            self.socket().bind(("192.0.2.1", 0))
        client, _ = self.pair()
        with self.raises(22):
            client.bind(("", 0))

    @rows("L1", "L2", "L3", "L4", "L5", "L6")
    def test_listen(self):
        s = self.socket()
        for backlog in ((), (0,), (-1,), (1000,)):
            self.assertIsNone(s.listen(*backlog))
        self.assertNotEqual(s.getsockname()[1], 0)
        self.assertEqual(s.getsocketsta(), 1)
        with self.raises(95):
            self.udp().listen()
        client, _ = self.pair()
        with self.raises(22):
            client.listen()

    @rows("C1", "C6")
    def test_accept_gives_three(self):
        listener = self.socket(usocket.AF_INET, usocket.SOCK_STREAM, usocket.IPPROTO_TCP_SER)
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        listener.settimeout(5)
        client = self.socket()
        client.connect(listener.getsockname())
        conn, address, port = listener.accept()
        self.addCleanup(conn.close)
        self.assertEqual((address, port), client.getsockname())
        self.assertIsNone(conn.gettimeout())
        self.assertEqual((conn.family, conn.type, conn.proto), (2, 1, 7))
        self.assertFalse(os.get_inheritable(conn.fileno()))

    @rows("C2", "C3", "C4", "C5")
    def test_accept_errors(self):
        with self.raises(22):
            self.socket().accept()
        with self.raises(95):
            self.udp().accept()
        listener = self.socket()
        listener.listen()
        listener.setblocking(False)
        with self.raises(11, BlockingIOError):
            listener.accept()
        listener.settimeout(0.2)
        with self.takes(0.2, 0.25), self.raises(110, TimeoutError):
            listener.accept()

    @rows("K2")
    def test_refused(self):
        s = self.socket()
        with self.raises(111, ConnectionRefusedError):
            s.connect(("127.0.0.1", 1))
        dead = self.server()
        dead.close()
        with self.raises(111, ConnectionRefusedError):
            self.socket().connect((HOST, dead.port))

    @rows("G15", "K2")
    def test_connect_again_after_a_failure(self):
        s = self.socket()
        with self.raises(111, ConnectionRefusedError):
            s.connect(("127.0.0.1", 1))
        s.connect((HOST, self.server(echo).port))
        s.send(b"x")
        self.assertEqual(s.recv(1), b"x")

    @rows("K4")
    def test_connect_deadline(self):
        s = self.socket()
        s.settimeout(0.3)
        # Nobody has this address on slirp's network, and nobody says so.
        with self.takes(0.3, 0.4), self.raises(110, TimeoutError):
            s.connect((SILENT, 9))

    @rows("K5", "K6", "K7")
    def test_connect_without_blocking(self):
        s = self.socket()
        s.setblocking(False)
        with self.raises(115, BlockingIOError):
            s.connect((SILENT, 9))
        self.assertEqual(s.getsocketsta(), 2)
        with self.raises(114, BlockingIOError):
            s.connect((SILENT, 9))
        s = self.socket()
        s.setblocking(False)
        with self.raises(115, BlockingIOError):
            s.connect((HOST, self.server(echo).port))
        self.assertEqual(select.select([], [s], [], 5)[1], [s])
        self.assertEqual(s.getsockopt(usocket.SOL_SOCKET, usocket.SO_ERROR), 0)
        with self.raises(106):
            s.connect((HOST, 1))

    @rows("K5")
    def test_connect_without_blocking_refused(self):
        s = self.socket()
        s.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            s.connect(("127.0.0.1", 1))
        self.assertEqual(select.select([], [s], [], 5)[1], [s])
        self.assertEqual(s.getsockopt(usocket.SOL_SOCKET, usocket.SO_ERROR), 111)
        self.assertEqual(s.getsockopt(usocket.SOL_SOCKET, usocket.SO_ERROR), 0)

    @rows("K8", "K13")
    def test_connect_errors(self):
        listener = self.socket()
        listener.listen()
        with self.raises(106):
            listener.connect(("127.0.0.1", 1))
        with self.raises(22):
            self.socket().connect(("127.0.0.1", 0))

    @rows("K15")
    def test_close_ends_a_connect(self):
        s = self.socket()
        self.later(0.2, s.close)
        with self.takes(0.15, 1), self.raises(9):
            s.connect((SILENT, 9))

    @rows("K11", "K12")
    def test_udp_peer(self):
        a, b, c = self.udp(), self.udp(), self.udp()
        for s in a, b, c:
            s.bind(("127.0.0.1", 0))
            s.settimeout(0.3)
        a.connect(b.getsockname())
        self.assertEqual(a.getpeername(), b.getsockname())
        c.sendto(b"from c", a.getsockname())
        b.sendto(b"from b", a.getsockname())
        self.assertEqual(a.recv(10), b"from b")
        with self.raises(110, TimeoutError):
            a.recv(10)
        a.connect(None)
        with self.raises(107):
            a.getpeername()
        with self.raises(89):
            a.send(b"x")

    def test_ipv6(self):
        listener = self.socket(usocket.AF_INET6)
        listener.bind(("::1", 0))
        listener.listen()
        for address in listener.getsockname(), (*listener.getsockname(), 0, 0):
            client = self.socket(usocket.AF_INET6)
            client.connect(address)
            conn, host, port = listener.accept()
            self.addCleanup(conn.close)
            self.assertEqual((host, port), client.getsockname())
        with self.assertRaises(OverflowError):
            self.socket(usocket.AF_INET6).connect(("::1", 1, 1 << 20, 0))

    @rows("X3", "X4", "Q6")
    def test_shutdown(self):
        client, server = self.pair()
        client.shutdown(usocket.SHUT_WR)
        self.assertEqual(server.read(), b"")
        self.eventually(lambda: client.getsocketsta() == 6)
        server.send(b"still")
        self.assertEqual(client.recv(10), b"still")
        with self.raises(32, BrokenPipeError):
            client.send(b"x")
        with self.raises(107):
            self.socket().shutdown(2)
        with self.raises(22):
            client.shutdown(9)

    @rows("Q1", "Q2", "Q4", "Q5", "Q9")
    def test_states(self):
        s = self.socket()
        self.assertEqual(s.getsocketsta(), 0)
        self.assertEqual(self.udp().getsocketsta(), -1)
        client, server = self.pair()
        self.assertEqual((client.getsocketsta(), server.getsocketsta()), (4, 4))
        server.close()
        self.eventually(lambda: client.getsocketsta() == 7)

    @rows("X11")
    def test_no_peer(self):
        with self.raises(107):
            self.socket().getpeername()
        self.assertEqual(self.socket().getsockname(), ("0.0.0.0", 0))
